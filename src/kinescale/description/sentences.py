"""A description in English, at three levels of detail.

"brief" names the main events in order, "plain" adds amounts in words, "full" gives every event with figures and times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from kinescale.core.errors import InputError
from kinescale.description.grammar import inflect
from kinescale.description.records import Description, Event
from kinescale.description.words import Detail, phrase

DETAILS: tuple[Detail, ...] = get_args(Detail)

_LEVELS: Mapping[str, Detail] = {detail: detail for detail in DETAILS}

MOST_CLAUSES = {"brief": 3, "plain": 6, "full": 1000}
"""Most clauses of a sentence; of more events, the longest and most striking are kept."""

AGAIN_S = 2.0
"""Repetitions with breaks up to this are one clause with a count."""

_AT_ONCE = ("raise_hand", "wave", "clap", "punch")
_REPEATED = ("kick", "knee_lift", "squat", "jump", "hop", "punch", "bend", "raise_hand")
_STRIKING = ("jump", "kick", "turn", "circle", "wave", "lie_down", "sit_down", "kneel_down")
_IDLE = "stay in place"


def sentence(description: Description, detail: str = "plain", subject: str = "a person") -> str:
    """One sentence with a capital and a full stop. ``InputError`` for a level of detail that is none."""
    words = caption(description, detail, subject)
    return words[:1].upper() + words[1:] + "."


def caption(description: Description, detail: str = "plain", subject: str = "a person") -> str:
    """The same as captions are written: lower case, without a full stop. ``InputError`` as ``sentence``."""
    level = _LEVELS.get(detail)
    if level is None:
        raise InputError(f"'{detail}' is no level of detail; expected one of {', '.join(DETAILS)}.")
    kept = list(description.events)
    if level != "full":
        kept = _counted([event for event in kept if not _dull(event, description.events)])
    shown = _weightiest(kept, MOST_CLAUSES[level])
    if not shown:
        return f"{subject} {inflect('*' + _IDLE, 'third', 'their')}"
    parts: list[str] = []
    joined = False
    for number, event in enumerate(shown):
        words = inflect(phrase(event, level), "third", "their")
        if not number:
            parts.append(words)
            continue
        at_once = simultaneous(shown[number - 1], event)
        if at_once and event.kind in _AT_ONCE and shown[number - 1].kind == "travel":
            parts.append(f" while {inflect(phrase(event, level), 'gerund', 'their')}")
        elif at_once:
            # a second "and" wants a comma
            parts.append(f", and {words}" if joined else f" and {words}")
            joined = True
        else:
            parts.append(f", then {words}")
            joined = False
    return f"{subject} {''.join(parts)}"


def main_events(events: Sequence[Event], most: int) -> list[Event]:
    """At most ``most`` events worth a clause, in order, with repetitions as one event."""
    return _weightiest(_counted([event for event in events if not _dull(event, events)]), most)


def _weightiest(events: Sequence[Event], most: int) -> list[Event]:
    """The longest and most striking events, in order."""
    longest = sorted(events, key=lambda event: -_weight(event))[:most]
    return [event for event in events if event in longest]


def _weight(event: Event) -> float:
    """Importance: short, striking events weigh more than their seconds."""
    return event.seconds + (1.5 if event.kind in _STRIKING else 0)


def _dull(event: Event, events: Sequence[Event]) -> bool:
    """Whether an event is implied by others, or not noticeable."""
    others = [other for other in events if other is not event]
    if event.kind == "stand_still":
        return any(_shared(event, other) > 0 for other in others) or (bool(others) and event.seconds < 2)
    if event.kind in ("sit", "lie", "kneel"):
        return any(other.kind == f"{event.kind}_down" for other in others)
    if event.kind == "raise_hand":
        louder = [other for other in others if other.kind in ("wave", "clap", "punch")]
        return any(_shared(event, o) > 0 and o.side in (event.side, "both", None) for o in louder)
    return False


def _counted(events: Sequence[Event]) -> list[Event]:
    """Repetitions as one event with a count."""
    found: list[Event] = []
    for event in events:
        last = next((e for e in reversed(found) if e.kind == event.kind and e.side == event.side), None)
        if last is not None and event.kind in _REPEATED and event.start_s - last.end_s < AGAIN_S and last is found[-1]:
            count = (last.count or 1) + (event.count or 1)
            found[-1] = last.model_copy(update={"count": count, "end_s": max(last.end_s, event.end_s)})
        else:
            found.append(event)
    return found


def _shared(one: Event, other: Event) -> float:
    return min(one.end_s, other.end_s) - max(one.start_s, other.start_s)


def simultaneous(before: Event, event: Event) -> bool:
    """Whether two events overlap for most of the shorter one."""
    return _shared(before, event) > 0.5 * min(before.seconds, event.seconds)


__all__ = ["DETAILS", "Detail", "caption", "main_events", "sentence", "simultaneous"]
