"""accad: phrases for the words of the clip's name, in several sentences. The box that is carried is not there."""

from __future__ import annotations

from collections.abc import Mapping

from kinescale.data.captions import said
from kinescale.data.captions.corpora.base import ClipCaptions
from kinescale.data.captions.phrase_book import mirror_sentence

PHRASES: Mapping[str, tuple[str, ...]] = {
    "walk": ("*walk forward", "*walk", "*walk straight ahead"),
    "swagger": ("*swagger along", "*walk with a swagger", "*walk with swinging shoulders"),
    "walk with box": ("*walk forward carrying a box", "*carry a box with both hands", "*walk with a box in both arms"),
    "run with box": ("*run carrying a box", "*run forward with a box in both arms"),
    "put down box to walk": ("*put a box down and *walk on", "*set a box on the floor, then *walk away"),
    "put down box to run": ("*put a box down and *run on", "*set a box on the floor, then *run away"),
    "run to pick up box": ("*run to a box and *pick it up", "*run, *bend down and *lift a box"),
    "sway t": ("*sway", "*shift ~their weight from foot to foot", "*sway with ~their hands on the hips", "*fidget"),
    "random stuff": (
        "*do yoga",
        "*stretch, going down to the floor",
        "*go through yoga poses",
        "*do stretching exercises",
    ),
}
LASTING = frozenset({"walk", "swagger", "walk with box", "run with box", "sway t"})
LISTS = {
    "put down box to walk": ("*put a box down or *walk on", "*bend down or *walk away from a box"),
    "random stuff": ("*do yoga", "*do stretching exercises", "*go through yoga poses"),
}
"""For a window of what is done one after the other."""


def describe(action: str, style: str, take: str, count: int, part: bool = False) -> ClipCaptions:
    """Sentences on the clip, or on a window of it."""
    phrases = LISTS.get(action) if part else None
    words = said.sentences(phrases or PHRASES.get(action, (f"*do this: {action}",)), take, count)
    return ClipCaptions(captions=words, mirrored=tuple(map(mirror_sentence, words)), steady=action in LASTING)
