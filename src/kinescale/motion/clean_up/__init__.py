"""Clean-up, optional and separate: one file a step, each says what it moved."""

from kinescale.core.family import Family
from kinescale.motion.clean_up.base import Cleaned

FAMILY = Family(__name__, "clean-up")

__all__ = ["FAMILY", "Cleaned"]
