"""What the feet do: steps, flights (jumps and hops), kicks and knee lifts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from kinescale.core.conventions import UP_AXIS
from kinescale.description.body import SIDES, Body, Limb, ground
from kinescale.description.records import Event, Level
from kinescale.description.signals import Run, along_heading, joined, lasting, rate, runs

OFF, GROUNDED = 0.06, 0.02
"""Leg lengths over its floor from which a foot is off it, and up to which it touches."""

SWING, SWING_SHARE = 0.35, 0.75
"""A foot swings when faster than this (m/s of an adult) and than a share of the hips' speed."""

STEP_M, STEP_LIFT, SHORTEST_SWING_S = 0.15, 0.08, 0.1
"""A step carries the foot so far, or lifts it so high, in leg lengths."""

FLIGHT_S = (0.1, 1.2)
FREE_FALL = (-16.0, -5.0)
"""Meters per second squared of the hips in flight: 9.8 down, less what arms and legs carry."""

TOGETHER_S = 0.12
"""Two feet that leave or land within this time do it together."""

LEAP = 0.17
"""Rise of the hips, in leg lengths, from which a flight from one foot to the other is a leap and no running step."""

LEAP_SPEED, LEAP_IN_A_RUN = 1.5, 0.3
"""The same of who goes faster than this (meters per second of an adult): high running steps are no leaps."""

LANDING_S = 0.15
HOP_RISE = 0.02
JUMPS_ON_END_S = 0.8

KICK, KICK_STRETCH, KICK_SPEED, KICK_S = 0.4, 0.85, 2.2, 1.5
"""Ankle over the floor and distance from hip to ankle, in leg lengths; meters per second of an adult; seconds."""

THRUST = (0.75, 0.6, 3.0)
"""A foot flung so far ahead so fast (leg lengths; meters per second of an adult) kicks on a leg less stretched."""
KICK_BEHIND = -0.2
"""Further behind the hip, in leg lengths, a lifted foot is on its way through a running step."""

KNEE, KNEE_OVER = 0.62, 0.25
KNEE_S = 0.2


@dataclass(frozen=True, eq=False)
class Feet:
    """Steps and flights of a clip.

    steps : frame of each footfall and its side. swinging : whether a foot is off the floor or carried.
    off : both feet are off. flights : spans of jumps and running steps, with both feet off.
    """

    steps: tuple[tuple[int, str], ...]
    swinging: Bool[np.ndarray, " T"]
    off: Bool[np.ndarray, " T"]
    flights: tuple[Run, ...]

    def steps_in(self, span: Run) -> int:
        """Footfalls within a span; one that ends just after it belongs to it."""
        return sum(span[0] <= at <= span[1] + 3 for at, _ in self.steps)

    def grounded(self, span: Run) -> float:
        """Share of a span with both feet standing."""
        return 1.0 - float(self.swinging[slice(*span)].mean()) if span[1] > span[0] else 1.0

    def cadence(self, span: Run, fps: float) -> float:
        """Steps per second within a span; 0 for fewer than three."""
        at = [step for step, _ in self.steps if span[0] <= step <= span[1]]
        return (len(at) - 1) * fps / (at[-1] - at[0]) if len(at) > 2 and at[-1] > at[0] else 0.0

    def moved(self, span: Run) -> bool:
        """Whether a foot is lifted within the span: one that is still up at its end counts."""
        return self.steps_in(span) > 0 or bool(self.swinging[max(span[0], 0) : span[1]].any())

    def airborne(self, span: Run) -> float:
        """Share of a span with both feet off the floor."""
        return float(self.off[slice(*span)].mean()) if span[1] > span[0] else 0.0


def feet_of(body: Body) -> Feet:
    """The steps and flights of a body."""
    height = np.minimum(body.clearance("left"), body.clearance("right"))
    flights = tuple(span for span in lasting(height, OFF, GROUNDED) if _flies(body, span))
    off = np.zeros(body.frames, dtype=bool)
    for start, stop in runs(height > OFF):
        off[start:stop] = stop - start < FLIGHT_S[1] * body.fps
    swings = {side: _swings(body, side) for side in SIDES}
    steps = sorted((at, side) for side in SIDES for at in _steps(body, side, swings[side]))
    return Feet(tuple(steps), swings["left"] | swings["right"], off, flights)


