"""Rules of the label check: each looks at the measures and gives a sentence when they speak against it.

Thresholds were set by looking at the corpora: they lie in the gaps between motions that do a thing and
motions that do not. Rules are written for one side; the other is checked on the mirror image.
"""

from __future__ import annotations

from collections.abc import Callable
from math import atan2, degrees, radians

from kinescale.description.label_measures import RAISED, Measures, Side

Rule = Callable[[Measures], str | None]

STRAIGHT = radians(45)
WALK_SPEED = (0.25, 2.1)
DIAGONAL = (radians(12), radians(90))
STANDING_SPEED = 0.5
LEAST_SWINGS, MOST_SWINGS = 4, 6
"""A waved hand changes direction at least 5 times in the corpora, one that is only raised at most 5 times."""

LOW_WAVE = -0.6
FLIGHT, WALK_FLIGHT = 0.03, 0.12
BRISK = 1.7
RUN_CADENCE = 2.2
KICK_HEIGHT, KNEE_HEIGHT, HOP_HEIGHT = 0.5, 0.4, 0.15
NEAR_FLOOR = 0.25
BOW = radians(10)


def rises(side: str, least: float = RAISED) -> Rule:
    """The hand goes up."""

    def rule(m: Measures) -> str | None:
        top = _of(m, side).wrist_top
        return None if top > least else f"the {side} hand is not raised: it stays {_level(top)}"

    return rule


def stays_down(side: str) -> Rule:
    """The hand does not go up."""

    def rule(m: Measures) -> str | None:
        top = _of(m, side).wrist_top
        return f"the {side} hand is raised too, up to {_level(top)}" if top > RAISED else None

    return rule


def waves(side: str) -> Rule:
    """The raised hand goes to and fro."""

    def rule(m: Measures) -> str | None:
        count = _of(m, side).swings
        if count >= LEAST_SWINGS:
            return None
        return f"the {side} hand does not wave: it changes direction {_times(count)} while up"

    return rule


def keeps_still(side: str) -> Rule:
    """The raised hand does not wave."""

    def rule(m: Measures) -> str | None:
        count = _of(m, side).swings
        if count <= MOST_SWINGS:
            return None
        return f"the {side} hand waves: it changes direction {_times(count)} while up"

    return rule


def moves_more(side: str, other: str) -> Rule:
    """One hand travels further than the other."""

    def rule(m: Measures) -> str | None:
        if _of(m, side).wrist_path >= _of(m, other).wrist_path:
            return None
        return f"the {other} hand moves more than the {side} one"

    return rule


def turns(least: float, most: float) -> Rule:
    """Net turn to the left, in radians."""

    def rule(m: Measures) -> str | None:
        if least <= m.turn <= most:
            return None
        wanted = f"{degrees(least):.0f} to {degrees(most):.0f} degrees to the left"
        return f"the body turns {_turn(m.turn)} in all; expected {wanted}"

    return rule


def keeps_heading(m: Measures) -> str | None:
    """No net turn."""
    if abs(m.turn) < STRAIGHT:
        return None
    return f"the body turns {_turn(m.turn)}; expected a steady heading"


def goes_forward(least: float, most: float = float("inf")) -> Rule:
    """Mean forward speed, meters per second, and no large sideways part."""

    def rule(m: Measures) -> str | None:
        if m.forward < least:
            return f"the body goes forward at {m.forward:.2f} m/s; expected at least {least:g}"
        if m.forward > most:
            return f"the body goes forward at {m.forward:.2f} m/s; expected at most {most:g}"
        if abs(m.leftward) > m.forward / 2:
            return f"the body goes {_direction(m)}; expected forward"
        return None

    return rule


def goes_back(m: Measures) -> str | None:
    """Travels backward."""
    if m.forward < -WALK_SPEED[0] and abs(m.leftward) < -m.forward / 2:
        return None
    return f"the body goes {_direction(m)}; expected backward"


def goes_left(m: Measures) -> str | None:
    """Travels to the left, or forward and to the left."""
    if DIAGONAL[0] <= _angle(m) <= DIAGONAL[1] and m.speed > WALK_SPEED[0]:
        return None
    return f"the body goes {_direction(m)}; expected forward and left"


