"""Least-squares inverse kinematics: smooth joint rotations of a skeleton fitted to a track of joint positions.

Top-down first (``inverse``): joints with several children by Procrustes, single bones by the shortest rotation,
smoothed where the parent jumps, upper limbs twisted until knees and elbows bend about their hinges. The remaining
errors, from changing bone lengths, are minimized by damped Gauss-Newton steps (Levenberg 1944), all frames at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.kinematics.filters import gaussian_smooth
from kinescale.kinematics.forward import forward_kinematics, global_to_local
from kinescale.kinematics.inverse import (
    LEAST_OFFSET_M,
    NEAR_OPPOSITE,
    ON_A_LINE,
    aim_along,
    direct_children,
    gathered,
    orientation_below,
    pointed,
    reach_through,
    root_orientation,
    spread,
    steadied,
)
from kinescale.kinematics.rotations import quat_apply, quat_conjugate, quat_continuous, quat_multiply
from kinescale.kinematics.stance_correction import filled

COLLAPSED = 0.1
"""A bone shorter than this share of its length has no reliable direction."""
HINGE_SIGMAS_S = ((1.5, 0.02), (0.25, 0.2), (0.04, 1.0))
"""Width, seconds, and weight of the Gaussians that average a hinge's axis over time: a straight limb shows none and
takes it from neighboring frames."""
HINGE_REST = 1e-4
"""Weight of the untwisted limb, against the squared sine of the bend: it decides for a limb that never bends."""
HINGE_STEP_RAD, HINGE_RATE_RAD_S = 0.5, 25.0
"""Largest twist of a limb per frame and per second; elbow or knee compensate for the rest."""
DAMPING = 1e-4
"""Damping of the normal equations, square meters; what positions leave open is not changed."""
OVERSTRETCHED = 0.94
"""Cosine of the farthest that a knee or elbow bends the wrong way (20 degrees)."""
FOLDED = -0.97
"""Cosine between the bones of a hinge below which its axis is unreliable: the limb is nearly folded."""
ROUNDS = 4
CHUNK = 256
GOOD_ENOUGH_M = 2e-5
"""Error of a track that is exact up to rounding, meters; positions in files are rounded."""


@dataclass(frozen=True, eq=False)
class Hinge:
    """A knee or elbow: ``upper`` is the joint above it (hip, shoulder), ``middle`` itself, ``lower`` the one it moves.

    ``axis`` [3], a unit vector in ``upper``'s frame: the bend turns the lower bone about it, by a positive angle.
    """

    upper: int
    middle: int
    lower: int
    axis: Float[Tensor, " 3"]


def fit_track(
    positions: Float[Tensor, "T J 3"],
    offsets: Float[Tensor, "J 3"],
    parents: Sequence[int],
    fps: float,
    hinges: Sequence[Hinge] = (),
    trunk: Sequence[int] = (),
) -> tuple[Float[Tensor, "T 3"], Float[Tensor, "T J 4"]]:
    """Root track and local rotations (xyzw, continuous) whose forward kinematics is closest to ``positions``.

    ``trunk``: a chain of joints, lowest first, along which the twist between its ends is distributed evenly. Joints
    without children keep the identity. Positions must be finite.
    """
    positions, seen = _without_collapse(positions, offsets, parents)
    world = _top_down(positions, offsets, parents, fps, {hinge.upper: hinge for hinge in hinges})
    root, world = _least_squares(positions[:, 0], world, positions, offsets, parents, seen)
    world = _shared_twist(world, offsets, trunk)
    local = global_to_local(world, parents)
    for joint in set(range(len(parents))) - set(parents):
        local[:, joint] = local.new_tensor([0.0, 0.0, 0.0, 1.0])
    return root, quat_continuous(local)


def _without_collapse(
    positions: Tensor, offsets: Tensor, parents: Sequence[int]
) -> tuple[Float[Tensor, "T J 3"], Bool[Tensor, "T J"]]:
    """The track with collapsed bones directed as in neighboring frames, and a mask of unchanged joints."""
    up = [max(parent, 0) for parent in parents]
    bones = positions - positions[:, up]
    length = offsets.norm(dim=-1)
    seen = (bones.norm(dim=-1) > COLLAPSED * length) | (length < LEAST_OFFSET_M)
    seen[:, 0] = True
    if bool(seen.all()):
        return positions, seen
    never = ~seen.any(0)
    around = filled(torch.nn.functional.normalize(bones, dim=-1), seen)
    around = torch.where(never[:, None], torch.nn.functional.normalize(offsets, dim=-1), around)
    mended = torch.where(seen[..., None], bones, around * length[:, None])
    made = [positions[:, 0]]
    for joint in range(1, len(parents)):
        # a joint below a repaired one keeps its own position
        own = positions[:, joint]
        made.append(torch.where(seen[:, joint, None], own, made[parents[joint]] + mended[:, joint]))
    return torch.stack(made, dim=1), seen


def _top_down(
    positions: Tensor, offsets: Tensor, parents: Sequence[int], fps: float, hinges: dict[int, Hinge]
) -> Float[Tensor, "T J 4"]:
    """World orientations, parents first."""
    moves, through = direct_children(offsets, parents), reach_through(offsets, parents)
    folding = {hinge.middle for hinge in hinges.values()}
    top = root_orientation(positions, offsets, parents)
    world, reached = [top] * len(parents), [positions[:, 0]] * len(parents)
    for joint, parent in enumerate(parents):
        above = top
        if parent >= 0:
            above = world[parent]
            reached[joint] = reached[parent] + quat_apply(above, offsets[joint])
        shown = orientation_below(positions, reached[joint], moves[joint], through[joint], above)
        world[joint] = shown
        if not moves[joint]:
            continue
        children, rest = gathered(moves[joint])
        bones = positions[:, children] - reached[joint][:, None]
        world[joint] = pointed(bones, rest, shown, near=FOLDED if joint in folding else NEAR_OPPOSITE)
        if spread(rest) >= ON_A_LINE:
            continue
        if joint in hinges:
            world[joint] = _twisted(world[joint], aim_along(bones, rest), positions, hinges[joint], fps)
        elif joint not in folding and shown is above:
            world[joint] = steadied(world[joint], aim_along(bones, rest))
    return torch.stack(world, dim=1)


def _twisted(
    world: Float[Tensor, "T 4"], aim: Float[Tensor, "T 3"], positions: Tensor, hinge: Hinge, fps: float
) -> Float[Tensor, "T 4"]:
    """``world`` rotated about the bone until the hinge axis matches the limb's bend."""
    along = torch.nn.functional.normalize(aim, dim=-1)
    lower = torch.nn.functional.normalize(positions[:, hinge.lower] - positions[:, hinge.middle], dim=-1)
    shown = torch.linalg.cross(along, lower)
    axis = quat_apply(world, hinge.axis)
    axis = torch.nn.functional.normalize(axis - (axis * along).sum(-1, keepdim=True) * along, dim=-1)
    across = torch.linalg.cross(along, axis)
    # The bend's normal in the untwisted limb's own frame, where nothing turns that the limb does not.
    plane = torch.stack([(shown * axis).sum(-1), (shown * across).sum(-1)])
    # squared: an almost straight limb shows noise
    plane = plane * plane.norm(dim=0)
    longest = max(0.5, (plane.shape[1] - 1) / 4)
    bent = (1 - (along * lower).sum(-1)) / (1 - OVERSTRETCHED)
    sure = (bent - 1).clamp(0, 1)
    total = torch.zeros_like(plane)
    total[0] = HINGE_REST
    for sigma, weight in HINGE_SIGMAS_S:
        # a limb bent slightly the wrong way shows its axis reversed: the sign comes from the frames before
        facing = (torch.nn.functional.normalize(plane, dim=0) * torch.nn.functional.normalize(total, dim=0)).sum(0)
        facing = sure + (1 - sure) * facing if sigma < HINGE_SIGMAS_S[0][0] else torch.ones_like(facing)
        total = total + weight * gaussian_smooth(plane * facing, min(max(sigma * fps, 0.25), longest))
    half = _eased(torch.atan2(total[1], total[0]), min(HINGE_STEP_RAD, HINGE_RATE_RAD_S / fps))[:, None] / 2
    return quat_multiply(torch.cat([along * torch.sin(half), torch.cos(half)], dim=-1), world)


