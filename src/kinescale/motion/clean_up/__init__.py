"""Clean-up steps for captured motions: floor, jitter, foot lock; each is optional and reports its corrections."""

from kinescale.core.family import Family
from kinescale.motion.clean_up.base import Cleaned

FAMILY = Family(__name__, "clean-up")

__all__ = ["FAMILY", "Cleaned"]
