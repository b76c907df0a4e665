"""Evaluators: frozen text-motion embedding networks for FID and R-precision; one file per network."""

from kinescale.core.family import Family
from kinescale.evaluators.base import Evaluator

FAMILY = Family(__name__, "evaluator")

__all__ = ["FAMILY", "Evaluator"]
