"""cmu: the published one-line description in sentences, beside hand-written captions of the takes that have some."""

from __future__ import annotations

from kinescale.data.captions import said
from kinescale.data.captions.cmu import CAPTIONS
from kinescale.data.captions.corpora.base import ClipCaptions
from kinescale.data.captions.descriptions import read
from kinescale.data.captions.phrase_book import mirror_sentence

SUBJECTS = {"94": "indian dance"}
"""What the set says of a subject whose takes it leaves undescribed."""


def describe(action: str, style: str, take: str, count: int, part: bool = False) -> ClipCaptions:
    """Sentences on the take, or on a window of it; those by hand come first where they hold for the window."""
    found = read(action, SUBJECTS.get(take.split("_")[0], ""))
    known = CAPTIONS.get(take)
    own = known.captions if known is not None and (known.steady or not part) else ()
    made = said.sentences(found.phrases(part), take, count)
    words = tuple(dict.fromkeys((*own, *made)))[:count]
    steady = known.steady if known is not None else found.lasting
    return ClipCaptions(captions=words, mirrored=tuple(map(mirror_sentence, words)), steady=steady)
