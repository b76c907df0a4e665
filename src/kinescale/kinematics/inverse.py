"""Inverse kinematics of whole poses: joint positions to local rotations, and rest offsets from a track.

A joint with several children that span a plane is fitted to their directions (Kabsch 1976, weighted
Procrustes); one with a single child turns onto its bone by the shortest rotation in its parent's frame; a
leaf keeps the identity.
"""

from __future__ import annotations

from collections.abc import Sequence

import roma
import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.kinematics.forward import global_to_local
from kinescale.kinematics.rotations import (
    matrix_to_quat,
    quat_apply,
    quat_between,
    quat_conjugate,
    quat_continuous,
    quat_multiply,
    quat_to_matrix,
)

LEAST_OFFSET_M = 1e-6
"""Shorter bones say nothing about direction."""
LEAST_SPREAD = 0.05
"""Second over first singular value of the children's offsets, below which they count as lying on one line."""
PULL = 1e-5
"""Weight of the parent's orientation in the fit: it decides a twist that the children leave open."""
NEAR_OPPOSITE = -0.5
"""Cosine between a bone and its rest direction below which the shortest rotation's twist may swing round."""
TWIST_RETURN_RAD = 0.05
"""How far a carried twist goes back to the shortest rotation's in a frame."""
PROCRUSTES_ROUNDS = 5


def positions_to_rotations(
    positions: Float[Tensor, "T J 3"],
    offsets: Float[Tensor, "J 3"],
    parents: Sequence[int],
    *,
    weights: Float[Tensor, " J"] | None = None,
) -> Float[Tensor, "T J 4"]:
    """Local rotations (xyzw, signs continuous in time) whose forward kinematics, from the root's track, make
    ``positions``.

    Exact where bone lengths and the angles between siblings fit ``offsets`` (see ``measure_offsets``), else
    each bone points as closely as its joint allows. ``weights`` [J]: how much each child counts in its
    parent's fit; the pull of a child also grows with its length. Twist about a lone bone is free; it follows
    the parent, and where a bone nearly opposes its rest direction, where that twist would flip, it is carried
    over from the frame before. Differentiable. Raises ``InputError`` for shapes that do not fit or values
    that are not finite.
    """
    _check(positions, offsets, parents)
    identity = torch.zeros_like(positions[:, 0, :1]).expand(-1, 4) + positions.new_tensor([0.0, 0.0, 0.0, 1.0])
    world: list[Tensor] = [identity] * len(parents)
    reached: list[Tensor] = [positions[:, 0]] * len(parents)
    for joint, children in enumerate(_children(offsets, parents)):
        above = identity if parents[joint] < 0 else world[parents[joint]]
        if parents[joint] >= 0:
            reached[joint] = reached[parents[joint]] + quat_apply(above, offsets[joint])
        rest = offsets[children]
        # Aiming from where the joint has come to, not from where it should be, keeps errors from adding up.
        bones = positions[:, children] - reached[joint][:, None]
        if not children:
            world[joint] = above
        elif spread(rest) >= LEAST_SPREAD:
            share = None if weights is None else weights[children]
            world[joint] = fit_directions(bones, rest, above, share)
        else:
            # Siblings on one line agree on one direction: that of their weighted sum along it.
            along = main_line(rest)
            aim = (bones * (rest @ along)[:, None]).sum(1)
            world[joint] = shortest_turn(aim, along, above)
    return quat_continuous(global_to_local(torch.stack(world, dim=1), parents))


def measure_offsets(
    positions: Float[Tensor, "T J 3"], parents: Sequence[int], rest_directions: Float[Tensor, "J 3"]
) -> Float[Tensor, "J 3"]:
    """Rest offsets [J, 3] of a track: median bone lengths along ``rest_directions`` (any length but zero).

    Siblings keep the angles that they have in the track (their mean shape, turned onto the given directions),
    so that ``positions_to_rotations`` can fit them together. The root's offset is zero. A zero rest direction
    is kept zero. Raises ``InputError`` as ``positions_to_rotations`` does.
    """
    _check(positions, rest_directions, parents)
    bones = positions - positions[:, [max(p, 0) for p in parents]]
    lengths = bones.norm(dim=-1).median(dim=0).values
    offsets = torch.nn.functional.normalize(rest_directions, dim=-1) * lengths[:, None]
    offsets = torch.cat([torch.zeros_like(offsets[:1]), offsets[1:]])
    measured = list(offsets.unbind(0))
    for children in _children(offsets, parents):
        if len(children) < 2 or spread(offsets[children]) < LEAST_SPREAD:
            continue
        shape = _mean_shape(bones[:, children], offsets[children])
        for slot, child in enumerate(children):
            measured[child] = torch.nn.functional.normalize(shape[slot], dim=-1) * lengths[child]
    return torch.stack(measured)


