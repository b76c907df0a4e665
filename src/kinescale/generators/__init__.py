"""Generators: text and coarser scales to the logits of the next scale; one package per system."""

from kinescale.core.family import Family
from kinescale.generators.base import Generator

FAMILY = Family(__name__, "generator")

__all__ = ["FAMILY", "Generator"]
