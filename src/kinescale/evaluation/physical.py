"""Physical numbers of motions: sliding feet, jitter and jerk; real motion's own stand beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import SkeletonError
from kinescale.evaluation.protocol import Protocol
from kinescale.evaluation.report import Figure, Value, figure
from kinescale.kinematics.contacts import floor_height, foot_slide
from kinescale.metrics import foot_skate, jerk, jitter
from kinescale.motion import Motion
from kinescale.motion.retarget import standing_points

NAMES = {
    "foot_skate_m_s": "m/s",
    "skid_share": "",
    "jitter_m_s3": "m/s³",
    "peak_jerk_m_s3": "m/s³",
    "area_under_jerk_m_s2": "m/s²",
}
"""Name -> unit. Lower is better in the first two and the last; the others should be as in real motion."""


@dataclass(frozen=True, eq=False)
class Measured:
    """One motion's numbers; ``curve`` is its highest jerk at each frame, ``fps`` what it was taken at."""

    numbers: dict[str, float]
    curve: Float[Tensor, "T"]
    fps: float


def measured(motion: Motion) -> Measured:
    """The numbers of a motion of four frames or more; feet are left out where the skeleton's are not known."""
    positions = motion.positions().double()
    curve = jerk.jerk_curve(positions, motion.fps)
    numbers = {
        "jitter_m_s3": jitter.jitter(positions, motion.fps),
        "peak_jerk_m_s3": float(curve.amax()),
    }
    try:
        roles, stands = standing_points(motion)
    except SkeletonError:
        return Measured(numbers, curve, motion.fps)
    feet = positions[:, [motion.skeleton.role(role) for role in roles]]
    numbers["foot_skate_m_s"] = foot_slide(feet, stands, motion.fps)
    # heights over where the lowest foot joints are: recordings do not agree on their floor
    numbers["skid_share"] = foot_skate.skid_share(feet, motion.fps, floor=floor_height(feet))
    return Measured(numbers, curve, motion.fps)


def jerk_level(real: Sequence[Measured]) -> float:
    """The mean of real motion's curve of highest jerk."""
    return float(torch.cat([one.curve for one in real]).mean())


def summary(protocol: Protocol, repeats: Sequence[Sequence[Measured]], level: float) -> dict[str, Figure]:
    """Name -> mean over clips with its interval, over repeats or over clips."""
    rows: dict[str, Figure] = {}
    for name in NAMES:
        values = [_mean([_number(one, name, level) for one in clips]) for clips in repeats]
        if all(value is not None for value in values):
            rows[name] = figure(protocol, [value for value in values if value is not None])
    return rows


def _number(one: Measured, name: str, level: float) -> float | None:
    if name == "area_under_jerk_m_s2":
        return float((one.curve - level).abs().sum() / one.fps)
    return one.numbers.get(name)


def _mean(values: Sequence[float | None]) -> Value | None:
    known = np.array([value for value in values if value is not None])
    if not len(known):
        return None
    error = float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else None
    return Value(float(known.mean()), error)
