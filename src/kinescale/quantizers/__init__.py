"""Quantizers: vectors to discrete codes and back; one file a kind, and the residual pyramid around any of them."""

from kinescale.core.family import Family
from kinescale.quantizers.base import Quantizer

FAMILY = Family(__name__, "quantizer")

__all__ = ["FAMILY", "Quantizer"]