def stands(m: Measures) -> str | None:
    """Stays in its place."""
    return None if m.speed < STANDING_SPEED else f"the body goes {_direction(m)}; expected to stand"


def keeps_a_foot_down(m: Measures) -> str | None:
    """Walks, not runs."""
    if m.airborne <= WALK_FLIGHT:
        return None
    return f"both feet are off the floor for {100 * m.airborne:.0f} % of the time, as in a run"


def runs(m: Measures) -> str | None:
    """Leaves the floor, or is faster than a walk, or at least steps faster (the elderly ones shuffle)."""
    if m.airborne > FLIGHT or m.forward > BRISK or m.cadence > RUN_CADENCE:
        return None
    return f"a walk rather than a run: {m.forward:.2f} m/s, {m.cadence:.1f} steps a second, never off the floor"


def kicks(side: str, other: str) -> Rule:
    """One foot goes high, the other does not go as high."""

    def rule(m: Measures) -> str | None:
        named, off = _of(m, side).foot_top, _of(m, other).foot_top
        if named >= KICK_HEIGHT and named > off:
            return None
        return f"the {side} foot rises by {named:.2f} leg lengths and the {other} one by {off:.2f}"

    return rule


def lifts_knee(side: str, other: str) -> Rule:
    """One knee goes high, the other does not go as high."""

    def rule(m: Measures) -> str | None:
        named, off = _of(m, side).knee_top, _of(m, other).knee_top
        if named >= KNEE_HEIGHT and named > off:
            return None
        return f"the {side} knee rises by {named:.2f} leg lengths and the {other} one by {off:.2f}"

    return rule


def reaches_floor(side: str, other: str) -> Rule:
    """One hand comes down to the floor, lower than the other."""

    def rule(m: Measures) -> str | None:
        named, off = _of(m, side).wrist_low, _of(m, other).wrist_low
        if named < NEAR_FLOOR and named < off:
            return None
        return f"the {side} hand sinks to {named:.2f} leg lengths over the floor, the {other} one to {off:.2f}"

    return rule


def reaches_up(side: str, other: str) -> Rule:
    """One hand goes above its shoulder, and higher than the other."""

    def rule(m: Measures) -> str | None:
        named, off = _of(m, side).wrist_top, _of(m, other).wrist_top
        if named > 0 and named > off:
            return None
        return f"the {side} hand reaches {_level(named)}, the {other} one {_level(off)}"

    return rule


def bows(m: Measures) -> str | None:
    """The trunk leans over."""
    return None if m.lean > BOW else f"the trunk leans only {degrees(m.lean):.0f} degrees more than at first"


def sinks(most: float, *, stays_low: bool) -> Rule:
    """The hips go below a share of their height; at the end they are still there, or up again."""

    def rule(m: Measures) -> str | None:
        if m.hips_low > most:
            return f"the hips sink only to {100 * m.hips_low:.0f} % of their height"
        if stays_low != (m.hips_end <= most):
            return f"the hips end at {100 * m.hips_end:.0f} % of their height"
        return None

    return rule


def hops(m: Measures) -> str | None:
    """Both feet leave the floor."""
    lower = min(m.left.foot_top, m.right.foot_top)
    if m.airborne > 0.1 and lower > HOP_HEIGHT:
        return None
    return f"no hop on both legs: one foot rises only {lower:.2f} leg lengths"


def _of(m: Measures, side: str) -> Side:
    return m.left if side == "left" else m.right


def _angle(m: Measures) -> float:
    """Direction of travel from the facing, radians, positive to the left."""
    return atan2(m.leftward, m.forward)


def _direction(m: Measures) -> str:
    if m.speed < 0.05:
        return "nowhere"
    return f"{_turn(_angle(m))} of where it faces at {m.speed:.2f} m/s"


def _turn(angle: float) -> str:
    size = f"{abs(degrees(angle)):.0f} degrees"
    return size if size in ("0 degrees", "180 degrees") else f"{size} to the {'left' if angle > 0 else 'right'}"


def _level(top: float) -> str:
    return f"{abs(top):.2f} arm lengths {'above' if top >= 0 else 'below'} the shoulder"


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
