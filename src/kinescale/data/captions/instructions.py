"""Prompts whose fulfilment can be measured: a grammar of them, and the scorer that reads a ``Description``.

A prompt makes one claim of one kind. The scorer looks at kinematics alone, so that no network judges another.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import sqrt
from typing import get_args

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.data.captions.label_claims import label_claims
from kinescale.description.claims import Act, Claim, ClaimKind
from kinescale.description.grammar import inflect
from kinescale.description.instruction_grammar import claims_with_words
from kinescale.description.records import Description, Event

KINDS: tuple[ClaimKind, ...] = get_args(ClaimKind)

SUBJECTS = (("a person", "their"), ("someone", "their"), ("a man", "his"), ("a woman", "her"), ("a figure", "its"))
Z_95 = 1.959964

ANGLES = {
    "forward": 0.0,
    "forward left": 45.0,
    "left": 90.0,
    "backward left": 135.0,
    "backward": 180.0,
    "backward right": -135.0,
    "right": -90.0,
    "forward right": -45.0,
}
DIRECTION_WITHIN = 30.0
"""Degrees between the direction asked for and the measured mean direction of travel."""

TURN_LEAST = 30.0
SOONER_S = 0.2
"""Seconds by which the first of two actions must begin before the second."""

MAIN_SHARE = 0.6
"""Share of the seconds of an action that the side asked for must have."""


class Instruction(Record):
    """A prompt and the one claim that it makes."""

    prompt: str
    claim: Claim

    @property
    def kind(self) -> ClaimKind:
        """The claim's kind."""
        return self.claim.kind


class Score(Record):
    """Whether a claim is fulfilled, and what was measured: a number, a word, or ``None`` where nothing was found."""

    fulfilled: bool
    measured: float | str | None


class Rate(Record):
    """How often claims of a kind were fulfilled, with the 95 % Wilson interval; all ``None`` for no claims."""

    kind: ClaimKind
    done: int
    count: int
    rate: float | None
    low: float | None
    high: float | None


