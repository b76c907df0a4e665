"""hdm05: hand-written captions, one set a motion class."""

from __future__ import annotations

from kinescale.core.errors import DataError
from kinescale.data.captions.corpora.base import ClipCaptions
from kinescale.data.captions.hdm05 import CAPTIONS
from kinescale.data.captions.phrase_book import mirror_sentence


def describe(action: str, style: str, take: str, count: int, part: bool = False) -> ClipCaptions:
    """The class's captions, in an order of the take's own; ``DataError`` for a class nobody has described."""
    if action not in CAPTIONS:
        raise DataError(f"HDM05 class {action} has no caption; add some to data/captions/hdm05.py.")
    words = CAPTIONS[action][:count]
    return ClipCaptions(captions=words, mirrored=tuple(map(mirror_sentence, words)), steady=False)
