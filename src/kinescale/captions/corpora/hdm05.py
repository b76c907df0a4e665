"""hdm05: hand-written captions, one set a motion class."""

from __future__ import annotations

from kinescale.captions.corpora.base import ClipCaptions
from kinescale.captions.hdm05 import CAPTIONS
from kinescale.captions.phrase_book import mirror_sentence
from kinescale.core.errors import DataError


def describe(action: str, style: str, take: str, count: int, part: bool = False) -> ClipCaptions:
    """The class's captions, in an order of the take's own; ``DataError`` for a class nobody has described."""
    if action not in CAPTIONS:
        raise DataError(f"HDM05 class {action} has no caption; add some to captions/hdm05.py.")
    words = CAPTIONS[action][:count]
    return ClipCaptions(captions=words, mirrored=tuple(map(mirror_sentence, words)), steady=False)
