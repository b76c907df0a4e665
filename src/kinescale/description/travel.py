"""Going and turning: stretches of travel with their direction, gait, steps and distance; turns and circles."""

from __future__ import annotations

from itertools import pairwise
from math import degrees, radians

import numpy as np
from jaxtyping import Float

from kinescale.description.body import Body
from kinescale.description.feet import Feet
from kinescale.description.records import Direction, Event, Gait
from kinescale.description.signals import Run, along_heading, joined, lasting, rate, runs, turning_points

SETS_OFF, STOPS = 0.3, 0.15
"""Meters per second of an adult's smoothed hips at which travel begins, and down to which it goes on."""

TRAVEL_S, TRAVEL_M = 0.5, 0.3
"""Travel takes at least so long, and takes hips and feet at least so far from where it began."""

PAUSE_S = 0.35
SECTOR_S = 0.8
SAME_WAY = radians(40)
"""Directions closer than this are one direction."""

DIAGONAL = radians(15), radians(65)
"""From straight ahead or straight back: less is straight, more is sideways."""

TURN_BACK, TURN = radians(25), radians(30)
"""A turn ends when the facing goes back by the first, and counts from the second on."""

TURN_PAUSE_S, TURN_PAUSE_SHARE = 0.7, 0.08
"""A turn is two when in between the facing rests: slower than a share of the turn's greatest rate for so long."""

HIPS_SHARE = 0.8
"""The hips alone turn by at least this share of ``TURN``."""

CIRCLE, CIRCLE_M = radians(300), 1.5
EDGE_SHARE = 0.05
LYING = 0.5
"""The facing of a trunk whose upright part is less than this share is not looked at."""

JOG, RUN, SLOWEST_JOG = 2.0, 3.0, 1.1
"""Meters per second of an adult from which one jogs and runs, and below which nobody does."""

JOG_FLIGHT, JOG_GROUNDED, JOG_CADENCE = 0.08, 0.012, 2.25
"""A slower jog has both feet off for a share of the time; or, as the old and the tired do it, never both on the floor
together at so many steps per second, where a walk has both down between steps."""


def travels(body: Body, feet: Feet) -> list[Event]:
    """Stretches in which the feet carry the body in one direction."""
    moving = joined(lasting(body.speed / body.scale, SETS_OFF, STOPS), round(PAUSE_S * body.fps))
    found = [_event(body, feet, part) for span in moving if _goes(body, span) for part in _ways(body, span)]
    return [event for event in found if event.steps or (event.distance_m or 0) > 2 * TRAVEL_M * body.scale]


def turns(body: Body, feet: Feet) -> list[Event]:
    """Turns and circles, wherever the body is upright. A twist of the trunk over standing feet is none."""
    yaw, found = body.yaw, []
    if body.trunk is None:
        upright = np.ones(body.frames, dtype=bool)
    else:
        upright = body.trunk[:, 1] > LYING * np.linalg.norm(body.trunk, axis=-1)
    for start, stop in runs(upright):
        points = [start + p for p in turning_points(yaw[start:stop], TURN_BACK)]
        for leg in pairwise(points):
            for a, b in _without_pauses(body, leg):
                if abs(yaw[b] - yaw[a]) >= TURN and _steps_round(body, feet, (a, b)):
                    found.append(_turn(body, a, b))
    return found


def direction_of(angle: float) -> Direction:
    """The word for an angle from straight ahead, radians, positive to the left."""
    from_straight = min(abs(angle), np.pi - abs(angle))
    line = "forward" if abs(angle) <= np.pi / 2 else "backward"
    side = "left" if angle > 0 else "right"
    if from_straight < DIAGONAL[0]:
        return line
    if from_straight > DIAGONAL[1]:
        return side
    return f"{line} {side}"  # pyright: ignore[reportReturnType]


def mean_angle(body: Body, span: Run) -> float:
    """Direction of travel in the frame that turns with the body, radians, positive to the left."""
    ahead, left = along_heading(body.velocity[slice(*span)], body.yaw[slice(*span)])
    return float(np.arctan2(left.sum(), ahead.sum()))


def distance(body: Body, span: Run) -> float:
    """Way along the path, meters; a step is from a frame to the next one."""
    part = body.path[span[0] : span[1] + 1]
    return float(np.linalg.norm(np.diff(part, axis=0), axis=-1).sum())