def _eased(angle: Float[Tensor, "T"], most: float) -> Float[Tensor, "T"]:
    """The angle with steps limited to ``most``: the axis of a limb that passes through straight flips at once.

    Mean of the rate-limited angle from its beginning and of that from its end.
    """
    step = torch.diff(angle)
    step = torch.atan2(torch.sin(step), torch.cos(step))
    if not bool((step.abs() > most).any()):
        return angle
    course = torch.cat([angle[:1], angle[:1] + step.cumsum(0)])
    ways = []
    for way in (course, course.flip(0)):
        values = way.tolist()
        for i in range(1, len(values)):
            values[i] = min(max(values[i], values[i - 1] - most), values[i - 1] + most)
        ways.append(angle.new_tensor(values))
    return (ways[0] + ways[1].flip(0)) / 2


def _least_squares(
    root: Tensor, world: Tensor, positions: Tensor, offsets: Tensor, parents: Sequence[int], seen: Tensor
) -> tuple[Tensor, Tensor]:
    """Damped Gauss-Newton steps on the root and all orientations, a chunk of frames at a time."""
    done = []
    for at in range(0, len(root), CHUNK):
        part = slice(at, at + CHUNK)
        done.append(_refined(root[part], world[part], positions[part], offsets, parents, seen[part]))
    roots, worlds = zip(*done, strict=True)
    return torch.cat(roots), torch.cat(worlds)


