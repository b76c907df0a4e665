"""Foot planting for retargeting: feet of one body stand where those of another do, by two-bone inverse kinematics.

The hips move up or down a little. Feet keep their orientation, knees their bending direction, and the upper body is
unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.kinematics.filters import gaussian_smooth, smoothstep
from kinescale.kinematics.retarget import Body, ancestors
from kinescale.kinematics.rotations import quat_between, quat_conjugate, quat_multiply
from kinescale.kinematics.stance_correction import TOES, filled, stance_corrections
from kinescale.kinematics.two_bone import STRETCH, two_bone

SIDES = ("left", "right")
SMOOTHING_S = 0.1
"""Sigma of the Gaussian over the rise and fall of the hips."""
FADE_S = 0.2
MOST_SLIDE_M, MOST_DROP_M = 0.06, 0.05
"""Farthest a stance is corrected, and the hips lowered for a leg that is too short; for an adult, others scale."""
BEARING_M = (0.02, 0.12)
"""Heights of a sole up to which it carries the body fully, and from which not at all."""
LEAST_WEIGHT = 0.05
NEAR_GROUND_M = (0.1, 0.3)
"""Height of a sole up to which, and from which no longer, its height over the ground is the source's."""


@dataclass(frozen=True, eq=False)
class Feet:
    """Source feet in the target's measure: heights of the soles over the floor, whether their points (ankle, toes)
    stand, and the points' heights over the sole when the target stands flat (P = 1 where either body lacks toes)."""

    heights: Float[Tensor, "T 2"]
    stands: Bool[Tensor, "T 2 P"]
    rest: Float[Tensor, "2 P"]
    scale: float


def plant_feet(
    positions: Float[Tensor, "T J 3"], world: Float[Tensor, "T J 4"], body: Body, feet: Feet, fps: float
) -> tuple[Float[Tensor, "T 3"], Float[Tensor, "T J 4"]]:
    """Correction of the root [T, 3], and new world orientations [T, J, 4].

    ``positions`` and ``world`` are the body's pose with its floor at height 0.
    """
    roles = [[body.roles[f"{side}_{part}"] for part in ("hip", "knee", "ankle")] for side in SIDES]
    hip, knee, ankle = (positions[:, list(joints)] for joints in zip(*roles, strict=True))
    points = [list(pair) for pair in zip(*[_points(body, side, feet.rest.shape[1]) for side in SIDES], strict=True)]
    feet_at = torch.stack([positions[:, pair] for pair in points], dim=2)
    shift = stance_corrections(feet_at, feet.stands, MOST_SLIDE_M * feet.scale, FADE_S * fps)
    soles = (feet_at[..., 1] - feet.rest).amin(-1)
    rise, lift = _heights(feet.heights - soles, feet, fps)
    goal = ankle + shift[:, :, 0]
    goal = torch.stack([goal[..., 0], goal[..., 1] + lift, goal[..., 2]], dim=-1)
    root = torch.stack([torch.zeros_like(rise), rise, torch.zeros_like(rise)], dim=-1)
    raised = (hip + root[:, None], knee + root[:, None], ankle + root[:, None])
    drop = hips_drop(raised, goal, feet.stands.any(2), MOST_DROP_M * feet.scale, fps)
    root = root - drop[:, None] * root.new_tensor([0.0, 1.0, 0.0])
    if len(points) == 1:
        return root, reach_with_legs(positions + root[:, None], world, body, goal)
    bone = feet_at[:, :, TOES] - feet_at[:, :, 0]
    turn = quat_between(bone, _swung(bone, shift[:, :, TOES] - shift[:, :, 0]))
    return root, reach_with_legs(positions + root[:, None], world, body, goal, turn)


def reach_with_legs(
    positions: Float[Tensor, "T J 3"],
    world: Float[Tensor, "T J 4"],
    body: Body,
    goal: Float[Tensor, "T 2 3"],
    turn: Float[Tensor, "T 2 4"] | None = None,
) -> Float[Tensor, "T J 4"]:
    """World orientations [T, J, 4] with both ankles (left, right) at ``goal``, meters, as far as the legs reach.

    Feet keep their orientation, or are turned by ``turn`` (left, right; as seen from the world). A leg whose ankle is
    at its goal is left as it is.
    """
    roles = [[body.roles[f"{side}_{part}"] for part in ("hip", "knee", "ankle")] for side in SIDES]
    hip, knee, ankle = (positions[:, list(joints)] for joints in zip(*roles, strict=True))
    # rotations relative to the T-pose, in which knees point along +Z: the bending direction of a straight leg
    upper, lower = (
        quat_multiply(world[:, joints], quat_conjugate(body.t_world[joints]))
        for joints in ([leg[part] for leg in roles] for part in (0, 1))
    )
    found = two_bone(*[value.flatten(0, 1) for value in (hip, knee, ankle, goal, upper, lower)])
    turns = [
        quat_multiply(found.upper.view_as(upper), quat_conjugate(upper)),
        quat_multiply(found.lower.view_as(lower), quat_conjugate(lower)),
    ]
    if turn is not None:
        turns.append(turn)
    return _turned(world, turns, body, roles)


