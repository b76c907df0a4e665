"""Evaluators: the frozen networks that FID and R-precision look through; one file a network."""

from kinescale.core.family import Family
from kinescale.evaluators.base import Evaluator

FAMILY = Family(__name__, "evaluator")

__all__ = ["FAMILY", "Evaluator"]