def _refined(
    root: Tensor, world: Tensor, positions: Tensor, offsets: Tensor, parents: Sequence[int], seen: Tensor
) -> tuple[Tensor, Tensor]:
    joints = len(parents)
    turning = sorted({p for p in parents if p >= 0})
    # below[j, k]: whether joint k is below rotating joint j
    below = torch.zeros(joints, joints, dtype=torch.bool)
    for joint in range(1, joints):
        below[:, joint] = below[:, parents[joint]]
        below[parents[joint], joint] = True
    mask = below[turning].to(positions)
    weight = seen.to(positions)
    for _ in range(ROUNDS):
        at, _ = forward_kinematics(root, global_to_local(world, parents), offsets, parents)
        left = (positions - at) * weight[..., None]
        if float(left.norm(dim=-1).max()) < GOOD_ENOUGH_M:
            break
        step = _step(at, left, mask, weight, turning)
        root = root + step[:, 0]
        # a joint rotates all joints below it: rotations of ancestors add up
        total = torch.einsum("jk,tjx->tkx", mask + _self(turning, joints, mask), step[:, 1:])
        world = quat_multiply(_from_vector(total), world)
    return root, world


def _self(turning: list[int], joints: int, like: Tensor) -> Tensor:
    own = torch.zeros(len(turning), joints, dtype=like.dtype, device=like.device)
    own[list(range(len(turning))), turning] = 1.0
    return own


def _step(at: Tensor, left: Tensor, mask: Tensor, weight: Tensor, turning: list[int]) -> Float[Tensor, "T N 3"]:
    """Shift of the root, then a rotation vector (world axes, radians) of each rotating joint."""
    frames, joints = at.shape[:2]
    arm = (at[:, None] - at[:, turning, None]) * mask[None, :, :, None]
    zero = torch.zeros_like(arm[..., 0])
    x, y, z = arm.unbind(-1)
    # Row k, columns of turn w at j: d(p_k) = w x (p_k - p_j).
    turns = torch.stack(
        [torch.stack([zero, z, -y], -1), torch.stack([-z, zero, x], -1), torch.stack([y, -x, zero], -1)], -2
    )
    turns = turns.permute(0, 2, 3, 1, 4).flatten(3)
    shift = torch.eye(3, dtype=at.dtype, device=at.device).expand(frames, joints, 3, 3)
    jacobian = (torch.cat([shift, turns], dim=-1) * weight[..., None, None]).flatten(1, 2)
    normal = jacobian.transpose(1, 2) @ jacobian
    normal = normal + DAMPING * torch.eye(normal.shape[-1], dtype=at.dtype, device=at.device)
    right = jacobian.transpose(1, 2) @ left.flatten(1)[..., None]
    return torch.linalg.solve(normal, right).view(frames, -1, 3)


def _from_vector(vector: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 4"]:
    """Rotation vectors to unit quaternions, with care near zero."""
    angle = vector.norm(dim=-1, keepdim=True)
    return torch.cat([vector * torch.sinc(angle / (2 * torch.pi)) / 2, torch.cos(angle / 2)], dim=-1)


def _shared_twist(world: Tensor, offsets: Tensor, trunk: Sequence[int]) -> Float[Tensor, "T J 4"]:
    """Inner joints of the trunk rotated about their own bones, so that the twist between its ends is distributed
    evenly."""
    if len(trunk) < 3:
        return world
    relative = quat_multiply(quat_conjugate(world[:, trunk[-2]]), world[:, trunk[-1]])
    line = torch.nn.functional.normalize(offsets[trunk[-1]], dim=-1)
    relative = torch.where(relative[:, 3:] < 0, -relative, relative)
    twist = 2 * torch.atan2((relative[:, :3] * line).sum(-1), relative[:, 3])
    made = list(world.unbind(1))
    for place, (joint, upper) in enumerate(pairwise(trunk[1:]), start=1):
        bone = torch.nn.functional.normalize(quat_apply(world[:, joint], offsets[upper]), dim=-1)
        half = (twist * place / (len(trunk) - 1))[:, None] / 2
        made[joint] = quat_multiply(torch.cat([bone * torch.sin(half), torch.cos(half)], dim=-1), made[joint])
    return torch.stack(made, dim=1)
