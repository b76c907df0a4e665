"""Samplers: free functions that draw a token pyramid from a generator; one file a way of drawing."""

from kinescale.core.family import Family

FAMILY = Family(__name__, "sampler")

__all__ = ["FAMILY"]
