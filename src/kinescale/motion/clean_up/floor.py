"""Floor correction: height and tilt of the floor from standing feet, and lifting of frames below it."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from kinescale.core.records import Record
from kinescale.kinematics.contacts import velocities
from kinescale.kinematics.filters import upper_envelope
from kinescale.kinematics.rotations import quat_apply, quat_between, quat_multiply
from kinescale.motion.clean_up.base import Cleaned, foot_joints, moved, rest_heights
from kinescale.motion.motion import Motion

SLOWEST = 0.3
"""Share of a foot joint's frames, the slowest ones, that the floor is estimated from."""
FLOOR_BAND_M = 0.06
"""Heights this far over the lowest standing ones still belong to feet on the floor (and not on a step)."""
SMOOTHING_S = 0.1
"""Sigma of the Gaussian that smooths a lift over time, seconds."""


class Config(Record):
    """``height``: height of the floor, meters.

    ``level``: turn a floor that leans by at most ``most_tilt_deg`` back to the horizontal; ``lift``: raise the whole
    body where a joint would be below the floor by more than ``sink_m``.
    """

    height: float = Field(default=0.0, ge=-1e4, le=1e4, allow_inf_nan=False)
    level: bool = False
    most_tilt_deg: float = Field(default=10.0, gt=0.0, le=45.0)
    lift: bool = True
    sink_m: float = Field(default=0.02, ge=0.0, le=1.0)


def clean(motion: Motion, config: Config) -> Cleaned:
    """Put a clip on the floor. The report has the floor's height error, its tilt, and the largest lift.

    The floor is estimated from slow foot joints, each minus its own height over the sole in the T-pose. Raises
    ``SkeletonError`` for a skeleton without ankles.
    """
    made = motion
    report = {"tilt_deg": 0.0}
    if config.level:
        made, report["tilt_deg"] = _levelled(motion, config.most_tilt_deg)
    shift = config.height - _floor(_soles(made)[0])
    root = made.root.clone()
    root[:, 1] += shift
    made = made.replace(root=root)
    report["shift_m"] = float(shift)
    report["lift_max_m"] = 0.0
    if config.lift:
        sunk = (config.height - config.sink_m - _lowest(made)).clamp(min=0)
        if bool((sunk > 0).any()):
            lift = upper_envelope(sunk, SMOOTHING_S * made.fps, 0.25)
            made = made.replace(root=made.root + lift[:, None] * made.root.new_tensor([0.0, 1.0, 0.0]))
            report["lift_max_m"] = float(lift.max())
    return Cleaned(made, {**report, **moved(motion, made)})


def _soles(motion: Motion) -> tuple[Float[Tensor, "T K"], Float[Tensor, "T K 3"]]:
    """Heights of the sole under each foot joint, and the joints' positions, of frames where the joint is slow."""
    joints = [joint for side in foot_joints(motion.skeleton).values() for joint in side]
    positions = motion.positions()[:, joints]
    heights = positions[..., 1] - rest_heights(motion.skeleton)[joints].to(positions)
    speed = velocities(positions, motion.fps).norm(dim=-1)
    count = max(1, math.ceil(SLOWEST * len(motion)))
    slow = speed <= speed.sort(dim=0).values[count - 1]
    return torch.where(slow, heights, heights.new_tensor(float("inf"))), positions


def _floor(heights: Tensor) -> float:
    """The median of the lowest band of standing heights."""
    standing = heights[torch.isfinite(heights)].sort().values
    low = standing[max(0, len(standing) // 20 - 1)]
    return float(standing[standing <= low + FLOOR_BAND_M].median())


def _lowest(motion: Motion) -> Float[Tensor, " T"]:
    """Height of the lowest point of the skeleton; a foot joint counts with its sole as far as the toes support it."""
    positions, world = motion.positions(), motion.global_rotations()
    lowest = positions[..., 1].amin(1)
    for end in motion.skeleton.ends:
        tip = positions[:, end.joint] + quat_apply(world[:, end.joint], positions.new_tensor(end.offset))
        lowest = torch.minimum(lowest, tip[:, 1])
    return lowest


def _levelled(motion: Motion, most_deg: float) -> tuple[Motion, float]:
    """Rotate the clip so that the plane through its standing soles is level; unchanged where that plane is undetermined
    (feet in one place) or tilted by more than ``most_deg``."""
    heights, positions = _soles(motion)
    seen = torch.isfinite(heights)
    points = positions.clone()
    points[..., 1] = heights
    points = points[seen].to(torch.float64)
    low = points[:, 1].sort().values[max(0, len(points) // 20 - 1)]
    points = points[points[:, 1] < low + FLOOR_BAND_M + 0.2]
    center = points.mean(0)
    spread, axes = torch.linalg.eigh((points - center).T @ (points - center) / len(points))
    normal = axes[:, 0] if axes[1, 0] > 0 else -axes[:, 0]
    tilt = math.degrees(math.acos(min(1.0, float(normal[1]))))
    # a plane needs extent in two directions: half a meter each
    if float(spread[1]) < 0.1**2 or tilt > most_deg or tilt < 0.05:
        return motion, 0.0
    turn = quat_between(normal, torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)).to(motion.root.dtype)
    pivot = center.to(motion.root.dtype)
    rotations = motion.rotations.clone()
    rotations[:, 0] = quat_multiply(turn, motion.rotations[:, 0])
    return motion.replace(root=quat_apply(turn, motion.root - pivot) + pivot, rotations=rotations), tilt
