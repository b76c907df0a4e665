"""Inverse kinematics of whole poses from joint positions (Procrustes), and rest offsets from a position track.

A joint with several children that span a plane is fitted to their directions (Kabsch 1976, weighted
Procrustes); one with a single child turns onto its bone by the shortest rotation in its parent's frame; a
leaf keeps the identity. A root whose children lie on one line has no parent to take its twist from: it takes that of
the nearest joint below it whose children show one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
"""Shorter bones have no reliable direction, meters."""
LEAST_SPREAD = 0.05
"""Second over first singular value of the children's offsets, below which they are so near to one line that noise would
rotate the joint about it; their weight for the twist then depends on how well they fit."""
ON_A_LINE = 1e-4
"""The same, below which they are on one line and give no twist at all."""
TWIST_PRIOR_RAD = 0.1
"""Expected deviation of the twist of such a joint from its parent's, weighed against the noise."""
PULL = 1e-5
"""Weight of the parent's orientation in the fit: it gives the twist where the children do not."""
NEAR_OPPOSITE = -0.5
"""Cosine between a bone and its rest direction below which the shortest rotation's twist may flip."""
TWIST_RETURN_RAD = 0.05
"""Rate at which a carried twist returns to the shortest rotation's, radians per frame."""
SUDDEN_RAD = 0.5
"""Twist in one frame, beyond that of neighboring frames, from which the parent has jumped."""
AROUND = 2
"""Neighboring frames on each side that give the usual twist: bodies may spin."""
PROCRUSTES_ROUNDS = 5
LEAST_SUM = 1e-5
"""Sum of two singular values below which the gradient of the nearest rotation is damped."""


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
    moves, through = direct_children(offsets, parents), reach_through(offsets, parents)
    top = root_orientation(positions, offsets, parents)
    world: list[Tensor] = [top] * len(parents)
    reached: list[Tensor] = [positions[:, 0]] * len(parents)
    for joint, parent in enumerate(parents):
        above = top if parent < 0 else world[parent]
        if parent >= 0:
            reached[joint] = reached[parent] + quat_apply(above, offsets[joint])
        above = orientation_below(positions, reached[joint], moves[joint], through[joint], above)
        world[joint] = above
        if moves[joint]:
            # aim from the reached position, not from the given one: errors do not add up
            children, rest = gathered(moves[joint])
            share = None if weights is None else weights[children]
            world[joint] = pointed(positions[:, children] - reached[joint][:, None], rest, above, share)
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
    for moved in direct_children(offsets, parents):
        children = [child for child, _ in moved]
        # All but on a line, noise would open their angle.
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


def pointed(
    bones: Float[Tensor, "T C 3"],
    rest: Float[Tensor, "C 3"],
    above: Float[Tensor, "T 4"],
    weights: Float[Tensor, " C"] | None = None,
    near: float = NEAR_OPPOSITE,
) -> Float[Tensor, "T 4"]:
    """World orientation of a joint that turns the offsets ``rest`` of its children onto ``bones``; what they leave
    open is as in ``above``."""
    if spread(rest) >= LEAST_SPREAD:
        return fit_directions(bones, rest, above, weights)
    # Siblings on one line agree on one direction: that of their weighted sum along it.
    line = main_line(rest)
    swung = shortest_turn(aim_along(bones, rest), line, above, near)
    if spread(rest) < ON_A_LINE:
        return swung
    exact = fit_directions(bones, rest, swung, weights)
    left = (quat_apply(exact[:, None], rest) - bones).detach().square().sum((1, 2)) / (3 * len(rest) - 3)
    return fit_directions(bones, rest, swung, weights, pull=float(left.median()) / (2 * TWIST_PRIOR_RAD**2))


def aim_along(bones: Float[Tensor, "T C 3"], rest: Float[Tensor, "C 3"]) -> Float[Tensor, "T 3"]:
    """Common direction of siblings on one line."""
    return (bones * (rest @ main_line(rest))[:, None]).sum(1)


def orientation_below(
    positions: Float[Tensor, "T J 3"],
    at: Float[Tensor, "T 3"],
    moves: list[tuple[int, Tensor]],
    through: list[tuple[int, Tensor]],
    above: Float[Tensor, "T 4"],
) -> Float[Tensor, "T 4"]:
    """Parent orientation for the fit: ``above``, or the one shown by joints below, where the own children show too
    little."""
    if len(through) == len(moves) or (moves and spread(gathered(moves)[1]) >= LEAST_SPREAD):
        return above
    children, rest = gathered(through)
    if spread(rest) < LEAST_SPREAD:
        return above
    return fit_directions(positions[:, children] - at[:, None], rest, above, None)


def root_orientation(
    positions: Float[Tensor, "T J 3"], offsets: Float[Tensor, "J 3"], parents: Sequence[int]
) -> Float[Tensor, "T 4"]:
    """World orientation of the joint nearest to the root whose children show it whole; the identity if none does."""
    identity = torch.zeros_like(positions[:, 0, :1]).expand(-1, 4) + positions.new_tensor([0.0, 0.0, 0.0, 1.0])
    depth = [0] * len(parents)
    for joint, parent in enumerate(parents[1:], start=1):
        depth[joint] = depth[parent] + 1
    through = reach_through(offsets, parents)
    for joint in sorted(range(len(parents)), key=lambda joint: depth[joint]):
        if len(through[joint]) > 1:
            children, rest = gathered(through[joint])
            if spread(rest) >= LEAST_SPREAD:
                return fit_directions(positions[:, children] - positions[:, [joint]], rest, identity, None)
    return identity


