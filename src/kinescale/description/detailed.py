"""Many sentences on one measured motion: amounts, order and level of detail vary from sentence to sentence.

``tellings`` makes whole sentences; ``tail`` puts an amount behind a sentence that says what is done.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping, Sequence

from kinescale.description.amounts import Manner
from kinescale.description.clauses import clause, pace
from kinescale.description.grammar import Form, inflect
from kinescale.description.records import Description, Event, Kind
from kinescale.description.sentences import together, told

SUBJECTS = (
    *(("a person", "their"),) * 5,
    *(("someone", "their"), ("the person", "their"), ("a man", "his"), ("a woman", "her"), ("a figure", "its")),
    *(("a character", "its"), ("a human", "their")),
)
MOST_EVENTS = (1, 2, 2, 3, 3, 4)
TRIES = 6
"""Draws for each sentence that is wanted: alike ones are dropped."""

THEN = (", then ", " and then ", ", and then ", ", after that ", " then ")
TRAVELS = re.compile(
    r"\b(?:walk|run|jog|step|strid|sprint|dash|sneak|creep|hurr|trudg|swagger|carry|dribbl|march|go for)"
)
"""Sentences to which distance, steps and speed fit."""

PACES = re.compile(r"slow|brisk|quick|fast|pace|speed|hurr|sprint|dash|rush|race|bolt|charge|in place|on the spot")
"""Sentences that say how fast."""

_TURNS = re.compile(r"turn|degree|veer|circle|spin|pirouette|curv|whirl|round")
_HANDS = re.compile(r"hand|arm|wav|rais|lift|reach")
NAMED: Mapping[Kind, re.Pattern[str]] = {
    "turn": _TURNS,
    "circle": _TURNS,
    "raise_hand": _HANDS,
    "wave": _HANDS,
    "kick": re.compile(r"kick"),
    "jump": re.compile(r"jump|leap|hop"),
    "hop": re.compile(r"jump|leap|hop"),
    "squat": re.compile(r"squat|crouch|knee"),
    "bend": re.compile(r"bend|bow|lean"),
    "knee_lift": re.compile(r"knee|leg|kick"),
}
"""Event -> words of a sentence that speaks of the like already; travel is told by its own words."""

LEAST_TOLD_M, LONG_S = 0.75, 8.0

_USUAL: tuple[Form, bool] = ("third", True)
_FORMS: tuple[tuple[Form, bool], ...] = (
    *((_USUAL,) * 6),
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
        events = told(description.events, rng.choice(MOST_EVENTS))
        if not events and found:
            break  # once is enough to say that nothing happens
        # every third sentence tells the order alone
        manner = None if number % 3 == 2 and len(events) > 1 else Manner.drawn(rng)
        found[_sentence(events, rng, manner)] = None
    return tuple(found)


def _sentence(events: Sequence[Event], rng: random.Random, manner: Manner | None) -> str:
    form, has_subject = rng.choice(_FORMS)
    who, their = rng.choice(SUBJECTS) if has_subject else ("", "your" if form == "base" else "the")
    words = [clause(event, rng, manner) for event in events] or ["*stay in place"]
    body = _joined(words, events, (form, their), rng)
    return f"{who} {'is ' if form == 'gerund' else ''}{body}" if who else body


def _joined(words: Sequence[str], events: Sequence[Event], form: tuple[Form, str], rng: random.Random) -> str:
    """Clauses in their order: one after the other, at once, or the one before the other."""
    told_ = [inflect(one, *form) for one in words]
    gerunds = [inflect(one, "gerund", form[1]) for one in words]
    if len(words) == 2 and not together(*events) and form[0] == "third" and rng.random() < 0.25:
        return f"{told_[0]} before {gerunds[1]}"
    body, whiles = told_[0], 0
    for number in range(1, len(words)):
        if not together(events[number - 1], events[number]):
            body += rng.choice(THEN) + told_[number]
        elif not whiles and rng.random() < 0.6:
            body, whiles = f"{body} while {gerunds[number]}", 1
        else:
            body += f" and {told_[number]}"
    return body


def tail(sentence: str, description: Description, rng: random.Random, lasting: bool) -> str:
    """An amount to stand behind a sentence that names the action, such as ", covering about three meters"; may be "".

    ``lasting``: the action goes on throughout, so that how long it takes may be said.
    """
    manner, found = Manner.drawn(rng), list[str]()
    travels = description.of("travel")
    if travels and TRAVELS.search(sentence) and description.path.distance_m > LEAST_TOLD_M:
        ways = _way(description, rng, manner)
        # behind "runs, out of strength" only what has a comma too
        found += ways if "," not in sentence else [way for way in ways if way.startswith(",")]
        if "," not in sentence and not PACES.search(sentence):
            # as often as distance and steps together
            found += [pace(max(travels, key=lambda event: event.seconds), rng)] * 3
    events = [one for one in told(description.events, 4) if one.kind in NAMED and not NAMED[one.kind].search(sentence)]
    found += [f", {_gerund(event, rng, manner)}" for event in events]
    if len(events) > 1 and not together(events[0], events[1]):
        found.append(f", first {_gerund(events[0], rng, manner)}, then {_gerund(events[1], rng, manner)}")
    if lasting and description.seconds < LONG_S and (not found or rng.random() < 0.15):
        found.append(f" for {rng.choice(('about ', ''))}{manner.seconds(description.seconds)}")
    return rng.choice(found) if found else ""


def _gerund(event: Event, rng: random.Random, manner: Manner) -> str:
    return inflect(clause(event, rng, manner), "gerund", "the")


def _way(description: Description, rng: random.Random, manner: Manner) -> list[str]:
    """How far, in how many steps, how fast."""
    path, steps = description.path, description.steps
    length = manner.length(path.distance_m, rng)
    found = [f", covering {length}", f" for {length}"]
    if steps > 1:
        found += [f", taking {manner.count(steps)} steps", f" in {manner.count(steps)} steps"]
    return [*found, f" at {rng.choice(('about ', ''))}{manner.speed(path.speed_m_s)}"]


__all__ = ["generator", "tail", "tellings"]
