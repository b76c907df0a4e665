"""Phrases for composed clips: those of labels, and those of measured acts, from ``phrases.toml``.

Phrases are in the base form with the marks of ``description.grammar``: ``*`` before verbs, ``~their`` for the
possessive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from kinescale.core.records import Record
from kinescale.data.captions.phrase_book import actions, phrases
from kinescale.description.grammar import conjugate
from kinescale.io.packaged_toml import packaged_toml, phrase_table

_TABLE: Mapping[str, Any] = packaged_toml(__package__ or "", "phrases.toml")


class Pace(Record):
    """A speed class: ``low`` to ``high`` meters per second, and the words for it."""

    name: str
    low: float
    high: float
    words: tuple[str, ...]


ACTS, COUNTED = phrase_table(_TABLE["acts"]), phrase_table(_TABLE["counted"])
GAITS, DIRECTIONS, TEMPOS = (phrase_table(_TABLE[name]) for name in ("gaits", "directions", "tempos"))
WALK_PACES, RUN_PACES = (tuple(Pace.parse(entry) for entry in _TABLE[name]) for name in ("walk_paces", "run_paces"))
OFTEN, UNTURNED = tuple(_TABLE["often"]), tuple(_TABLE["unturned"])
PACE_ADVERBS = frozenset(_TABLE["pace_adverbs"])
SPRINT_M_S = 4.3

EVIDENCE: Mapping[str, tuple[tuple[str, str | None], ...]] = {
    label: tuple((kind, side or None) for kind, _, side in (event.partition(" ") for event in events))
    for label, events in _TABLE["evidence"].items()
}
"""Label -> (kind, side) of events, one of which must be measured for the label's phrases to be true of a clip."""

ONE_VERB = re.compile(r"(?:a person|someone|a figure|a man|a woman|a character) ([a-z]+s) ([^,;]*)")
"""A caption with one verb in the third person."""

NO_VERB = ("is", "has", "does", "was")
NOT_ALONE = re.compile(
    r"\b(and|then|while|after|before|again|several|times|twice|\d+|slow\w*|fast|quick\w*|brisk\w*|degrees?|metres?|"
    r"meters?|steps?|each|every|both sides|back and forth|still|in place)\b"
)
"""Words of captions of more than one act, or with numbers that hold for the whole take only."""


@lru_cache(maxsize=8192)
def label_phrases(action: str, captions: tuple[str, ...]) -> tuple[str, tuple[str, ...], bool]:
    """Class and phrases of a clip by its label, and whether they hold for any few seconds of the clip.

    No phrases for acts that are measured, and for labels that cannot be put in a few words.
    """
    words = " ".join((action, *captions)).lower()
    if action in _TABLE["labeled"]:
        return action, tuple(_TABLE["labeled"][action]), False
    if action in actions():
        some = phrases(action)
        verbs = [match.group(1) for phrase in some[:3] if (match := re.search(r"\*([a-z]+)", phrase))]
        # another corpus may mean something else by the same word
        if action in _TABLE["whole_actions"] and any(verb in words for verb in verbs):
            return action, some[:12], False
        if not action.startswith("dance"):
            return action, (), False
    for entry in _TABLE["steady"]:
        if entry["word"] in words:
            return entry["name"], tuple(entry["phrases"]), True
    return action, tuple(dict.fromkeys(found for text in captions if (found := _predicate(text)) is not None)), False


def _predicate(caption: str) -> str | None:
    """The verb phrase of a caption in the base form, marked; ``None`` where it describes more than one act."""
    match = ONE_VERB.fullmatch(caption)
    if match is None or match.group(1) in NO_VERB or NOT_ALONE.search(match.group(2)):
        return None
    third, rest = match.groups()
    base = next((b for b in _bases(third) if conjugate(b, "third") == third), None)
    rest = re.sub(r"\b(his|its|their)\b", "~their", rest)
    return None if base is None or re.search(r"\bher\b", rest) else f"*{base} {rest}".strip()


def _bases(third: str) -> tuple[str, ...]:
    """Base forms that a third person may come from, likeliest first."""
    found = [third[:-1]]
    if third.endswith("es") and third[:-2].endswith(("s", "sh", "ch", "x", "z", "o")):
        found.insert(0, third[:-2])
    if third.endswith("ies"):
        found.insert(0, third[:-3] + "y")
    return tuple(found)
