"""Measurable claims about a motion, made by a prompt or a label."""

from __future__ import annotations

from typing import Literal

from kinescale.core.records import Record
from kinescale.description.records import Direction, Gait, Kind, Side

ClaimKind = Literal["direction", "distance", "turn_side", "turn_angle", "speed", "repetition", "limb_side", "order"]


class Act(Record):
    """An action, with a side or a direction where one is named."""

    action: Kind = "travel"
    side: Side | None = None
    direction: Direction | None = None


class Claim(Act):
    """One claim; the fields that count depend on its kind.

    direction : direction. distance : ``low`` to ``high`` meters. turn_side : side. turn_angle : ``low`` to ``high``
    degrees, to ``side`` where given. speed : ``gaits`` and ``low`` to ``high`` meters per second. repetition :
    ``action`` exactly ``count`` times. limb_side : ``action`` with ``side``. order : ``action``, then ``then``
    (``claim_scores.comes_after``).
    """

    kind: ClaimKind
    low: float | None = None
    high: float | None = None
    gaits: tuple[Gait, ...] = ()
    count: int | None = None
    then: Act | None = None


ANGLE_WITHIN = 25.0
"""Degrees by which a turn may differ from the claimed angle."""

SLOW, BRISK = 0.9, 1.35
"""Meters per second up to which a walk is slow, and from which it is fast."""

RUNNING: tuple[Gait, ...] = ("jog", "run")


def travels(direction: Direction) -> Claim:
    """Claim: the body travels in this direction."""
    return Claim(kind="direction", direction=direction)


def moves_at(*gaits: Gait, low: float | None = None, high: float | None = None) -> Claim:
    """Claim: one of the gaits, at ``low`` to ``high`` meters per second."""
    return Claim(kind="speed", gaits=gaits, low=low, high=high)


def turns_to(side: Side) -> Claim:
    """Claim: the body turns to this side."""
    return Claim(kind="turn_side", action="turn", side=side)


def turns_corner(side: Side) -> Claim:
    """Claim: the body turns by a right angle to this side."""
    return Claim(kind="turn_angle", action="turn", side=side, low=90 - ANGLE_WITHIN, high=90 + ANGLE_WITHIN)


def uses_limb(action: Kind, side: Side) -> Claim:
    """Claim: the action is performed with the limb of this side."""
    return Claim(kind="limb_side", action=action, side=side)


def repeats(action: Kind, count: int) -> Claim:
    """Claim: the action happens exactly ``count`` times."""
    return Claim(kind="repetition", action=action, count=count)


def in_order(first: Act, second: Act) -> Claim:
    """Claim: ``second`` follows ``first``."""
    return Claim(kind="order", **first.model_dump(), then=second)


STANDS = moves_at("stand")
