"""Canonical start of a clip (on the floor, at the origin, facing +Z), rigid transforms on the ground, facing."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import SkeletonError
from kinescale.kinematics.contacts import floor_height
from kinescale.kinematics.rotations import quat_about_y, quat_apply, quat_multiply
from kinescale.motion.motion import Motion
from kinescale.skeletons.base import Skeleton

FEET = ("left_ankle", "left_toes", "right_ankle", "right_toes")
"""The order of contacts everywhere: left ankle, left toes, right ankle, right toes."""

TOE_HEIGHT = 0.02
"""Meters between the floor and the toe joints of a standing person."""


def facing_yaw(positions: Float[Tensor, "*b J 3"], skeleton: Skeleton) -> Float[Tensor, "*b"]:
    """Facing direction of a body, radians about the vertical (0 = +Z, positive to its left), from hips and shoulders.

    The line from the right hip to the left and from the right shoulder to the left are added (Guo et al. 2022).
    """
    sides = [
        pair for pair in ("hip", "shoulder") if f"left_{pair}" in skeleton.roles and f"right_{pair}" in skeleton.roles
    ]
    if not sides:
        raise SkeletonError(f"skeleton '{skeleton.name}' has neither hip nor shoulder roles, so its facing is unknown.")
    across = sum(
        positions[..., skeleton.role(f"left_{s}"), :] - positions[..., skeleton.role(f"right_{s}"), :] for s in sides
    )
    assert isinstance(across, Tensor)
    # Facing is across x up = (-across_z, 0, across_x).
    return torch.atan2(-across[..., 2], across[..., 0])


def transform(motion: Motion, yaw: Tensor, shift: Tensor) -> Motion:
    """Rotate a clip about the world's vertical axis by ``yaw`` (radians), then translate it by ``shift`` [3]."""
    turn = quat_about_y(yaw.to(motion.root.dtype))
    root = quat_apply(turn, motion.root) + shift.to(motion.root.dtype)
    rotations = motion.rotations.clone()
    rotations[:, 0] = quat_multiply(turn, motion.rotations[:, 0])
    return motion.replace(root=root, rotations=rotations)


def canonical_transform(motion: Motion, *, floor: bool = True) -> tuple[Float[Tensor, ""], Float[Tensor, "3"]]:
    """Yaw (radians) and shift (meters, [3]) that bring a clip to its canonical start; see ``canonicalize``.

    ``transform(motion, yaw, shift)`` applies them, to this clip or to any other in the same world.
    """
    positions = motion.positions()
    yaw = -facing_yaw(positions[0], motion.skeleton)
    start = quat_apply(quat_about_y(yaw), motion.root[0])
    drop = torch.zeros((), dtype=motion.root.dtype)
    toes = [motion.skeleton.role(r) for r in ("left_toes", "right_toes") if r in motion.skeleton.roles]
    if floor and toes:
        drop = drop + TOE_HEIGHT - floor_height(positions[:, toes])
    return yaw, torch.stack([-start[0], drop, -start[2]])


def canonicalize(motion: Motion, *, floor: bool = True) -> Motion:
    """Move a clip so that frame 0 has its root above the origin and faces +Z, and (with ``floor``) its feet on y = 0.

    The floor is found under the toes (mean of the lowest tenth of their heights). ``SkeletonError`` for a skeleton
    without hip and shoulder roles.

    Example
    -------
    >>> import torch
    >>> from kinescale import skeletons
    >>> from kinescale.motion import Motion, canonicalize
    >>> body = skeletons.get("humanml22")
    >>> still = torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(60, len(body), 4)
    >>> clip = canonicalize(Motion(body, 30.0, torch.full((60, 3), 5.0), still))
    >>> clip.root[0, [0, 2]].abs().max() < 1e-5
    tensor(True)
    """
    yaw, shift = canonical_transform(motion, floor=floor)
    return transform(motion, yaw, shift)
