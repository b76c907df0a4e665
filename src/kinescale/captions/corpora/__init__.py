"""What is said of each corpus's clips; one file a corpus, offering ``describe(action, style, take, count)``."""

from kinescale.captions.corpora.base import ClipCaptions
from kinescale.core.family import Family

FAMILY = Family(__name__, "captioned corpus")

__all__ = ["FAMILY", "ClipCaptions"]
