"""What the trunk and the hips do: bend, squat, sit down, stand up, lie down, stand still."""

from __future__ import annotations

from math import degrees, radians

import numpy as np
from jaxtyping import Float

from kinescale.core.conventions import UP_AXIS
from kinescale.description.body import SIDES, Body
from kinescale.description.feet import Feet
from kinescale.description.records import Event, Kind
from kinescale.description.signals import Run, joined, lasting, rate, runs, smooth

BEND, BEND_END = radians(22), radians(12)
"""How far the trunk leans further than it usually does in the clip."""

BEND_S, USUAL = 0.3, 30
SQUAT, SQUAT_END = 0.72, 0.85
"""Hips over the lower ankle, in leg lengths: a squat goes below the first, and lasts from and to the second."""

SQUAT_S = 5.0
"""What lasts longer is a low stance."""

SEAT, SEAT_S, SEAT_STILL = (0.12, 0.75), 1.0, 0.25
"""Height of the hips in legs, least seconds and greatest speed (leg lengths per second) of someone who sits."""

SEAT_BACK = 0.2
"""Hips of who sits are further behind the feet than this, in leg lengths; of who squats, over them."""

FLAT, LOW, LIE_S = radians(55), 0.45, 0.4
KNEE_DOWN, SHIN_FLAT, SHIN_BEHIND, HELD_UP = 0.2, 0.3, 0.2, 0.3
"""Leg lengths: a knee this low over the floor, its ankle so near its height and so far behind it, is knelt on; hips
this high over the floor are held up by the thighs even where the trunk is level, as on all fours."""

CALM_S = 0.1
"""Smoothing of places before their speeds, seconds: the noise of markers is no motion."""

STILL, STILL_EACH, STILL_S = 0.12, 0.35, 1.0
"""Meters per second of an adult, of the mean over hips, neck, hands and feet, and of each; seconds."""


def bends(body: Body) -> list[Event]:
    """The trunk leans forward, and comes up again or stays."""
    if body.trunk is None:
        return []
    lean = _lean(body)
    usual = float(np.percentile(lean, USUAL))
    found = []
    for start, stop in joined(lasting(lean - usual, BEND, BEND_END), round(0.2 * body.fps)):
        most = float(lean[start:stop].max())
        upright = body.hips_share[start:stop].min() > LOW
        if stop - start >= BEND_S * body.fps and upright:
            found.append(Event(kind="bend", angle_deg=round(degrees(most), 1), **body.times((start, stop))))
    return found


def lows(body: Body, feet: Feet) -> list[Event]:
    """Squats, sitting and lying, with the ways down and up."""
    found = []
    for start, stop in lasting(-body.hips_share, -SQUAT, -SQUAT_END):
        if _kneels(body, (start, stop)):
            found += _with_ways(body, (start, stop), "kneel", "kneel_down")
        elif _lies(body, (start, stop)):
            found += _with_ways(body, (start, stop), "lie", "lie_down")
        elif _sits(body, (start, stop)):
            found += _with_ways(body, (start, stop), "sit", "sit_down")
        elif feet.airborne((start, stop)) < 0.5 and 0 < start < stop < min(body.frames, start + SQUAT_S * body.fps):
            found.append(Event(kind="squat", count=1, **body.times((start, stop))))
    return found


def stillness(body: Body) -> list[Event]:
    """The body stands and hardly moves."""
    points = [f"{side}_{part}" for side in SIDES for part in ("ankle", "knee", "wrist") if f"{side}_{part}" in body.at]
    above = [] if body.trunk is None else [body.hips + body.trunk]
    stacked = np.stack([body.hips, *above, *(body.at[name] for name in points)], 1)
    pace = np.linalg.norm(rate(smooth(stacked, CALM_S * body.fps), body.fps), axis=-1) / body.scale
    calm = (pace.mean(-1) < STILL) & (pace.max(-1) < STILL_EACH)
    spans = joined(runs(calm & (body.hips_share > SQUAT_END)), round(0.1 * body.fps))
    return [Event(kind="stand_still", **body.times(s)) for s in spans if s[1] - s[0] >= STILL_S * body.fps]


