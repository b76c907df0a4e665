"""Features: the per-frame vector a network sees, as named blocks; one file a layout."""

from kinescale.core.family import Family
from kinescale.features.base import Feature
from kinescale.features.base.normalizer import Normalizer

FAMILY = Family(__name__, "feature")

__all__ = ["FAMILY", "Feature", "Normalizer"]
