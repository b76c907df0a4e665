"""Two-bone inverse kinematics: rotate hip and knee (shoulder and elbow) so that the ankle (wrist) meets its target.

By the law of cosines, with the bend kept in its plane where it has one; all frames at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.kinematics.rotations import quat_apply, quat_between, quat_multiply

STRETCH = 0.9995
"""Longest reach over the length of both bones: below 1, where the bend's plane would be lost."""

NEARLY_STRAIGHT = 0.08
"""Distance of the middle joint from the limb's line, over its length (18 degrees of bend), from which it alone gives
the bending direction."""


@dataclass(frozen=True, eq=False)
class Reached:
    """World orientations of the upper and lower bone's joints [T, 4], and distance from the target in each frame,
    meters [T]."""

    upper: Tensor
    lower: Tensor
    short_m: Tensor


def two_bone(
    start: Float[Tensor, "T 3"],
    middle: Float[Tensor, "T 3"],
    end: Float[Tensor, "T 3"],
    target: Float[Tensor, "T 3"],
    upper: Float[Tensor, "T 4"],
    lower: Float[Tensor, "T 4"],
) -> Reached:
    """``start``, ``middle``, ``end``: where the limb's joints are; ``target``: where the end should be; ``upper``,
    ``lower``: world orientations (xyzw) of its first two joints.

    Bone lengths are kept; a target out of reach is aimed at with the limb all but straight. Frames whose end is at the
    target already are not changed.
    """
    first, second = (middle - start).norm(dim=-1), (end - middle).norm(dim=-1)
    reach = target - start
    wanted = reach.norm(dim=-1)
    longest = torch.maximum((first + second) * STRETCH, (end - start).norm(dim=-1))
    distance = torch.minimum(torch.maximum(wanted, (first - second).abs() + 1e-6), longest)
    direction = torch.where(wanted[:, None] > 1e-9, reach / wanted.clamp(min=1e-9)[:, None], _unit(end - start))
    cosine = (first.square() + distance.square() - second.square()) / (2 * first * distance).clamp(min=1e-12)
    cosine = cosine.clamp(-1, 1)
    sine = (1 - cosine.square()).clamp(min=0).sqrt()
    # bend: offset of the knee from the line hip to ankle, transferred to the new line
    turn = quat_between(_unit(end - start), direction)
    bend = quat_apply(turn, _bend(start, middle, end, lower, first * sine))
    bend = _unit(bend - (bend * direction).sum(-1, keepdim=True) * direction)
    knee = start + first[:, None] * (cosine[:, None] * direction + sine[:, None] * bend)
    ankle = start + distance[:, None] * direction
    still = (target - end).norm(dim=-1, keepdim=True) < 1e-9
    new_upper = quat_multiply(quat_between(_unit(middle - start), _unit(knee - start)), upper)
    new_lower = quat_multiply(quat_between(_unit(end - middle), _unit(ankle - knee)), lower)
    return Reached(
        torch.where(still, upper, new_upper), torch.where(still, lower, new_lower), (wanted - distance).clamp(min=0)
    )


def _bend(start: Tensor, middle: Tensor, end: Tensor, lower: Tensor, wanted: Tensor) -> Float[Tensor, "T 3"]:
    """Unit vector from the line start-end to the middle joint, which is to be ``wanted`` meters [T] off it.

    The straighter the limb, the more the direction is the lower bone's own +Z, where a knee points in the T-pose: a
    slightly overstretched knee must not fold backwards.
    """
    line = _unit(end - start)
    off = middle - start
    off = off - (off * line).sum(-1, keepdim=True) * line
    ahead = quat_apply(lower, torch.tensor([0.0, 0.0, 1.0], dtype=start.dtype, device=start.device))
    ahead = _unit(ahead - (ahead * line).sum(-1, keepdim=True) * line)
    length = (middle - start).norm(dim=-1, keepdim=True) + (end - middle).norm(dim=-1, keepdim=True)
    far = off.norm(dim=-1, keepdim=True)
    share = (1 - far / (NEARLY_STRAIGHT * length).clamp(min=1e-9)).clamp(min=0)
    bent = off + share * (wanted[:, None] - far).clamp(min=0) * ahead
    return _unit(torch.where(far < 1e-4, ahead, bent))


def _unit(vector: Tensor) -> Tensor:
    return vector / vector.norm(dim=-1, keepdim=True).clamp(min=1e-12)
