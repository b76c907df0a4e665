"""Acceptance of composed clips: physics no worse than the recordings', and no act that the caption leaves out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kinescale.data.compose.captions import Segment
from kinescale.data.compose.chain import Rejected
from kinescale.data.compose.physics import Limits, Physics
from kinescale.data.compose.track import ANKLE_M, TOES_M, Track, runs
from kinescale.data.compose.units import BROAD, QUIET
from kinescale.description import Description, Event

FLOATS_M, FLOATS_S = 0.1, 0.9
"""A lower foot higher than this for longer than this: the body stands on an object that is not in the clip."""

STRAY_TURN_DEG, STRAY_TRAVEL_M, STRAY_BEND_DEG = 40.0, 0.9, 35.0
"""Turns, travel and bends smaller than these need no caption."""


def floats(track: Track) -> bool:
    """Whether the body stays off the floor for longer than a jump."""
    points = track.positions[:, [*track.legs.ankles, *track.legs.toes]][..., 1]
    high = (points - points.new_tensor([ANKLE_M, ANKLE_M, TOES_M, TOES_M])).amin(-1) > FLOATS_M
    return any(stop - start > FLOATS_S * track.fps for start, stop in runs(high))


def check_physics(
    limits: Limits, physics: Physics, acceleration: np.ndarray, jerk: np.ndarray, transitions: Sequence[tuple[int, int]]
) -> None:
    """``Rejected`` where the physics of the clip, or of its transitions, exceeds the limits."""
    broken = limits.broken(physics)
    if broken is not None:
        raise Rejected(broken)
    for start, stop in transitions:
        span = slice(max(0, start - 4), stop + 3)
        if len(acceleration[span]) and acceleration[span].max() > limits.transition_acceleration_m_s2:
            raise Rejected("transition acceleration")
        if len(jerk[span]) and jerk[span].max() > limits.transition_jerk_m_s3:
            raise Rejected("transition jerk")


def shows_more(segments: Sequence[Segment], found: Description) -> bool:
    """Whether the clip shows an act that no segment describes."""
    for event in found.events:
        if event.kind not in BROAD or event.kind in ("raise_hand", "lie", "sit"):
            continue
        small = (
            (event.kind == "turn" and (event.angle_deg or 0) < STRAY_TURN_DEG)
            or (event.kind == "travel" and (event.distance_m or 0) < STRAY_TRAVEL_M)
            or (event.kind == "bend" and (event.angle_deg or 0) < STRAY_BEND_DEG)
        )
        if not small and not any(_covers(segment, event) for segment in segments):
            return True
    return False


def _covers(segment: Segment, event: Event) -> bool:
    """Whether a segment describes an event, or an act that the event goes along with."""
    shared = min(event.end_s, segment.span[1] + 0.3) - max(event.start_s, segment.span[0] - 0.3)
    if shared < 0.5 * event.seconds:
        return False
    alike = segment.kind == event.kind or {segment.kind, event.kind} <= {"turn", "circle"}
    if alike:
        return segment.side in (None, event.side)
    return segment.kind == "" or event.kind in QUIET.get(segment.kind, ())