def without_landings(feet: Feet, jumped: list[Event], fps: float) -> Feet:
    """The same with the landings of jumps no longer counted as steps."""
    spans = [(event.start_s * fps, event.end_s * fps + LANDING_S * fps) for event in jumped if event.kind == "jump"]
    kept = tuple(step for step in feet.steps if not any(start < step[0] <= stop for start, stop in spans))
    return replace(feet, steps=kept)


def jumps(body: Body, feet: Feet) -> list[Event]:
    """Jumps and hops; those that follow on end within one event, with their count."""
    found: list[tuple[Literal["jump", "hop"], Limb | None, Run, float]] = []
    for span in feet.flights:
        kind = _flight_kind(body, span)
        if kind is not None:
            found.append((*kind, span, _rise(body, span)))
    events: list[Event] = []
    for kind, side, span, rise in found:
        last = events[-1] if events else None
        times = body.times(span)
        fields: dict[str, Any] = {"height_m": round(rise, 3), "distance_m": round(_leap_length(body, span), 3)}
        if last and (last.kind, last.side) == (kind, side) and times["start_s"] - last.end_s < JUMPS_ON_END_S:
            fields = {
                "height_m": max(fields["height_m"], last.height_m or 0.0),
                "distance_m": round(fields["distance_m"] + (last.distance_m or 0.0), 3),
            }
            changes = {**fields, "end_s": times["end_s"], "count": (last.count or 1) + 1}
            events[-1] = last.model_copy(update=changes)
        else:
            events.append(Event(kind=kind, side=side, count=1, **times, **fields))
    return events


def kicks(body: Body) -> list[Event]:
    """A foot swung up on a stretched leg while the other stands."""
    found = []
    for side, other in (SIDES, SIDES[::-1]):
        ankle, hip = body.at[f"{side}_ankle"], body.at[f"{side}_hip"]
        lift = body.clearance(side)
        stretch = np.linalg.norm(ankle - hip, axis=-1) / body.leg
        ahead = along_heading((ankle - hip) / body.leg, body.yaw)[0]
        pace = np.linalg.norm(rate(ankle - body.hips, body.fps), axis=-1) / body.scale
        ankle_lift = ankle[:, UP_AXIS] - min(ankle[:, UP_AXIS].min(), body.at[f"{other}_ankle"][:, UP_AXIS].min())
        high = ankle_lift / body.leg
        for start, stop in lasting(lift, KICK, 0.1):
            span = slice(start, stop)
            top = start + int(high[span].argmax())
            thrust = (stretch[span] > THRUST[0]) & (ahead[span] > THRUST[1]) & (pace[span].max() > THRUST[2])
            straight = (stretch[span] > KICK_STRETCH) & (ahead[span] > KICK_BEHIND)
            stretched = (high[span] > KICK) & (straight | thrust)
            stands = np.median(body.clearance(other)[span]) < 2 * OFF
            if stretched.any() and stands and pace[span].max() > KICK_SPEED and stop - start < KICK_S * body.fps:
                fields: dict[str, Any] = {
                    "height_m": round(float(ankle_lift[top]), 3),
                    "level": _level(body, ankle[top], top),
                }
                found.append(Event(kind="kick", side=side, count=1, **body.times((start, stop)), **fields))
    return found


def knee_lifts(body: Body) -> list[Event]:
    """A knee lifted towards the height of the hips while the other foot stands."""
    found = []
    for side, other in (SIDES, SIDES[::-1]):
        knee = (body.at[f"{side}_knee"] - body.at[f"{other}_ankle"])[:, UP_AXIS] / body.leg
        for start, stop in joined(lasting(knee, KNEE + KNEE_OVER / 2, KNEE), round(0.2 * body.fps)):
            stands = np.median(body.clearance(other)[start:stop]) < 2 * OFF
            high = float(np.median(body.hips_share[start:stop])) > 0.8
            if stands and high and stop - start > KNEE_S * body.fps:
                found.append(Event(kind="knee_lift", side=side, count=1, **body.times((start, stop))))
    return found


