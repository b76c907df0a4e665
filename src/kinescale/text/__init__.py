"""Text encoders: sentences to token features; one file each. Only here is a text library imported."""

from kinescale.core.family import Family
from kinescale.text.base import TextEncoder

FAMILY = Family(__name__, "text encoder")

__all__ = ["FAMILY", "TextEncoder"]
