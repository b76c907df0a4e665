"""Records of a measured motion: events in time, the path, and both in a ``Description``.

Lengths are in meters, times in seconds from the clip's start, angles in degrees. Sides are the body's own.
"""

from __future__ import annotations

from typing import Any, Literal

from kinescale.core.records import Record
from kinescale.description.grammar import mirror_sentence

Side = Literal["left", "right", "both"]
Gait = Literal["stand", "walk", "jog", "run"]
Level = Literal["chest", "shoulder", "head", "overhead"]
Direction = Literal[
    "forward",
    "forward left",
    "left",
    "backward left",
    "backward",
    "backward right",
    "right",
    "forward right",
]
Kind = Literal[
    "travel",
    "turn",
    "circle",
    "step",
    "in_place",
    "jump",
    "hop",
    "kick",
    "knee_lift",
    "raise_hand",
    "wave",
    "clap",
    "punch",
    "bend",
    "squat",
    "sit_down",
    "sit",
    "stand_up",
    "kneel_down",
    "kneel",
    "lie_down",
    "lie",
    "stand_still",
]


class Event(Record):
    """One thing that the body does. Fields that a kind has no use for are ``None``.

    side : limb, or the side to which a turn or circle goes.
    count : repetitions within the event (waves to and fro, claps, punches, jumps on end).
    height_m : jump: rise of the hips over take-off; kick: highest ankle over the floor.
    level : how high the hand or the foot comes.
    angle_deg : turn and circle: how far, always positive; bend: lean of the trunk.
    distance_m : along the path; ``steps`` are footfalls within the event.
    """

    kind: Kind
    start_s: float
    end_s: float
    side: Side | None = None
    direction: Direction | None = None
    gait: Gait | None = None
    speed_m_s: float | None = None
    distance_m: float | None = None
    steps: int | None = None
    angle_deg: float | None = None
    count: int | None = None
    height_m: float | None = None
    level: Level | None = None

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end_s - self.start_s

    def mirrored(self) -> Event:
        """The event in the mirror image."""
        changes: dict[str, Any] = {"side": _mirrored(self.side), "direction": _mirrored(self.direction)}
        return self.model_copy(update=changes)


class Path(Record):
    """Where the body goes over the whole clip.

    distance_m : along the path, while it travels. displacement_m : from the first to the last place.
    direction : mean direction in the frame that turns with the body; ``None`` where it stays in place.
    angle_deg : the same as an angle from straight ahead, positive to the left.
    turn_deg : net change of facing, positive to the left. turned_left_deg, turned_right_deg : in turns to that side.
    circle : whether it goes round in one. speed_m_s : mean while it travels. gait : the one kept for longest.
    """

    distance_m: float
    displacement_m: float
    direction: Direction | None
    angle_deg: float | None
    turn_deg: float
    turned_left_deg: float
    turned_right_deg: float
    circle: bool
    speed_m_s: float
    gait: Gait

    def mirrored(self) -> Path:
        """The path in the mirror."""
        return self.model_copy(
            update={
                "direction": _mirrored(self.direction),
                "angle_deg": None if self.angle_deg is None else -self.angle_deg,
                "turn_deg": -self.turn_deg,
                "turned_left_deg": self.turned_right_deg,
                "turned_right_deg": self.turned_left_deg,
            }
        )


class Description(Record):
    """A motion described by measurement: the path, and events in the order of their beginning.

    leg_m : length of the legs, which scales every threshold that is a length.
    steps, jumps, hops : how many in the whole clip.
    """

    seconds: float
    leg_m: float
    path: Path
    steps: int
    jumps: int
    hops: int
    events: tuple[Event, ...]

    def of(self, *kinds: Kind) -> tuple[Event, ...]:
        """The events of some kinds, in order."""
        return tuple(event for event in self.events if event.kind in kinds)

    def mirrored(self) -> Description:
        """What is measured of the mirror image."""
        events = ordered(event.mirrored() for event in self.events)
        return self.model_copy(update={"path": self.path.mirrored(), "events": events})

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; of an event only the fields that its kind has."""
        found = super().to_json()
        found["events"] = [{k: v for k, v in event.items() if v is not None} for event in found["events"]]
        return found


def ordered(events: Any) -> tuple[Event, ...]:
    """Events by beginning, end, kind and side."""
    return tuple(sorted(events, key=lambda e: (e.start_s, e.end_s, e.kind, e.side or "")))


def _mirrored(words: str | None) -> str | None:
    return None if words is None else mirror_sentence(words)
