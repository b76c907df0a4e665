"""Scores of claims: whether a measured motion fulfills what a prompt or a label claims of it.

Only kinematics are used, so that no network judges another.
"""

from __future__ import annotations

from kinescale.core.records import Record
from kinescale.description.claims import Act, Claim
from kinescale.description.records import Description, Event

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
"""Degrees between the claimed direction and the measured mean direction of travel."""

TURN_LEAST = 30.0
SOONER_S, FLOWING_S = 0.2, 0.5
"""Seconds by which the first of two actions must begin before the second: of any two, and of two that flow together."""

MOST_SHARED = 0.3
"""Share of the shorter of two actions that the end of the first may share with the beginning of the second."""

FLOWING = frozenset({"turn", "circle", "jump", "hop", "kick", "travel"})
"""Actions that go on without a stop where one of them is travel: a run-up carries on through the leap."""

MAIN_SHARE = 0.6
"""Share of the seconds of an action that the claimed side must have."""


class Score(Record):
    """Whether a claim is fulfilled, and what was measured: a number, a word, or ``None`` where nothing was found."""

    fulfilled: bool
    measured: float | str | None


def score(claim: Claim, description: Description) -> Score:
    """Whether a motion does what is claimed of it."""
    fulfilled, measured = _SCORERS[claim.kind](claim, description)
    return Score(fulfilled=bool(fulfilled), measured=round(measured, 3) if isinstance(measured, float) else measured)


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
    """Net turn, positive to the claimed side."""
    return d.path.turn_deg if claim.side == "left" else -d.path.turn_deg


def _turn_side(claim: Claim, d: Description) -> _Found:
    return _signed(claim, d) >= TURN_LEAST, d.path.turn_deg


def _turn_angle(claim: Claim, d: Description) -> _Found:
    # without a side, half and full turns count either way
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


def comes_after(one: Event, two: Event) -> bool:
    """Whether an event follows another: it begins later, and hardly overlaps it unless the two flow together."""
    if one.kind != two.kind and "travel" in (one.kind, two.kind) and {one.kind, two.kind} <= FLOWING:
        return one.start_s + FLOWING_S <= two.start_s
    shared = one.end_s - two.start_s
    apart = {one.kind, two.kind} == {"raise_hand"} or shared <= MOST_SHARED * min(one.seconds, two.seconds)
    return one.start_s + SOONER_S <= two.start_s and apart


def _order(claim: Claim, d: Description) -> _Found:
    first = _done(claim, d)
    second = _done(claim.then, d) if claim.then else ()
    if not first or not second or claim.then is None:
        return False, (claim.action if first else None) if not second else claim.then.action if claim.then else None
    begins = first[0].start_s <= second[0].start_s and any(comes_after(first[0], two) for two in second)
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
