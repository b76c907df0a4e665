"""What is said of each corpus's clips; one file a corpus, offering ``describe``."""

from kinescale.captions.corpora.base import ClipCaptions, with_amounts
from kinescale.core.family import Family

FAMILY = Family(__name__, "captioned corpus")

__all__ = ["FAMILY", "ClipCaptions", "with_amounts"]
