"""Mirroring left and right: reflection in the plane x = 0, with sides exchanged."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.kinematics.rotations import quat_conjugate, quat_multiply


def reflect_points(points: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    """(x, y, z) -> (-x, y, z)."""
    return points * points.new_tensor([-1.0, 1.0, 1.0])


def reflect_quats(quat_xyzw: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 4"]:
    """Mirrored rotation: S R S with S = diag(-1, 1, 1)."""
    return quat_xyzw * quat_xyzw.new_tensor([1.0, -1.0, -1.0, 1.0])


def mirror_world(
    world: Float[Tensor, "T J 4"], t_world: Float[Tensor, "J 4"], partner: Sequence[int]
) -> Float[Tensor, "T J 4"]:
    """World orientations after mirroring.

    ``partner[j]`` is the joint on the other side. The rotation of a joint from its T-pose is reflected and applied
    to its partner, so it works for skeletons whose two sides have different joint frames.
    """
    turned = reflect_quats(quat_multiply(world, quat_conjugate(t_world)))
    swapped = turned[:, torch.as_tensor(list(partner))]
    return quat_multiply(swapped, t_world)
