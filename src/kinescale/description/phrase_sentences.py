"""Sentences from phrases: each phrase with several subjects and verb forms (``*`` marks verbs, see ``grammar``)."""

from __future__ import annotations

import random
from collections.abc import Sequence

from kinescale.description.detailed import SUBJECTS, generator
from kinescale.description.grammar import Form, inflect

_USUAL: tuple[Form, bool] = ("third", True)
_FORMS: tuple[tuple[Form, bool], ...] = (
    *((_USUAL,) * 5),
    *(("gerund", True), ("third", False), ("base", False), ("gerund", False)),
)
FIRST_WEIGHT, PHRASE_WEIGHT = 3.0, 1.0
"""Weights of the first phrase and of each other one."""
TRIES = 8


def sentences(phrases: Sequence[str], key: str, count: int) -> tuple[str, ...]:
    """Up to ``count`` distinct sentences on ``phrases``, lower case without a full stop; the same for the same key."""
    rng = generator(f"said {key}")
    weights = [FIRST_WEIGHT if number == 0 else PHRASE_WEIGHT for number in range(len(phrases))]
    found: dict[str, None] = {}
    for _ in range(TRIES * count):
        if len(found) >= count or not phrases:
            break
        (phrase,) = rng.choices(phrases, weights)
        found[_sentence(phrase, rng)] = None
    return tuple(found)


def _sentence(phrase: str, rng: random.Random) -> str:
    form, has_subject = rng.choice(_FORMS)
    if not has_subject:
        return inflect(phrase, form, "your" if form == "base" else "the")
    who, their = rng.choice(SUBJECTS)
    return f"{who} {'is ' if form == 'gerund' else ''}{inflect(phrase, form, their)}"


def listed(phrases: Sequence[str], word: str) -> str:
    """Phrases as a list with ``word`` before the last: "*walk, *sit and *stand up"."""
    if len(phrases) < 2:
        return "".join(phrases)
    return f"{', '.join(phrases[:-1])} {word} {phrases[-1]}"