def instructions(count: int, seed: int, kinds: Sequence[str] = KINDS) -> tuple[Instruction, ...]:
    """``count`` distinct prompts, spread evenly over ``kinds``; the same for the same seed.

    Every claim of a kind comes once before one comes again in other words. ``InputError`` for a kind that is none, or
    for more prompts than the grammar has.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds or count < 0:
        what = f"'{unknown[0]}' is no kind of claim" if unknown else f"{count} prompts of {len(kinds)} kinds"
        raise InputError(f"{what}; expected at least 0 prompts of kinds among {', '.join(KINDS)}.")
    rng = random.Random(seed)
    asked: list[ClaimKind] = [kind for kind in KINDS if set(kinds) & {kind}]
    queues = {kind: _shuffled(kind, rng) for kind in asked}
    found: list[Instruction] = []
    seen: set[str] = set()
    while len(found) < count:
        before = len(found)
        for kind in asked:
            fresh = next((one for one in queues[kind] if one.prompt not in seen), None)
            if fresh is not None and len(found) < count:
                found.append(fresh)
                seen.add(fresh.prompt)
        if len(found) == before:
            raise InputError(f"{count} prompts asked for; the grammar has {before} of {', '.join(asked)}.")
    return tuple(found)


def score(claim: Claim, description: Description) -> Score:
    """Whether a motion does what is claimed of it."""
    fulfilled, measured = _SCORERS[claim.kind](claim, description)
    return Score(fulfilled=bool(fulfilled), measured=round(measured, 3) if isinstance(measured, float) else measured)


def rates(scored: Iterable[tuple[ClaimKind, bool]]) -> tuple[Rate, ...]:
    """The rate of each kind, in the order of ``KINDS``, from (kind, fulfilled) pairs."""
    done: dict[str, list[bool]] = defaultdict(list)
    for kind, fulfilled in scored:
        done[kind].append(fulfilled)
    found = []
    for kind in KINDS:
        right, count = sum(done[kind]), len(done[kind])
        low, high = wilson(right, count) if count else (None, None)
        rate = right / count if count else None
        found.append(Rate(kind=kind, done=right, count=count, rate=rate, low=low, high=high))
    return tuple(found)


def wilson(done: int, count: int, z: float = Z_95) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927). ``InputError`` unless 0 <= done <= count and count > 0."""
    if not 0 <= done <= count or count == 0:
        raise InputError(f"{done} of {count}; expected a count above 0 and no more done than that.")
    share = done / count
    middle = share + z * z / (2 * count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    # at the ends the interval closes exactly, whatever rounding says
    low = 0.0 if done == 0 else (middle - half) / scale
    return low, 1.0 if done == count else (middle + half) / scale


def _shuffled(kind: ClaimKind, rng: random.Random) -> list[Instruction]:
    """All prompts of a kind: rounds in which each claim comes once, with other words and another subject."""
    entries = claims_with_words(kind)
    rounds: list[Instruction] = []
    most = max(len(words) for _, words in entries)
    starts = [rng.randrange(len(words)) for _, words in entries]
    for turn in range(most * len(SUBJECTS)):
        order = rng.sample(range(len(entries)), len(entries))
        for at in order:
            claim, words = entries[at]
            who, their = SUBJECTS[(turn // len(words) + turn + at) % len(SUBJECTS)]
            phrase = words[(starts[at] + turn) % len(words)]
            rounds.append(Instruction(prompt=f"{who} {inflect(phrase, 'third', their)}", claim=claim))
    return rounds


_Found = tuple[bool, float | str | None]


def _direction(claim: Claim, d: Description) -> _Found:
    angle = d.path.angle_deg
    if angle is None or claim.direction is None:
        return False, None
    apart = abs((angle - ANGLES[claim.direction] + 180) % 360 - 180)
    return apart <= DIRECTION_WITHIN, angle


def _distance(claim: Claim, d: Description) -> _Found:
    return _within(claim, d.path.distance_m), d.path.distance_m


def _signed(claim: Claim, d: Description) -> float:
    """Net turn, positive to the side asked for."""
    return d.path.turn_deg if claim.side == "left" else -d.path.turn_deg


def _turn_side(claim: Claim, d: Description) -> _Found:
    return _signed(claim, d) >= TURN_LEAST, d.path.turn_deg


def _turn_angle(claim: Claim, d: Description) -> _Found:
    # half a turn and a full one are as good either way round where no side is named
    turned = _signed(claim, d) if claim.side else abs(d.path.turn_deg)
    return _within(claim, turned), d.path.turn_deg


def _speed(claim: Claim, d: Description) -> _Found:
    gait = not claim.gaits or d.path.gait in claim.gaits
    return gait and _within(claim, d.path.speed_m_s), d.path.speed_m_s


def _repetition(claim: Claim, d: Description) -> _Found:
    found = d.steps if claim.action == "step" else sum(event.count or 1 for event in _done(claim, d))
    return found == claim.count, float(found)


def _limb_side(claim: Claim, d: Description) -> _Found:
    seconds = {"left": 0.0, "right": 0.0, "both": 0.0}
    for event in d.of(claim.action):
        seconds[event.side or "both"] += event.seconds
    total = sum(seconds.values())
    if not total or claim.side is None:
        return False, None
    return seconds[claim.side] >= MAIN_SHARE * total, max(seconds, key=lambda side: seconds[side])


def _order(claim: Claim, d: Description) -> _Found:
    first = _done(claim, d)
    second = _done(claim.then, d) if claim.then else ()
    if not first or not second or claim.then is None:
        return False, (claim.action if first else None) if not second else claim.then.action if claim.then else None
    begins = first[0].start_s + SOONER_S <= second[0].start_s
    words = [claim.action, claim.then.action] if begins else [claim.then.action, claim.action]
    return begins, ", ".join(words)


def _done(claim: Act, d: Description) -> tuple[Event, ...]:
    """The events of an action, on its side where it names one."""
    found = d.of(claim.action)
    if claim.action == "turn":
        found = d.of("turn", "circle")
    if claim.side is not None:
        found = tuple(event for event in found if event.side == claim.side)
    if claim.direction is not None:
        found = tuple(event for event in found if (event.direction or "").startswith(claim.direction))
    return found


def _within(claim: Claim, value: float) -> bool:
    return (claim.low is None or value >= claim.low) and (claim.high is None or value <= claim.high)


_SCORERS = {
    "direction": _direction,
    "distance": _distance,
    "turn_side": _turn_side,
    "turn_angle": _turn_angle,
    "speed": _speed,
    "repetition": _repetition,
    "limb_side": _limb_side,
    "order": _order,
}

__all__ = [
    "KINDS",
    "Act",
    "Claim",
    "Instruction",
    "Rate",
    "Score",
    "instructions",
    "label_claims",
    "rates",
    "score",
    "wilson",
]