def fit_directions(
    bones: Tensor, rest: Tensor, above: Tensor, weights: Tensor | None, *, pull: float = 0.0
) -> Float[Tensor, "T 4"]:
    """World orientation that turns ``rest`` [C, 3] onto ``bones`` [T, C, 3] by least squares.

    ``pull``, square meters: weight of ``above`` in the fit.
    """
    weighted = rest if weights is None else rest * weights[:, None]
    least = PULL * weighted.norm() * rest.norm()
    return matrix_to_quat(nearest_rotation(bones.transpose(1, 2) @ weighted + (least + pull) * quat_to_matrix(above)))


def nearest_rotation(matrix: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3 3"]:
    """The rotation nearest to a matrix in the Frobenius norm (orthogonal Procrustes; Kabsch 1976)."""
    turned = _NearestRotation.apply(matrix)
    assert isinstance(turned, Tensor)
    return turned


class _NearestRotation(torch.autograd.Function):
    """By singular values; their own gradient is infinite where two of them are equal, that of the rotation is not."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        # in double precision, as nearly equal singular values lose digits
        u, values, vt = torch.linalg.svd(matrix.double())
        flip = torch.ones_like(values)
        flip[..., 2] = torch.where(torch.linalg.det(u) * torch.linalg.det(vt) < 0, -1.0, 1.0)
        u, values = u * flip[..., None, :], values * flip
        ctx.save_for_backward(u, values, vt)
        return (u @ vt).to(matrix.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        u, values, vt = ctx.saved_tensors
        (gradient,) = gradients
        inner = u.mT @ gradient.to(u.dtype) @ vt.mT
        sums = values[..., :, None] + values[..., None, :]
        # 1 / sum, bounded where the rotation is not unique
        turned = (inner - inner.mT) * sums / (sums.square() + LEAST_SUM**2)
        return (u @ turned @ vt).to(gradient.dtype)


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


def steadied(world: Float[Tensor, "T 4"], aim: Float[Tensor, "T 3"]) -> Float[Tensor, "T 4"]:
    """World orientations of a joint whose bone points along ``aim``, without sudden turns about that bone.

    A lone bone's twist follows the parent. Where a parent jumps (a hand turned over for one frame) and the bone does
    not, the bone keeps turning as it did, and then goes back to the parent's twist at a steady rate.
    """
    along = torch.nn.functional.normalize(aim, dim=-1)
    if len(world) < 2:
        return world
    before, now = along[:-1], along[1:]
    turn = quat_multiply(world[1:], quat_conjugate(quat_multiply(quat_between(before, now), world[:-1])))
    turn = torch.where(turn[:, 3:] < 0, -turn, turn)
    step = 2 * torch.atan2((turn[:, :3] * now).sum(-1), turn[:, 3])
    around = torch.cat([step[:1].expand(AROUND), step, step[-1:].expand(AROUND)])
    beyond = step - around.unfold(0, 2 * AROUND + 1, 1).median(-1).values
    # a bone that has flipped, or has no length, does not show its twist
    sudden = (beyond.abs() > SUDDEN_RAD) & ((before * now).sum(-1) > 0)
    if not bool(sudden.any()):
        return world
    carried, twist = 0.0, [0.0]
    for angle, jumps in zip(beyond.tolist(), sudden.tolist(), strict=True):
        back = min(abs(carried), TWIST_RETURN_RAD)
        carried = _wrapped(carried - angle) if jumps else carried - (back if carried > 0 else -back)
        twist.append(carried)
    half = world.new_tensor(twist)[:, None] / 2
    return quat_multiply(torch.cat([along * torch.sin(half), torch.cos(half)], dim=-1), world)


def _carried_twist(local: Tensor, aim: Tensor, rest: Tensor, near: float) -> Float[Tensor, " T"] | None:
    """Turn about the bone to add to the shortest rotation, or ``None`` if no frame comes near the opposite.

    Frame by frame the rotation before is carried along by the shortest way; what that leaves as a twist
    against the shortest rotation goes back to zero at a steady rate once the bone has left the opposite side.
    """
    cosine = aim @ rest
    if bool((cosine > near).all()):
        return None
    # Stepping each frame from the one before: relative twist of two neighboring shortest rotations.
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


def direct_children(offsets: Tensor, parents: Sequence[int]) -> list[list[tuple[int, Tensor]]]:
    """Per joint, its children that lie off it and their offsets."""
    long = (offsets.detach().norm(dim=-1) > LEAST_OFFSET_M).tolist()
    return [[(c, offsets[c]) for c, p in enumerate(parents) if p == joint and long[c]] for joint in range(len(parents))]


def reach_through(offsets: Tensor, parents: Sequence[int]) -> list[list[tuple[int, Tensor]]]:
    """Per joint, the joints it moves and their offsets from it; a joint that lies in its parent passes its own on."""
    found: list[list[tuple[int, Tensor]]] = [[] for _ in parents]
    for child in range(len(parents) - 1, 0, -1):
        if float(offsets[child].detach().norm()) > LEAST_OFFSET_M:
            found[parents[child]].insert(0, (child, offsets[child]))
        else:
            found[parents[child]].extend(found[child])
    return found


def gathered(moves: list[tuple[int, Tensor]]) -> tuple[list[int], Float[Tensor, "C 3"]]:
    """The joints of such a list, and their offsets as one tensor."""
    return [joint for joint, _ in moves], torch.stack([offset for _, offset in moves])


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
