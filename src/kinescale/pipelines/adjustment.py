"""Adjustment of a motion to the numbers of its prompt: speed, length of the way, angle of a turn, number of steps.

A drawn motion turns by 60 degrees where 90 are asked, or goes on where it is to stop after two meters. Such a number is
met by a bounded change of the drawn motion: time scaled, steps made longer or shorter, the path bent, each with its
feet planted anew (``data.compose``), or the way cut short and a standing clip joined. What was changed is reported; a
change that harms the physics of feet and floor is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from kinescale.core.errors import SkeletonError
from kinescale.data.compose.path import bend_path, ramp
from kinescale.data.compose.physics import Physics, physics_of
from kinescale.data.compose.retime import FASTEST, SLOWEST, retime
from kinescale.data.compose.track import Track
from kinescale.description.body import body_of
from kinescale.description.claim_language import MeasuredMotion, measured_number
from kinescale.description.feet import feet_of
from kinescale.metrics import peaks
from kinescale.motion.motion import Motion
from kinescale.pipelines.assembly import MOST_M_S2, as_motion, joined

LONGEST, SHORTEST = 1.3, 0.7
"""Range of factors of the steps' length."""

TRAVELS_M = 0.8
"""A shorter way is none."""

LEAST_CHANGE, LEAST_PACE = 0.02, 0.2
"""Factors nearer to 1 than this change nothing that is seen; speeds and ways shorter than this are none."""

MOST_ADDED_DEG, MOST_BENT_DEG, IN_PLACE_DEG, TURN_DEG_S = 100.0, 190.0, 50.0, 110.0
"""Degrees added at most to a turn on the way, to a straight way, and in place; degrees per second at most."""

STRAIGHT_DEG = 20.0
"""A way whose facing turns by less is straight."""

INSIDE = 0.15
"""Share of a claim's range by which a missed number is brought inside."""

MOST_MISSED_M = 0.03
"""Largest distance by which a foot may miss its place."""

HARM = {"skate_m_s": 0.08, "skid_share": 0.05, "sink_m": 0.02, "joint_speed_m_s": 1.5, "acceleration_m_s2": 1.5}
"""What an adjustment may add to each number of ``compose.physics``; joint speed and acceleration: their factor."""

STOP_ROOM_S = 0.2
"""Seconds before a stop among which the way is cut."""


@dataclass(frozen=True, eq=False)
class Adjusted:
    """The motion, and what was changed by how much: ``turn_deg``, ``tempo``, ``step_length``, ``stopped_s``."""

    motion: Motion
    report: Mapping[str, float]


def needs_longer(missed: tuple[str, ...]) -> bool:
    """Whether more frames than asked for would help to meet a number: a motion made faster becomes shorter."""
    return any(claim.split()[0] in ("speed", "way") for claim in missed)


def adjusted(motion: Motion, missed: tuple[str, ...], frames: int) -> Adjusted | None:
    """The first ``frames`` frames with missed numbers met as far as the bounds allow; ``None`` where nothing helps.

    ``motion`` may be longer, so that it can be made faster.
    """
    numbers = [claim for claim in missed if claim.split()[0] in ("speed", "way", "turns")]
    if not numbers:
        return None
    try:
        track = Track.of(motion)
        before = MeasuredMotion(motion.slice(0, frames), peaks.peaks)
        for paced, report in _paced(track, numbers, before, frames):
            made, turned = _turned(paced.slice(0, frames), numbers)
            if (report or turned) and not _harmed(track.slice(0, frames), made, before.description.path.gait):
                return Adjusted(as_motion(made, motion), {**report, **turned})
    except SkeletonError:
        return None
    return None


def stops(motion: Motion, standing: Motion, missed: tuple[str, ...], frames: int) -> Iterator[Adjusted]:
    """The motion cut where the way, or the number of steps, is done, and going on as ``standing``; several tries."""
    try:
        ends = [at for claim in missed for at in _ends(motion, claim)]
        stands = Track.of(standing)
        track = Track.of(motion)
    except SkeletonError:
        return
    for end in ends:
        if not 8 <= end < min(len(motion), frames - 4):
            continue
        whole = joined(track.slice(0, end), stands, room_s=STOP_ROOM_S)
        if whole is not None and len(whole) >= frames:
            yield Adjusted(as_motion(whole.slice(0, frames), motion), {"stopped_s": round(end / motion.fps, 2)})


def _ends(motion: Motion, claim: str) -> list[int]:
    """Frames after which a way or a number of steps may be done: steps that are about to end."""
    verb, *bounds = claim.split()
    body = body_of(motion)
    if verb == "steps":
        at = [frame for frame, _ in feet_of(body).steps]
        count = int(bounds[0])
        return [at[k] + more for k in (count - 1, count - 2) if 0 <= k < len(at) for more in (4, -2, 9)]
    if verb == "way" and bounds[1] != "-":
        way = np.concatenate([[0.0], np.linalg.norm(np.diff(body.path, axis=0), axis=-1).cumsum()])
        goal = (float(bounds[0]) + float(bounds[1])) / 2 if bounds[0] != "-" else 0.7 * float(bounds[1])
        return [int(np.searchsorted(way, goal - less)) for less in (0.25, 0.0, 0.5) if goal > less]
    return []


