"""Metrics: one number (or a few) from embeddings, joint positions or tokens; one file a metric."""

from kinescale.core.family import Family

FAMILY = Family(__name__, "metric")

__all__ = ["FAMILY"]