def _lean(body: Body) -> Float[np.ndarray, " T"]:
    trunk = body.trunk
    assert trunk is not None
    ahead = trunk[:, 0] * np.sin(body.yaw) + trunk[:, 2] * np.cos(body.yaw)
    return np.arctan2(ahead, trunk[:, UP_AXIS])


def _kneels(body: Body, span: Run) -> bool:
    """A knee rests on the floor for most of the low time, its shin flat behind it, and the hips are held up by it."""
    part = slice(*span)
    heights = [body.at[name][part, UP_AXIS] for name in body.at]
    floor = min(float(height.min()) for height in heights)
    hips = (body.hips[part, UP_AXIS] - floor) / body.leg
    kneeling = np.zeros(len(hips), dtype=bool)
    for side in SIDES:
        knee, ankle = body.at[f"{side}_knee"][part], body.at[f"{side}_ankle"][part]
        shin = (ankle - knee) / body.leg
        down = (knee[:, UP_AXIS] - floor) / body.leg < KNEE_DOWN
        flat = np.abs(shin[:, UP_AXIS]) < SHIN_FLAT
        behind = shin[:, 0] * np.sin(body.yaw[part]) + shin[:, 2] * np.cos(body.yaw[part]) < -SHIN_BEHIND
        kneeling |= down & flat & behind
    held = kneeling & ((hips > HELD_UP) | (_tilt(body, part) < FLAT))
    return bool(held.sum() > LIE_S * body.fps and held.sum() > 0.5 * (body.hips_share[part] < SQUAT).sum())


def _tilt(body: Body, part: slice) -> Float[np.ndarray, " T"]:
    """Angle between trunk and vertical, radians."""
    if body.trunk is None:
        return np.zeros(len(body.hips[part]))
    trunk = body.trunk[part]
    return np.arccos(np.clip(trunk[:, UP_AXIS] / np.maximum(np.linalg.norm(trunk, axis=-1), 1e-9), -1, 1))


def _lies(body: Body, span: Run) -> bool:
    """The trunk is flat and near the floor for a while."""
    if body.trunk is None:
        return False
    part = slice(*span)
    away = _tilt(body, part)
    floor = min(float(body.at[f"{side}_ankle"][:, UP_AXIS].min()) for side in SIDES)
    low = (body.hips[part, UP_AXIS] - floor) / body.leg < LOW
    return bool(((away > FLAT) & low).sum() > LIE_S * body.fps)


def _sits(body: Body, span: Run) -> bool:
    """The hips rest behind the feet at the height of a seat or the floor."""
    share = body.hips_share[slice(*span)]
    pace = np.linalg.norm(rate(body.hips, body.fps)[slice(*span)], axis=-1) / body.leg
    back = body.feet_middle[slice(*span)] - body.hips[slice(*span)]
    behind = np.linalg.norm(back[:, [0, 2]], axis=-1) > SEAT_BACK
    resting = (pace < SEAT_STILL) & (share < SEAT[1]) & (share > SEAT[0]) & behind
    return any(b - a > SEAT_S * body.fps for a, b in runs(resting))


def _with_ways(body: Body, span: Run, state: Kind, down: Kind) -> list[Event]:
    """The state itself, the way down when the clip shows it, and the way up."""
    start, stop = span
    share = body.hips_share[start:stop]
    settled = np.flatnonzero(share < share.min() + 0.1)
    first, last = start + int(settled[0]), start + int(settled[-1]) + 1
    found = []
    if start > 0:
        found.append(Event(kind=down, **body.times((start, max(first, start + 1)))))
    found.append(Event(kind=state, **body.times((first, last))))
    if stop < body.frames:
        found.append(Event(kind="stand_up", **body.times((last, stop))))
    return found
