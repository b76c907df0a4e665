"""The claim that a prompt or a label makes of a motion."""

from __future__ import annotations

from typing import Literal

from kinescale.core.records import Record
from kinescale.description.records import Direction, Gait, Kind, Side

ClaimKind = Literal["direction", "distance", "turn_side", "turn_angle", "speed", "repetition", "limb_side", "order"]


class Act(Record):
    """Something done: an action, on a side or in a direction where one is named."""

    action: Kind = "travel"
    side: Side | None = None
    direction: Direction | None = None


class Claim(Act):
    """What is claimed. Which fields count depends on the kind.

    direction : direction. distance : ``low`` to ``high`` metres. turn_side : side. turn_angle : ``low`` to ``high``
    degrees, to ``side`` where given. speed : ``gaits`` and ``low`` to ``high`` metres a second. repetition : ``action``
    exactly ``count`` times. limb_side : ``action`` with ``side``. order : ``action`` before ``then``.
    """

    kind: ClaimKind
    low: float | None = None
    high: float | None = None
    gaits: tuple[Gait, ...] = ()
    count: int | None = None
    then: Act | None = None
