"""Many sentences on one measured motion: amounts, order and level of detail vary from sentence to sentence.

``tellings`` makes whole sentences; ``tail`` puts an amount behind a sentence that says what is done.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

from kinescale.captions._grammar import Form, inflect
from kinescale.captions.measured._amounts import Manner
from kinescale.captions.measured._clauses import clause
from kinescale.captions.measured.records import Description, Event
from kinescale.captions.measured.sentences import together, told

SUBJECTS = (
    *(("a person", "their"),) * 5,
    *(("someone", "their"), ("the person", "their"), ("a man", "his"), ("a woman", "her"), ("a figure", "its")),
    *(("a character", "its"), ("a human", "their")),
)
MOST_EVENTS = (1, 2, 2, 3, 3, 4)
TRIES = 6
"""Draws for each sentence that is wanted: alike ones are dropped."""

THEN = (", then ", " and then ", ", and then ", ", after that ", " then ")
_FORMS: tuple[tuple[Form, bool], ...] = (
    *((("third", True),) * 6),
    *(("third", False), ("base", False), ("gerund", False), ("gerund", True)),
)
"""Verb form, and whether the sentence has a subject."""


def generator(key: str) -> random.Random:
    """Random draws that belong to a name."""
    return random.Random(hashlib.sha256(key.encode()).digest())


def tellings(description: Description, count: int, key: str) -> tuple[str, ...]:
    """Up to ``count`` distinct sentences, lower case without a full stop; the same for the same ``key``.

    Fewer come back where little happens. Every one tells what is measured, none of it times within the clip.
    """
    rng, found = generator(key), dict[str, None]()
    for number in range(TRIES * count):
        if len(found) >= count:
            break
        most = rng.choice(MOST_EVENTS)
        events = told(description.events, most)
        # every third sentence tells the order alone
        manner = None if number % 3 == 2 and len(events) > 1 else Manner.drawn(rng)
        found[_sentence(events, rng, manner)] = None
    return tuple(found)


def _sentence(events: Sequence[Event], rng: random.Random, manner: Manner | None) -> str:
    form, has_subject = rng.choice(_FORMS)
    who, their = rng.choice(SUBJECTS) if has_subject else ("", "your" if form == "base" else "their")
    if not has_subject and form != "base":
        their = "the"
    words = [clause(event, rng, manner) for event in events] or ["*stay in place"]
    body = _joined(words, events, (form, their), rng)
    return f"{who} {'is ' if form == 'gerund' else ''}{body}" if who else body


def _joined(words: Sequence[str], events: Sequence[Event], form: tuple[Form, str], rng: random.Random) -> str:
    """Clauses in their order: one after the other, at once, or the one before the other."""
    told_ = [inflect(one, *form) for one in words]
    gerunds = [inflect(one, "gerund", form[1]) for one in words]
    if len(words) == 2 and not together(*events) and form[0] == "third" and rng.random() < 0.25:
        return f"{told_[0]} before {gerunds[1]}"
    body = told_[0]
    for number in range(1, len(words)):
        if together(events[number - 1], events[number]):
            body += f" while {gerunds[number]}" if rng.random() < 0.6 else f" and {told_[number]}"
        else:
            body += rng.choice(THEN) + told_[number]
    return body


def tail(description: Description, rng: random.Random) -> str:
    """An amount to stand behind a sentence that names the action, such as ", covering about three meters"."""
    manner, found = Manner.drawn(rng), list[str]()
    path = description.path
    travels = description.of("travel")
    if travels and path.distance_m > 0.75:
        length = manner.length(path.distance_m, rng)
        found += [f", covering {length}", f" for {length}"]
        if description.steps > 1:
            found += [
                f", taking {manner.count(description.steps)} steps",
                f" in {manner.count(description.steps)} steps",
            ]
        found.append(f" at {rng.choice(('about ', ''))}{manner.speed(path.speed_m_s)}")
    for event in description.of("turn"):
        shown = manner.count(manner.degrees(event.angle_deg or 0.0))
        found.append(f", turning {event.side} by {shown} degrees")
    for event in description.of("raise_hand", "wave"):
        if event.side in ("left", "right") and event.level is not None:
            where = {"overhead": "above the head", "head": "at head height", "shoulder": "at shoulder height"}
            found.append(f", with the {event.side} hand {where.get(event.level, 'at chest height')}")
    if not found or rng.random() < 0.15:
        found.append(f" for {rng.choice(('about ', ''))}{manner.seconds(description.seconds)}")
    return rng.choice(found)


__all__ = ["generator", "tail", "tellings"]
