"""cmu: hand-written captions, one set a take."""

from __future__ import annotations

from kinescale.captions.cmu import CAPTIONS
from kinescale.captions.corpora.base import ClipCaptions
from kinescale.captions.phrase_book import mirror_sentence
from kinescale.core.errors import DataError


def describe(action: str, style: str, take: str, count: int) -> ClipCaptions:
    """The take's captions; ``DataError`` for a take nobody has described."""
    if take not in CAPTIONS:
        raise DataError(f"CMU take {take} ({action or 'no description'}) has no caption; add one to captions/cmu.py.")
    words = CAPTIONS[take].captions[:count]
    return ClipCaptions(captions=words, mirrored=tuple(map(mirror_sentence, words)), steady=CAPTIONS[take].steady)
