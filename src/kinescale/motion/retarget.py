"""Motion on another skeleton: by roles, with the other body's proportions."""

from __future__ import annotations

import torch
from torch import Tensor

from kinescale.core.errors import SkeletonError
from kinescale.kinematics.forward import forward_kinematics, global_to_local
from kinescale.kinematics.retarget import hips_centre, leg_length, retarget_rotations
from kinescale.kinematics.rotations import quat_continuous
from kinescale.motion.motion import Motion
from kinescale.skeletons.base import Skeleton

NEEDED = ("hips", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle")


def t_pose(skeleton: Skeleton, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """World orientations [J, 4] and positions [J, 3] of a skeleton in its T-pose, the root at the origin."""
    joints = len(skeleton)
    local = torch.zeros(joints, 4, dtype=dtype)
    local[:, 3] = 1
    if skeleton.t_pose is not None:
        local = torch.as_tensor(skeleton.t_pose.copy(), dtype=dtype)
    offsets = torch.as_tensor(skeleton.offsets.copy(), dtype=dtype)
    positions, world = forward_kinematics(torch.zeros(3, dtype=dtype), local, offsets, skeleton.parents)
    return world, positions


def retarget(motion: Motion, skeleton: Skeleton) -> Motion:
    """The motion on ``skeleton``.

    Orientations go over by role. The point between the hip joints follows the source's, scaled by the ratio of leg
    lengths, so that strides fit the legs and feet that stand keep standing. On the same skeleton it is the identity.

    Raises ``SkeletonError`` when either skeleton lacks hips or legs.
    """
    if skeleton == motion.skeleton:
        return motion
    source_roles, target_roles = motion.skeleton.role_indices(), skeleton.role_indices()
    for owner, roles in ((motion.skeleton, source_roles), (skeleton, target_roles)):
        missing = [role for role in NEEDED if role not in roles]
        if missing:
            raise SkeletonError(
                f"skeleton '{owner.name}' has no joint for the role{'s' if len(missing) > 1 else ''} "
                f"{', '.join(missing)}; retargeting needs hips and both legs."
            )
    dtype = motion.root.dtype
    source_t_world, source_t_positions = t_pose(motion.skeleton, dtype)
    target_t_world, target_t_positions = t_pose(skeleton, dtype)
    positions, source_world = motion.positions(), motion.global_rotations()
    world = retarget_rotations(
        source_world, source_t_world, source_t_positions, target_t_world, target_t_positions,
        skeleton.parents, source_roles, target_roles,
    )  # fmt: skip
    scale = leg_length(target_t_positions, target_roles) / leg_length(source_t_positions, source_roles)
    offsets = torch.as_tensor(skeleton.offsets.copy(), dtype=dtype)
    local = quat_continuous(global_to_local(world, skeleton.parents))
    at_origin, _ = forward_kinematics(torch.zeros_like(motion.root), local, offsets, skeleton.parents)
    root = scale * hips_centre(positions, source_roles) - hips_centre(at_origin, target_roles)
    return motion.replace(skeleton=skeleton, root=root, rotations=local)
