"""Kinds of motion that small tokenizers delete, by the words of a label."""

from __future__ import annotations

import re
from collections.abc import Mapping

PEAK_KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "kick": ("kick kicks kicking roundhouse", ("foot_height",)),
    "punch": ("punch punches punching boxing jab jabs uppercut strike", ("wrist_speed",)),
    "hop": ("hop hops hopping hopscotch jump jumps jumping leap leaps leaping", ("hop_height", "hips_rise")),
    "dance": ("dance dances dancing ballet salsa charleston pirouette", ("foot_speed", "foot_height")),
}
"""Kind -> the words of labels that mean it, and the measures of ``metrics.peaks`` that must be kept."""

_WORD = re.compile(r"[A-Z]?[a-z]+")


def peak_kind(action: str) -> str:
    """The first kind of ``PEAK_KINDS`` that the label mentions, "" for none.

    Labels are words ("kick", "salsa dance") or joined ones ("kickLFront1Reps", "hopBothLegs1hops").
    """
    words_of_label = {word.lower() for word in _WORD.findall(action)}
    return next((kind for kind, (words, _) in PEAK_KINDS.items() if words_of_label & set(words.split())), "")