def _mean_shape(bones: Float[Tensor, "T C 3"], rest: Float[Tensor, "C 3"]) -> Float[Tensor, "C 3"]:
    """Mean of the children's offsets over time, each frame turned onto it; it lies as ``rest`` does."""
    shape = rest
    for _ in range(PROCRUSTES_ROUNDS):
        turned = nearest_rotation(bones.transpose(1, 2) @ shape)
        shape = torch.einsum("tij,tci->cj", turned, bones) / bones.shape[0]
    return shape @ nearest_rotation(rest.T @ shape).T


def fit_directions(bones: Tensor, rest: Tensor, above: Tensor, weights: Tensor | None) -> Float[Tensor, "T 4"]:
    """World orientation that turns ``rest`` [C, 3] onto ``bones`` [T, C, 3] by least squares."""
    weighted = rest if weights is None else rest * weights[:, None]
    pull = PULL * weighted.norm() * rest.norm() * quat_to_matrix(above)
    return matrix_to_quat(nearest_rotation(bones.transpose(1, 2) @ weighted + pull))


def nearest_rotation(matrix: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3 3"]:
    turned = roma.special_procrustes(matrix)
    assert isinstance(turned, Tensor)  # a pair only where singular values are asked for
    return turned


def shortest_turn(
    aim: Float[Tensor, "T 3"], rest: Float[Tensor, " 3"], above: Float[Tensor, "T 4"], near: float = NEAR_OPPOSITE
) -> Float[Tensor, "T 4"]:
    """World orientation that turns ``rest`` onto ``aim`` the shortest way from the parent's orientation.

    ``near``: cosine below which the twist is carried over from the frame before.
    """
    local_aim = torch.nn.functional.normalize(quat_apply(quat_conjugate(above), aim), dim=-1)
    # A bone of no length keeps its rest direction rather than an arbitrary one.
    local_aim = torch.where(aim.norm(dim=-1, keepdim=True) > LEAST_OFFSET_M, local_aim, rest)
    local = quat_between(rest, local_aim)
    twist = _carried_twist(local.detach(), local_aim.detach(), rest, near)
    if twist is not None:
        half = twist[:, None] / 2
        local = quat_multiply(torch.cat([local_aim * torch.sin(half), torch.cos(half)], dim=-1), local)
    return quat_multiply(above, local)


def _carried_twist(local: Tensor, aim: Tensor, rest: Tensor, near: float) -> Float[Tensor, " T"] | None:
    """Turn about the bone to add to the shortest rotation, or ``None`` if no frame comes near the opposite.

    Frame by frame the rotation before is carried along by the shortest way; what that leaves as a twist
    against the shortest rotation goes back to zero at a steady rate once the bone has left the opposite side.
    """
    cosine = aim @ rest
    if bool((cosine > near).all()):
        return None
    # Stepping each frame from the one before: relative twist of two neighbouring shortest rotations.
    step = quat_multiply(quat_between(aim[:-1], aim[1:]), local[:-1])
    left = quat_multiply(step, quat_conjugate(local[1:]))
    angles = 2 * torch.atan2((left[:, :3] * aim[1:]).sum(-1), left[:, 3])
    carried, twist = 0.0, [0.0]
    for angle, opposite in zip(angles.tolist(), (cosine[1:] < near).tolist(), strict=True):
        if opposite or carried != 0.0:
            carried = _wrapped(carried + angle)
            back = 0.0 if opposite else min(abs(carried), TWIST_RETURN_RAD)
            carried -= back if carried > 0 else -back
        twist.append(carried)
    return local.new_tensor(twist)


def _wrapped(angle: float) -> float:
    """The same angle in [-pi, pi)."""
    return (angle + torch.pi) % (2 * torch.pi) - torch.pi


def _children(offsets: Tensor, parents: Sequence[int]) -> list[list[int]]:
    """Children of each joint that lie off it."""
    long = (offsets.detach().norm(dim=-1) > LEAST_OFFSET_M).tolist()
    return [[c for c, p in enumerate(parents) if p == joint and long[c]] for joint in range(len(parents))]


def spread(rest: Float[Tensor, "C 3"]) -> float:
    if rest.shape[0] < 2:
        return 0.0
    values = torch.linalg.svdvals(rest.detach())
    return float(values[1] / values[0])


def main_line(rest: Float[Tensor, "C 3"]) -> Float[Tensor, " 3"]:
    """Unit direction of the line that the children lie on, that of the longest one."""
    longest = rest[int(rest.detach().norm(dim=-1).argmax())]
    return torch.nn.functional.normalize(longest, dim=-1)


def _check(positions: Tensor, offsets: Tensor, parents: Sequence[int]) -> None:
    joints = len(parents)
    if positions.shape[1:] != (joints, 3) or offsets.shape != (joints, 3) or positions.shape[0] == 0:
        raise InputError(
            f"positions {tuple(positions.shape)} and offsets {tuple(offsets.shape)} do not fit {joints} "
            f"parents; expected [T, {joints}, 3] with T > 0 and [{joints}, 3]."
        )
    if not (bool(torch.isfinite(positions).all()) and bool(torch.isfinite(offsets).all())):
        raise InputError("positions and offsets must be finite.")