def _swung(bone: Float[Tensor, "T 2 3"], by: Float[Tensor, "T 2 3"]) -> Float[Tensor, "T 2 3"]:
    """The foot bone with its end moved ``by`` along the ground; the height of its end makes up for its length."""
    flat = bone + by
    left = bone.square().sum(-1) - flat[..., 0].square() - flat[..., 2].square()
    height = -left.clamp(min=0).sqrt()
    # an almost level foot would have to be raised steeply for little extra length
    most = 2 * by.norm(dim=-1)
    height = torch.where(bone[..., 1] < 0, height, -height)
    height = torch.minimum(torch.maximum(height, bone[..., 1] - most), bone[..., 1] + most)
    return torch.stack([flat[..., 0], height, flat[..., 2]], dim=-1)


def _points(body: Body, side: str, count: int) -> list[int]:
    return [body.roles[f"{side}_{part}"] for part in ("ankle", "toes")[:count]]


def _heights(wrong: Float[Tensor, "T 2"], feet: Feet, fps: float) -> tuple[Tensor, Tensor]:
    """Rise of the hips [T], the common part of low feet, and of each ankle [T, 2], the remaining part."""
    weight = _share_below(feet.heights, *(limit * feet.scale for limit in BEARING_M))
    total = weight.sum(1, keepdim=True)
    common = filled((weight * wrong).sum(1, keepdim=True) / total.clamp(min=LEAST_WEIGHT), total > LEAST_WEIGHT)
    rise = gaussian_smooth(common.T.contiguous(), max(0.5, SMOOTHING_S * fps))[0]
    near = _share_below(feet.heights, *(limit * feet.scale for limit in NEAR_GROUND_M))
    return rise, rise[:, None] + near * (wrong - rise[:, None])


def _share_below(heights: Tensor, low: float, high: float) -> Tensor:
    """Weight 1 up to height ``low``, 0 from ``high``, smooth in between."""
    return smoothstep((high - heights) / (high - low))


def hips_drop(
    leg: tuple[Tensor, Tensor, Tensor],
    goal: Float[Tensor, "T 2 3"],
    stands: Bool[Tensor, "T 2"],
    most_m: float,
    fps: float,
) -> Float[Tensor, " T"]:
    """Lowering of the hips, meters, with which standing ankles reach their ``goal``: smooth, and at most ``most_m``.

    ``leg``: hips, knees and ankles, [T, 2, 3] each, before the correction.
    """
    hip, knee, ankle = leg
    longest = ((knee - hip).norm(dim=-1) + (ankle - knee).norm(dim=-1)) * STRETCH
    longest = torch.maximum(longest, (ankle - hip).norm(dim=-1))
    gap = hip - goal
    upright = (longest.square() - gap[..., [0, 2]].square().sum(-1)).clamp(min=0).sqrt()
    lack = (gap[..., 1] - upright).clamp(0, most_m)
    need = torch.where(stands, lack, torch.zeros_like(lack)).amax(1)
    radius = max(1, round(SMOOTHING_S * fps))
    wide = torch.nn.functional.max_pool1d(need[None, None], 2 * radius + 1, stride=1, padding=radius)[0]
    return gaussian_smooth(wide, radius / 2)[0]


def _turned(world: Tensor, turns: list[Tensor], body: Body, roles: list[list[int]]) -> Float[Tensor, "T J 4"]:
    """World orientations with the legs' joints turned: thigh, shin and (where given) foot; toes stay."""
    still = torch.zeros_like(world[:, :1]) + world.new_tensor([0.0, 0.0, 0.0, 1.0])
    every = torch.cat([still, *turns], dim=1)
    which = []
    for joint in range(world.shape[1]):
        above = [joint, *ancestors(joint, body.parents)]
        which.append(next((_bone(above, body, side, roles[side], len(turns)) for side in (0, 1)
                           if roles[side][0] in above), 0))  # fmt: skip
    return quat_multiply(every[:, which], world)


def _bone(above: list[int], body: Body, side: int, leg: list[int], bones: int) -> int:
    """Row of ``every`` that turns a joint of a leg: 0 none, then pairs (left, right) for thigh, shin, foot."""
    _, knee, ankle = leg
    toes = body.roles.get(f"{SIDES[side]}_toes")
    if toes in above:
        return 0
    part = 2 if ankle in above else 1 if knee in above else 0
    return 0 if part >= bones else 1 + 2 * part + side
