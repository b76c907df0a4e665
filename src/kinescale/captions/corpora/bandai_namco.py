"""bandai_namco: captions composed from the phrase book by the action and style of the file's name."""

from __future__ import annotations

from kinescale.captions.corpora.base import ClipCaptions
from kinescale.captions.phrase_book import mirror_action, pick

STEADY = frozenset(
    {"walk", "walk-back", "walk-left", "walk-right", "run", "dash", "dance-short", "dance-long"}
)
"""Actions that go on throughout the clip, so that any crop shows them."""


def describe(action: str, style: str, take: str, count: int) -> ClipCaptions:
    """``count`` sentences for the clip and as many for its mirror image, chosen by the take's name."""
    return ClipCaptions(
        captions=pick(action, style, take, count),
        mirrored=pick(mirror_action(action), style, take, count),
        steady=action in STEADY,
    )
