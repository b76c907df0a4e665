"""Forward kinematics: local joint rotations to world positions and orientations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.kinematics.rotations import quat_apply, quat_multiply


def forward_kinematics(
    root: Float[Tensor, "*b 3"],
    rotations: Float[Tensor, "*b J 4"],
    offsets: Float[Tensor, "J 3"],
    parents: Sequence[int],
) -> tuple[Float[Tensor, "*b J 3"], Float[Tensor, "*b J 4"]]:
    """World positions [..., J, 3] and world quaternions [..., J, 4].

    ``root`` is joint 0's world position (its own offset is not added). Joints of one depth are computed together, in
    one batched product per level of the tree. Differentiable in everything but ``parents``.

    Example
    -------
    >>> identity = torch.tensor([[0.0, 0.0, 0.0, 1.0]]).expand(2, 4)
    >>> offsets = torch.tensor([[0.0, 0.0, 0.0], [0.0, -0.5, 0.0]])
    >>> positions, world = forward_kinematics(torch.tensor([0.0, 1.0, 0.0]), identity, offsets, (-1, 0))
    >>> positions[1]
    tensor([0.0000, 0.5000, 0.0000])
    """
    position: list[Tensor] = [root] * len(parents)
    world: list[Tensor] = [rotations[..., 0, :]] * len(parents)
    for level in _levels(tuple(parents)):
        up = [parents[j] for j in level]
        above = torch.stack([world[p] for p in up], dim=-2)
        turned = quat_multiply(above, rotations[..., level, :])
        moved = torch.stack([position[p] for p in up], dim=-2) + quat_apply(above, offsets[level])
        for slot, joint in enumerate(level):
            world[joint] = turned[..., slot, :]
            position[joint] = moved[..., slot, :]
    return torch.stack(position, dim=-2), torch.stack(world, dim=-2)


def local_to_global(rotations: Float[Tensor, "*b J 4"], parents: Sequence[int]) -> Float[Tensor, "*b J 4"]:
    """World orientations from local rotations."""
    world: list[Tensor] = [rotations[..., 0, :]] * len(parents)
    for joint in range(1, len(parents)):
        world[joint] = quat_multiply(world[parents[joint]], rotations[..., joint, :])
    return torch.stack(world, dim=-2)


def global_to_local(world: Float[Tensor, "*b J 4"], parents: Sequence[int]) -> Float[Tensor, "*b J 4"]:
    """Local rotations from world orientations."""
    up = world[..., [max(p, 0) for p in parents], :]
    inverse = torch.cat([-up[..., :3], up[..., 3:]], dim=-1)
    local = quat_multiply(inverse, world)
    return torch.cat([world[..., :1, :], local[..., 1:, :]], dim=-2)


def joints_of_global(
    world: Float[Tensor, "*b J 3 3"], offsets: Float[Tensor, "J 3"], parents: Sequence[int]
) -> Float[Tensor, "*b J 3"]:
    """Joint positions relative to joint 0 from world rotation matrices.

    Each bone is its parent's rotation times its offset, and a joint the sum of the bones above it: two products
    whatever the depth of the tree, where ``forward_kinematics`` goes level by level. Differentiable.
    """
    up = [max(parent, 0) for parent in parents]
    bones = (world[..., up, :, :] @ offsets[:, :, None])[..., 0]
    return _ancestry(tuple(parents)).to(bones) @ bones


@lru_cache(maxsize=16)
def _ancestry(parents: tuple[int, ...]) -> Tensor:
    """[J, J] with 1 where the column's bone lies between joint 0 and the row's joint."""
    rows = torch.zeros(len(parents), len(parents))
    for joint, parent in enumerate(parents):
        if parent >= 0:
            rows[joint] = rows[parent]
            rows[joint, joint] = 1.0
    return rows


def _levels(parents: tuple[int, ...]) -> list[list[int]]:
    depth = [0] * len(parents)
    for joint, parent in enumerate(parents):
        depth[joint] = 0 if parent < 0 else depth[parent] + 1
    levels: list[list[int]] = [[] for _ in range(max(depth))]
    for joint, level in enumerate(depth):
        if level:
            levels[level - 1].append(joint)
    return levels
