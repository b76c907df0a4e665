"""Varied captions of one measured motion: amounts, order and level of detail differ from sentence to sentence.

``varied_captions`` makes whole sentences; ``amount_suffix`` an amount to append to a sentence that names the action.
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
from kinescale.description.sentences import main_events, simultaneous

SUBJECTS = (
    *(("a person", "their"),) * 5,
    *(("someone", "their"), ("the person", "their"), ("a man", "his"), ("a woman", "her"), ("a figure", "its")),
    *(("a character", "its"), ("a human", "their")),
)
MOST_EVENTS = (1, 2, 2, 3, 3, 4)
TRIES = 6
"""Draws per sentence: duplicates are dropped."""

THEN = (", then ", " and then ", ", and then ", ", after that ", " then ")
TRAVELS = re.compile(
    r"\b(?:walk|run|jog|step|strid|sprint|dash|sneak|creep|hurr|trudg|swagger|carry|dribbl|march|go for)"
)
"""Sentences to which distance, steps and speed can be appended."""

PACES = re.compile(r"slow|brisk|quick|fast|pace|speed|hurr|sprint|dash|rush|race|bolt|charge|in place|on the spot")
"""Sentences that state the speed already."""

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
"""Event -> words of a sentence that mentions such an event already."""

LEAST_TOLD_M, LONG_S = 0.75, 8.0

_USUAL: tuple[Form, bool] = ("third", True)
_FORMS: tuple[tuple[Form, bool], ...] = (
    *((_USUAL,) * 6),
    *(("third", False), ("base", False), ("gerund", False), ("gerund", True)),
)
"""Verb form, and whether the sentence has a subject."""


def generator(key: str) -> random.Random:
    """Random generator seeded by a name."""
    return random.Random(hashlib.sha256(key.encode()).digest())


def varied_captions(description: Description, count: int, key: str) -> tuple[str, ...]:
    """Up to ``count`` distinct sentences, lower case without a full stop; the same for the same ``key``.

    Fewer where little happens. Sentences state measurements, but no times within the clip.
    """
    rng, found = generator(key), dict[str, None]()
    for number in range(TRIES * count):
        if len(found) >= count:
            break
        events = main_events(description.events, rng.choice(MOST_EVENTS))
        if not events and found:
            break  # once is enough to say that nothing happens
        # every third sentence states the order alone
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
    """Clauses joined in order: in sequence, at the same time, or one before the other."""
    clauses = [inflect(one, *form) for one in words]
    gerunds = [inflect(one, "gerund", form[1]) for one in words]
    if len(words) == 2 and not simultaneous(*events) and form[0] == "third" and rng.random() < 0.25:
        return f"{clauses[0]} before {gerunds[1]}"
    body, whiles = clauses[0], 0
    for number in range(1, len(words)):
        if not simultaneous(events[number - 1], events[number]):
            body += rng.choice(THEN) + clauses[number]
        elif not whiles and rng.random() < 0.6:
            body, whiles = f"{body} while {gerunds[number]}", 1
        else:
            body += f" and {clauses[number]}"
    return body


def amount_suffix(sentence: str, description: Description, rng: random.Random, lasting: bool) -> str:
    """An amount to append to a sentence that names the action, such as ", covering about three meters"; may be "".

    ``lasting``: the action goes on throughout, so that its duration may be stated.
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
    events = [
        one for one in main_events(description.events, 4) if one.kind in NAMED and not NAMED[one.kind].search(sentence)
    ]
    found += [f", {_gerund(event, rng, manner)}" for event in events]
    if len(events) > 1 and not simultaneous(events[0], events[1]):
        found.append(f", first {_gerund(events[0], rng, manner)}, then {_gerund(events[1], rng, manner)}")
    if lasting and description.seconds < LONG_S and (not found or rng.random() < 0.15):
        found.append(f" for {rng.choice(('about ', ''))}{manner.seconds(description.seconds)}")
    return rng.choice(found) if found else ""


def _gerund(event: Event, rng: random.Random, manner: Manner) -> str:
    return inflect(clause(event, rng, manner), "gerund", "the")


def _way(description: Description, rng: random.Random, manner: Manner) -> list[str]:
    """Distance, steps and speed."""
    path, steps = description.path, description.steps
    length = manner.length(path.distance_m, rng)
    found = [f", covering {length}", f" for {length}"]
    if steps > 1:
        found += [f", taking {manner.count(steps)} steps", f" in {manner.count(steps)} steps"]
    return [*found, f" at {rng.choice(('about ', ''))}{manner.speed(path.speed_m_s)}"]


__all__ = ["amount_suffix", "generator", "varied_captions"]
