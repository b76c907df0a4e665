"""The clean-up contract: ``Config`` (a Record) and ``clean(motion, config) -> Cleaned``.

Steps are independent; the command line runs the chosen ones in turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import SkeletonError
from kinescale.kinematics.forward import forward_kinematics
from kinescale.kinematics.rotations import quat_apply
from kinescale.motion.canonicalize import TOE_HEIGHT
from kinescale.motion.motion import Motion
from kinescale.skeletons.base import Skeleton

SIDES = ("left", "right")

ANKLE_HEIGHT_M = 0.08
"""Between the floor and the ankles of a standing person, meters."""


@dataclass(frozen=True, eq=False)
class Cleaned:
    """Cleaned clip and report: entries named with their unit as last part (``moved_max_m``)."""

    motion: Motion
    report: Mapping[str, float] = field(default_factory=dict)


def moved(before: Motion, after: Motion) -> dict[str, float]:
    """Mean and largest displacement of joints over all frames, meters."""
    distance = (after.positions() - before.positions()).norm(dim=-1)
    return {"moved_mean_m": float(distance.mean()), "moved_max_m": float(distance.max())}


def foot_joints(skeleton: Skeleton) -> dict[str, tuple[int, ...]]:
    """Joints that touch the ground per side: ankle, and toes where there are any. ``SkeletonError`` without ankles."""
    feet = {}
    for side in SIDES:
        roles = [role for role in (f"{side}_ankle", f"{side}_toes") if role in skeleton.roles]
        if not roles:
            raise SkeletonError(
                f"skeleton '{skeleton.name}' has no joint for the role '{side}_ankle'; name it with a roles file."
            )
        feet[side] = tuple(skeleton.role(role) for role in roles)
    return feet


def rest_heights(skeleton: Skeleton) -> Float[Tensor, " J"]:
    """Height of each joint over the sole in the T-pose, meters.

    The sole is the lowest bone end; where a foot joint itself is the lowest point, it lies under that joint as far as
    an adult's does (``TOE_HEIGHT``, ``ANKLE_HEIGHT_M``).
    """
    rotations = skeleton.t_pose
    turned = torch.zeros(1, len(skeleton), 4, dtype=torch.float64)
    turned[..., 3] = 1.0
    if rotations is not None:
        turned = torch.as_tensor(rotations.copy())[None]
    offsets = torch.as_tensor(skeleton.offsets.copy())
    positions, world = forward_kinematics(torch.zeros(1, 3, dtype=torch.float64), turned, offsets, skeleton.parents)
    tips = [
        positions[0, end.joint] + quat_apply(world[0, end.joint], torch.tensor(end.offset, dtype=torch.float64))
        for end in skeleton.ends
    ]
    heights = torch.stack([*positions[0], *tips])[:, 1]
    lowest = int(heights.argmin())
    toes = {skeleton.roles.get(f"{side}_toes") for side in SIDES}
    thickness = 0.0
    if lowest < len(skeleton):
        thickness = TOE_HEIGHT if skeleton.joints[lowest] in toes else ANKLE_HEIGHT_M
    return positions[0, :, 1] - heights[lowest] + thickness


def leg_length(skeleton: Skeleton) -> float:
    """Length of a leg, hip to ankle, meters (mean of both sides)."""
    total = []
    for side in SIDES:
        hip, joint = skeleton.role(f"{side}_hip"), skeleton.role(f"{side}_ankle")
        length = 0.0
        while joint not in (hip, -1):
            length += float((skeleton.offsets[joint] ** 2).sum() ** 0.5)
            joint = skeleton.parents[joint]
        if joint == -1:
            raise SkeletonError(f"skeleton '{skeleton.name}': the {side} ankle does not hang from the {side} hip.")
        total.append(length)
    return sum(total) / len(total)
