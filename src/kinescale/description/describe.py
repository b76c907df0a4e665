"""From a motion to its ``Description``: every measurement once, put together."""

from __future__ import annotations

from collections.abc import Mapping
from math import degrees

import numpy as np

from kinescale.description import hands as _hands
from kinescale.description import in_place as _in_place
from kinescale.description import posture as _posture
from kinescale.description import travel as _travel
from kinescale.description.body import Body, body_of
from kinescale.description.feet import feet_of, jumps, kicks, knee_lifts, without_landings
from kinescale.description.records import Description, Event, Gait, Kind, Path, ordered
from kinescale.motion.motion import Motion


def describe(motion: Motion) -> Description:
    """What a motion does, measured from its joints alone, on any skeleton whose legs have roles.

    ``SkeletonError`` when they have none. Arms and trunk that are not known are not spoken of.
    """
    body = body_of(motion)
    feet = feet_of(body)
    flights = jumps(body, feet)
    feet = without_landings(feet, flights, body.fps)
    found = [
        *_travel.travels(body, feet),
        *_travel.turns(body, feet),
        *flights,
        *kicks(body),
        *knee_lifts(body),
        *_in_place.steps_in_place(body),
        *_posture.bends(body),
        *_posture.lows(body, feet),
        *_posture.stillness(body),
    ]
    if body.has_arms:
        found += [*_hands.raised_hands(body), *_hands.waves(body), *_hands.claps(body), *_hands.punches(body)]
    events = _settled(ordered(found))
    return Description(
        seconds=round(body.seconds, 3),
        leg_m=round(body.leg, 3),
        path=_path(body, events),
        steps=len(feet.steps),
        jumps=sum(event.count or 1 for event in flights if event.kind == "jump"),
        hops=sum(event.count or 1 for event in flights if event.kind == "hop"),
        events=events,
    )


def _path(body: Body, events: tuple[Event, ...]) -> Path:
    travels = [event for event in events if event.kind == "travel"]
    turns = [event for event in events if event.kind in ("turn", "circle")]
    way = sum(event.distance_m or 0.0 for event in travels)
    seconds = sum((event.distance_m or 0.0) / event.speed_m_s for event in travels if event.speed_m_s)
    angle = _travel.mean_angle(body, (0, body.frames)) if travels else None
    by_side = {side: sum(e.angle_deg or 0.0 for e in turns if e.side == side) for side in ("left", "right")}
    return Path(
        distance_m=round(way, 3),
        displacement_m=round(float(np.linalg.norm(body.path[-1] - body.path[0])), 3),
        direction=None if angle is None else _travel.direction_of(angle),
        angle_deg=None if angle is None else round(degrees(angle), 1),
        turn_deg=round(_travel.net_turn(body), 1),
        turned_left_deg=round(by_side["left"], 1),
        turned_right_deg=round(by_side["right"], 1),
        circle=any(event.kind == "circle" for event in turns),
        speed_m_s=round(way / seconds, 3) if seconds else 0.0,
        gait=_gait(travels),
    )


def _gait(travels: list[Event]) -> Gait:
    """The gait kept for longest."""
    seconds: dict[Gait, float] = {"stand": 0.0}
    for event in travels:
        if event.gait is not None:
            seconds[event.gait] = seconds.get(event.gait, 0.0) + event.seconds
    return max(seconds, key=lambda gait: seconds[gait])


def _settled(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Events that only show another side of one that is listed are left out."""
    return tuple(event for event in events if not any(_hides(other, event) for other in events))


_LOW = ("sit", "sit_down", "stand_up", "kneel", "kneel_down", "lie", "lie_down")
_HIDDEN_BY: Mapping[Kind, Mapping[Kind, float]] = {
    "in_place": {**dict.fromkeys(("travel", "turn", "circle", "jump", "hop", "kick", *_LOW), 0.4), "stand_still": 0.9},
    "knee_lift": {**dict.fromkeys(("travel", "jump", "squat", *_LOW), 0.0), "in_place": 0.3},
    "bend": dict.fromkeys(_LOW, 0.0),
    "turn": dict.fromkeys(("sit", "lie", "lie_down", "kneel"), 0.3),
    "raise_hand": dict.fromkeys(("lie", "lie_down"), 0.5),
    "wave": {**dict.fromkeys(("squat", "punch", "clap", "jump", "kick", *_LOW), 0.3), "bend": 0.6},
    "stand_still": dict.fromkeys(("sit", "lie", "kneel"), 0.6),
    "travel": dict.fromkeys(("jump", "hop", "lie_down", "sit_down", "kneel_down"), 0.6),
    "squat": {"jump": 0.3},
    "clap": {"travel": 0.5},
}
"""Kind -> the kinds that hide it where they take more than this share of its time."""

TWIST_DEG = 60.0
MOSTLY = 0.25


def _hides(other: Event, event: Event) -> bool:
    """Whether ``event`` is only another side of ``other``."""
    if other is event:
        return False
    shared = min(other.end_s, event.end_s) - max(other.start_s, event.start_s)
    if shared <= 0:
        return False
    if (event.kind, other.kind) == ("knee_lift", "kick"):
        return other.side == event.side
    if (event.kind, other.kind) == ("turn", "knee_lift"):
        return (event.angle_deg or 0.0) < TWIST_DEG
    if (event.kind, other.kind) == ("travel", "jump") and not event.steps:
        return shared > MOSTLY * event.seconds
    share = _HIDDEN_BY.get(event.kind, {}).get(other.kind)
    return share is not None and shared > share * event.seconds


__all__ = ["describe"]
