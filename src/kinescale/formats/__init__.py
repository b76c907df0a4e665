"""Motion file formats: one module or package each, with ``read`` and/or ``write``, chosen by suffix."""

from kinescale.core.family import Family
from kinescale.formats.base import read_motion, write_motion

FAMILY = Family(__name__, "format")

__all__ = ["FAMILY", "read_motion", "write_motion"]
