"""Overlay: body parts of one clip on another clip, blended in and out."""

from __future__ import annotations

import torch

from kinescale.data.compose.track import Track
from kinescale.kinematics.filters import eased
from kinescale.kinematics.rotations import quat_slerp
from kinescale.rigging.body_parts import part_joints, part_roles

EASE = 10
"""Frames over which the overlay is blended in, and out."""


def overlay(lower: Track, upper: Track, start: int, parts: tuple[str, ...], ease: int = EASE) -> Track:
    """``lower`` with the joints of ``parts`` taken from ``upper``, from frame ``start`` on.

    Blended in over the first ``ease`` frames of the overlay and out over its last, unless the clip ends before.
    """
    joints = list(part_joints(lower.skeleton, part_roles(parts), parts))
    stop = min(len(lower), start + len(upper))
    count = stop - start
    at = torch.arange(1, count + 1, dtype=torch.float64)
    weight = eased((at / (ease + 1)).clamp(max=1.0))
    if start == 0:
        weight = torch.ones_like(weight)
    if stop < len(lower):
        weight = weight * eased(((count + 1 - at) / (ease + 1)).clamp(max=1.0))
    rotations = lower.rotations.clone()
    spread = weight[:, None].expand(-1, len(joints))
    rotations[start:stop, joints] = quat_slerp(
        lower.rotations[start:stop, joints], upper.rotations[:count, joints], spread
    )
    return lower.but(rotations=rotations)
