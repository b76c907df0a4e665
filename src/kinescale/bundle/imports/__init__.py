"""Imports: checkpoints that other projects published, read into our networks; one file a system."""

from kinescale.core.family import Family

FAMILY = Family(__name__, "checkpoint import")

__all__ = ["FAMILY"]