def gait_of(body: Body, feet: Feet, span: Run, speed: float) -> Gait:
    """The gait of who travels: by speed (which grows with the square root of the leg: Froude), else by the feet."""
    pace = speed / np.sqrt(body.scale)
    if pace > RUN:
        return "run"
    flies = feet.airborne(span) > JOG_FLIGHT and feet.grounded(span) < 2 * JOG_GROUNDED
    shuffles = feet.grounded(span) < JOG_GROUNDED and feet.cadence(span, body.fps) > JOG_CADENCE
    return "jog" if pace > JOG or (pace > SLOWEST_JOG and (flies or shuffles)) else "walk"


def _goes(body: Body, span: Run) -> bool:
    start, stop = span
    if stop - start < TRAVEL_S * body.fps:
        return False
    far = [np.linalg.norm(p[start:stop] - p[start], axis=-1).max() for p in (body.path, body.feet_middle)]
    return bool(min(far) > TRAVEL_M * body.scale)


def _ways(body: Body, span: Run) -> list[Run]:
    """The parts of a stretch in which the direction, seen from the body, stays the same."""
    start, stop = span
    ahead, left = along_heading(body.velocity[start:stop], body.yaw[start:stop])
    quarter = np.round(np.arctan2(left, ahead) / (np.pi / 2)) % 4
    edges = [0, *(np.flatnonzero(np.diff(quarter)) + 1).tolist(), stop - start]
    parts = [(start + a, start + b) for a, b in pairwise(edges)]
    while len(parts) > 1:
        sizes = [b - a for a, b in parts]
        least = int(np.argmin(sizes))
        angles = [mean_angle(body, part) for part in parts]
        apart = [abs(_wrapped(b - a)) for a, b in pairwise(angles)]
        if sizes[least] < SECTOR_S * body.fps:
            sides = [i for i in (least - 1, least) if 0 <= i < len(apart)]
            at = min(sides, key=lambda i: apart[i])
        elif min(apart) < SAME_WAY:
            at = int(np.argmin(apart))
        else:
            break
        parts[at : at + 2] = [(parts[at][0], parts[at + 1][1])]
    return parts


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def _event(body: Body, feet: Feet, span: Run) -> Event:
    way = distance(body, span)
    seconds = max(min(span[1], body.frames - 1) - span[0], 1) / body.fps
    speed = way / seconds
    return Event(
        kind="travel",
        **body.times(span),
        direction=direction_of(mean_angle(body, span)),
        gait=gait_of(body, feet, span, speed),
        speed_m_s=round(speed, 3),
        distance_m=round(way, 3),
        steps=feet.steps_in(span),
    )


def _steps_round(body: Body, feet: Feet, span: Run) -> bool:
    """Whether the hips turn along with the shoulders, on feet that are set anew."""
    start, stop = span
    size = body.yaw[stop] - body.yaw[start]
    hips = (body.pelvis_yaw[stop] - body.pelvis_yaw[start]) * np.sign(size)
    near = round(0.4 * body.fps)
    return bool(hips > HIPS_SHARE * TURN) and feet.moved((start - near, stop + near))


def _without_pauses(body: Body, leg: Run) -> list[Run]:
    """A turn cut where the facing rests."""
    start, stop = leg
    pace = np.abs(rate(body.yaw[start : stop + 1], body.fps))
    resting = runs(pace < TURN_PAUSE_SHARE * pace.max())
    cuts = [start + (a + b) // 2 for a, b in resting if b - a > TURN_PAUSE_S * body.fps]
    return [(a, b) for a, b in pairwise([start, *cuts, stop]) if b > a]


def _turn(body: Body, start: int, stop: int) -> Event:
    yaw = body.yaw
    size = float(yaw[stop] - yaw[start])
    done = (yaw[start : stop + 1] - yaw[start]) / size
    within = np.flatnonzero((done > EDGE_SHARE) & (done < 1 - EDGE_SHARE))
    span = (start + int(within[0]), start + int(within[-1]) + 1) if len(within) else (start, stop)
    way = distance(body, span)
    circle = abs(size) > CIRCLE and way > CIRCLE_M * body.scale
    return Event(
        kind="circle" if circle else "turn",
        **body.times(span),
        side="left" if size > 0 else "right",
        angle_deg=round(abs(degrees(size)), 1),
        distance_m=round(way, 3),
    )


def net_turn(body: Body, edge_s: float = 0.3) -> float:
    """Facing at the end less facing at the start, degrees, positive to the left."""
    edge = max(1, min(round(edge_s * body.fps), body.frames // 5))
    yaw: Float[np.ndarray, " T"] = body.yaw
    return degrees(float(yaw[-edge:].mean() - yaw[:edge].mean()))
