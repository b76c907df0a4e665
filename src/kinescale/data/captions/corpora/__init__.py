"""What is said of each corpus's clips; one file a corpus, offering ``describe``."""

from kinescale.core.family import Family
from kinescale.data.captions.corpora.base import ClipCaptions, with_amounts

FAMILY = Family(__name__, "captioned corpus")

__all__ = ["FAMILY", "ClipCaptions", "with_amounts"]