def _goal(value: float, low: float, high: float) -> float:
    """The nearest value inside the bounds, by ``INSIDE`` of their range."""
    width = high - low if np.isfinite(high) and np.isfinite(low) else max(abs(low if np.isfinite(low) else high), 0.5)
    inner = low + INSIDE * width, high - INSIDE * width
    return float(np.clip(value, *inner)) if inner[0] <= inner[1] else (low + high) / 2


def _paced(
    track: Track, numbers: list[str], before: MeasuredMotion, frames: int
) -> Iterator[tuple[Track, dict[str, float]]]:
    """At another tempo and with steps of another length, for speed and way; then by the tempo alone; then as it is."""
    claim = next((claim for claim in numbers if claim.split()[0] in ("speed", "way")), None)
    measured = None if claim is None else measured_number(claim, before)
    factor = _goal(*measured) / measured[0] if measured is not None and measured[0] >= LEAST_PACE else 0.0
    # who goes a short way stops, and does not creep
    if factor > (SLOWEST if claim is not None and claim.startswith("way") else 0.0):
        most = max(SLOWEST, min(FASTEST, (len(track) - 1) / max(1, frames - 1)))
        length = float(np.clip(factor / np.clip(np.sqrt(factor), SLOWEST, most), SHORTEST, LONGEST))
        # legs may be too short for other steps
        for longer in (length, 1.0):
            tempo = float(np.clip(factor / longer, SLOWEST, most))
            made = _at(track, tempo, longer)
            if made is not None and len(made) >= frames:
                yield made, {"tempo": round(tempo, 3), "step_length": round(longer, 3)}
    yield track, {}


def _at(track: Track, tempo: float, length: float) -> Track | None:
    """The clip at another tempo with steps of another length; ``None`` where that is no change, or feet miss."""
    if max(abs(tempo - 1), abs(length - 1)) < LEAST_CHANGE:
        return None
    made = retime(track, tempo) if abs(tempo - 1) >= LEAST_CHANGE else track
    if abs(length - 1) < LEAST_CHANGE:
        return made
    made, missed = bend_path(made, torch.zeros(len(made), dtype=torch.float64), length)
    return made if missed <= MOST_MISSED_M else None


def _turned(track: Track, numbers: list[str]) -> tuple[Track, dict[str, float]]:
    """With the path bent for a turn that misses its angle."""
    claim = next((claim for claim in numbers if claim.startswith("turns")), None)
    if claim is None:
        return track, {}
    frames, seen = len(track), MeasuredMotion(track.motion(), peaks.peaks)
    measured = measured_number(claim, seen)
    if measured is None:
        return track, {}
    value, low, high = measured
    side = claim.split()[1]
    sign = (np.sign(seen.description.path.turn_deg) or 1.0) if side == "any" else 1.0 if side == "left" else -1.0
    added = float(_goal(value, low, high) - value)
    path = seen.description.path
    most = MOST_BENT_DEG if abs(path.turn_deg) < STRAIGHT_DEG else MOST_ADDED_DEG
    if not 1.0 < abs(added) <= (most if path.distance_m > TRAVELS_M else IN_PLACE_DEG):
        return track, {}
    start, stop = _span(seen, frames, abs(added))
    made, missed = bend_path(track, ramp(frames, start, stop) * float(np.radians(added * sign)))
    if missed > MOST_MISSED_M:
        return track, {}
    return made, {"turn_deg": round(added, 1)}


def _span(seen: MeasuredMotion, frames: int, degrees: float) -> tuple[int, int]:
    """Frames over which a turn is added: around the largest turn there is, else in the middle of the travel."""
    fps = seen.motion.fps
    least = max(10, round(degrees / TURN_DEG_S * fps))
    turns = seen.description.of("turn", "circle")
    events = turns or seen.description.of("travel")
    if not events:
        return frames // 6, frames - frames // 6
    event = max(events, key=lambda one: (one.angle_deg or 0.0, one.seconds))
    first, last = event.start_s * fps, event.end_s * fps
    if not turns:
        # straight first, then the turn
        first, last = first + 0.35 * (last - first), first + 0.85 * (last - first)
    middle, half = (first + last) / 2, max(least, last - first) / 2
    start = int(np.clip(middle - half, 1, max(1, frames - 2 - 2 * half)))
    return start, min(frames - 2, round(start + 2 * half))


def _harmed(before: Track, after: Track, gait: str) -> bool:
    """Whether feet slide or sink, or joints move faster, by more than ``HARM`` allows."""
    one: Physics = physics_of(before, gait)[0]
    two: Physics = physics_of(after, gait)[0]
    faster = two.joint_speed_m_s > HARM["joint_speed_m_s"] * max(one.joint_speed_m_s, 2.0)
    jerky = two.acceleration_m_s2 > max(HARM["acceleration_m_s2"] * one.acceleration_m_s2, MOST_M_S2)
    return (
        faster
        or jerky
        or any(getattr(two, name) > getattr(one, name) + HARM[name] for name in ("skate_m_s", "skid_share", "sink_m"))
    )