def _flies(body: Body, span: Run) -> bool:
    start, stop = span
    if not FLIGHT_S[0] <= (stop - start) / body.fps <= FLIGHT_S[1] or (start == 0 and stop == body.frames):
        return False
    return bool(FREE_FALL[0] < _acceleration(body.hips[start:stop, UP_AXIS], body.fps) < FREE_FALL[1])


def _acceleration(heights: Float[np.ndarray, " N"], fps: float) -> float:
    """Of the parabola that fits best, meters per second squared."""
    time = np.arange(len(heights)) / fps
    return float(2 * np.polyfit(time, heights, 2)[0]) if len(heights) > 2 else 0.0


def _rise(body: Body, span: Run) -> float:
    """Of the hips, from the last frame on the floor to the highest, meters."""
    height = body.hips[max(span[0] - 1, 0) : span[1], UP_AXIS]
    return float(height.max() - height[0])


def _leap_length(body: Body, span: Run) -> float:
    return float(np.linalg.norm(ground(body.hips[span[1] - 1] - body.hips[span[0]])))


def _flight_kind(body: Body, span: Run) -> tuple[Literal["jump", "hop"], Limb | None] | None:
    """Which jump a flight is: from both feet, from a foot to the same foot, or a leap; ``None`` for a running step."""
    near = round(TOGETHER_S * body.fps)
    touching = {side: body.clearance(side) < OFF for side in SIDES}
    before = {side: bool(touching[side][max(span[0] - near, 0) : span[0] + 1].any()) for side in SIDES}
    after = {side: bool(touching[side][span[1] - 1 : span[1] + near].any()) for side in SIDES}
    rise = _rise(body, span) / body.leg
    if rise < HOP_RISE:
        return None
    if all(before.values()) and all(after.values()):
        return "jump", None
    for side, other in (SIDES, SIDES[::-1]):
        if before == after == {side: True, other: False}:
            return "hop", side
    running = float(np.median(body.speed[span[0] : span[1]])) / np.sqrt(body.scale) > LEAP_SPEED
    leaps = rise > (LEAP_IN_A_RUN if running else LEAP)
    return ("jump", None) if leaps or (all(before.values()) and not running) else None


def _swings(body: Body, side: str) -> Bool[np.ndarray, " T"]:
    pace = np.linalg.norm(ground(rate(body.at[f"{side}_ankle"], body.fps)), axis=-1)
    carried = pace > np.maximum(SWING * body.scale, SWING_SHARE * body.speed)
    return carried | (body.clearance(side) > OFF)


def _steps(body: Body, side: str, swings: Bool[np.ndarray, " T"]) -> list[int]:
    """Frames at which a foot comes down after it was carried or lifted."""
    ankle, lifted = body.at[f"{side}_ankle"], body.clearance(side)
    found = []
    for start, stop in joined(runs(swings), 1):
        if stop == body.frames or stop - start < SHORTEST_SWING_S * body.fps:
            continue
        far = np.linalg.norm(ground(ankle[stop] - ankle[max(start - 1, 0)])) / body.leg
        if far > STEP_M or lifted[start:stop].max() > STEP_LIFT:
            found.append(stop)
    return found


def _level(body: Body, point: Float[np.ndarray, " 3"], frame: int) -> Level | None:
    """How high a foot comes: chest, shoulder or head; ``None`` below the chest."""
    if body.trunk is None:
        return None
    hips, neck = body.hips[frame, UP_AXIS], body.hips[frame, UP_AXIS] + body.trunk[frame, UP_AXIS]
    share = (point[UP_AXIS] - hips) / max(neck - hips, 1e-9)
    return None if share < 0.4 else "chest" if share < 0.85 else "shoulder" if share < 1.1 else "head"
