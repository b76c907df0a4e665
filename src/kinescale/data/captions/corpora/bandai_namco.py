"""bandai_namco: captions composed from the phrase book by the action and style of the file's name.

The few takes whose motion contradicts their name are described by what they show (``data.captions.corrections``).
"""

from __future__ import annotations

from kinescale.data.captions.corpora.base import ClipCaptions
from kinescale.data.captions.corrections import OTHERWISE, SWAPPED
from kinescale.data.captions.phrase_book import mirror_action, mirror_sentence, pick

STEADY = frozenset({"walk", "walk-back", "walk-left", "walk-right", "run", "dash", "kick", "punch", "slash"})
"""Actions that go on throughout the clip, or come back every few seconds, so that crops show them.

The dances stand still for their first nine seconds, so a crop of one need not show a dance.
"""


def describe(action: str, style: str, take: str, count: int, part: bool = False) -> ClipCaptions:
    """``count`` sentences for the clip and as many for its mirror image, chosen by the take's name."""
    if take in OTHERWISE:
        words = OTHERWISE[take][:count]
        return ClipCaptions(captions=words, mirrored=tuple(map(mirror_sentence, words)), steady=False)
    action = SWAPPED.get(take, action)
    return ClipCaptions(
        captions=pick(action, style, take, count),
        mirrored=pick(mirror_action(action), style, take, count),
        steady=action in STEADY,
    )
