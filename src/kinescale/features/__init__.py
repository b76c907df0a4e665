"""Features: the per-frame vector a network sees, as named blocks; one file a layout."""

from kinescale.core.family import Family
from kinescale.features._normaliser import Normaliser
from kinescale.features.base import Feature

FAMILY = Family(__name__, "feature")

__all__ = ["FAMILY", "Feature", "Normaliser"]
