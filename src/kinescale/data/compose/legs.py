"""Feet placed by two-bone inverse kinematics; the hips are lowered where a leg is too short."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.data.compose.track import Track
from kinescale.kinematics.filters import gaussian_smooth
from kinescale.kinematics.rotations import quat_conjugate, quat_multiply
from kinescale.kinematics.two_bone import STRETCH, two_bone
from kinescale.motion.retarget import t_pose

MOST_DROP_M = 0.08
"""Largest lowering of the hips for a foot out of reach."""

SMOOTHING = 3.0
"""Frames of the Gaussian over the lowering of the hips."""


def place_feet(track: Track, ankles: Float[Tensor, "T 2 3"], soles: Float[Tensor, "T 2 4"]) -> tuple[Track, float]:
    """The clip with its ankles at ``ankles`` and its feet's world orientations ``soles``; knees keep their plane.

    Returns the clip, and the largest distance in meters by which an ankle misses its target.
    """
    legs = track.legs
    position = track.positions
    hip, knee, ankle = (position[:, [legs.left[k], legs.right[k]]] for k in (0, 1, 2))
    drop = _drop(hip, knee, ankle, ankles)
    lowered = drop[:, None, None] * position.new_tensor([0.0, -1.0, 0.0])
    t_world = t_pose(track.skeleton, torch.float64)[0]
    joints = [[legs.left[k], legs.right[k]] for k in (0, 1)]
    rest = [t_world[some] for some in joints]
    upper, lower = (
        quat_multiply(track.world[:, some], quat_conjugate(back)) for some, back in zip(joints, rest, strict=True)
    )
    flat = [value.flatten(0, 1) for value in (hip + lowered, knee + lowered, ankle + lowered, ankles, upper, lower)]
    found = two_bone(*flat)
    new_upper = quat_multiply(found.upper.view_as(upper), rest[0])
    new_lower = quat_multiply(found.lower.view_as(lower), rest[1])
    rotations = track.rotations.clone()
    for side, (hip_j, knee_j, ankle_j, _) in enumerate((legs.left, legs.right)):
        above = track.world[:, track.skeleton.parents[hip_j]]
        rotations[:, hip_j] = quat_multiply(quat_conjugate(above), new_upper[:, side])
        rotations[:, knee_j] = quat_multiply(quat_conjugate(new_upper[:, side]), new_lower[:, side])
        rotations[:, ankle_j] = quat_multiply(quat_conjugate(new_lower[:, side]), soles[:, side])
    root = track.root + lowered[:, 0]
    return track.but(root=root, rotations=rotations), float(found.short_m.max())


def _drop(hip: Tensor, knee: Tensor, ankle: Tensor, goal: Tensor) -> Float[Tensor, "T"]:
    """How far the hips sink for both feet to be in reach: smooth, never less than needed up to ``MOST_DROP_M``."""
    longest = ((knee - hip).norm(dim=-1) + (ankle - knee).norm(dim=-1)) * STRETCH
    longest = torch.maximum(longest, (ankle - hip).norm(dim=-1))
    gap = hip - goal
    upright = (longest.square() - gap[..., [0, 2]].square().sum(-1)).clamp(min=0).sqrt()
    need = (gap[..., 1] - upright).clamp(0, MOST_DROP_M).amax(1)
    if not bool((need > 1e-6).any()):
        return torch.zeros_like(need)
    radius = round(2 * SMOOTHING)
    padded = torch.nn.functional.pad(need[None, None], (radius, radius), mode="replicate")
    wide = torch.nn.functional.max_pool1d(padded, 2 * radius + 1, stride=1)[0]
    return gaussian_smooth(wide, SMOOTHING)[0]
