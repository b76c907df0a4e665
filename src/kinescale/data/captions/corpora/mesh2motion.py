"""mesh2motion: phrases by the words of the clip's name, in several sentences."""

from __future__ import annotations

from kinescale.data.captions import said
from kinescale.data.captions.corpora.base import ClipCaptions
from kinescale.data.captions.game_words import phrases
from kinescale.data.captions.phrase_book import mirror_sentence


def describe(action: str, style: str, take: str, count: int, part: bool = False) -> ClipCaptions:
    """Sentences on the clip; what loops in place is said to."""
    found, lasting = phrases(action)
    words = said.sentences(found, take, count)
    return ClipCaptions(captions=words, mirrored=tuple(map(mirror_sentence, words)), steady=lasting)
