"""Mirroring of a motion: left and right exchanged."""

from __future__ import annotations

from kinescale.core.errors import SkeletonError
from kinescale.kinematics.forward import global_to_local
from kinescale.kinematics.mirror import mirror_world, reflect_points
from kinescale.kinematics.rotations import quat_continuous
from kinescale.motion.motion import Motion
from kinescale.motion.retarget import t_pose
from kinescale.skeletons.base import Skeleton, role_mirror


def mirror_partners(skeleton: Skeleton) -> tuple[int, ...]:
    """For every joint the joint on the other side (itself in the middle). Joints without a role stay themselves."""
    roles = skeleton.role_indices()
    partner = list(range(len(skeleton)))
    for role, joint in roles.items():
        other = role_mirror(role)
        if other not in roles:
            raise SkeletonError(f"skeleton '{skeleton.name}' has '{role}' but no '{other}'; it cannot be mirrored.")
        partner[joint] = roles[other]
    return tuple(partner)


def mirror(motion: Motion) -> Motion:
    """Reflect a clip in the plane x = 0, with left and right exchanged. Applied twice it is the identity.

    Raises ``SkeletonError`` for a skeleton with a role on one side only.

    Example
    -------
    >>> import torch
    >>> from kinescale import skeletons
    >>> from kinescale.motion import Motion, mirror
    >>> body = skeletons.get("humanml22")
    >>> still = torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(60, len(body), 4)
    >>> root = torch.tensor([[1.0, 0.9, 0.0]]).expand(60, 3)
    >>> mirror(Motion(body, 30.0, root, still)).root[0]
    tensor([-1.0000,  0.9000,  0.0000])
    """
    t_world, _ = t_pose(motion.skeleton, motion.root.dtype)
    world = mirror_world(motion.global_rotations(), t_world, mirror_partners(motion.skeleton))
    local = quat_continuous(global_to_local(world, motion.skeleton.parents))
    return motion.replace(root=reflect_points(motion.root), rotations=local)
