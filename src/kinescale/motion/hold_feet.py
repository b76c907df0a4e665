"""Hold the feet of some frames of a clip where they stand; the frames around them are given and not changed.

Unlike ``motion.plant``, which places each stance at its own mean, a stance that goes on outside the frames keeps its
place there, so that a filled gap or a blend joins what is around it without a slide.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.kinematics.contacts import ADULT_LEG_M, floor_height, velocities
from kinescale.kinematics.foot_planting import SIDES, reach_with_legs
from kinescale.kinematics.forward import global_to_local
from kinescale.kinematics.retarget import Body
from kinescale.kinematics.stance_correction import TOES, filled
from kinescale.motion.canonicalize import FEET, TOE_HEIGHT
from kinescale.motion.clean_up.base import leg_length, rest_heights
from kinescale.motion.motion import Motion
from kinescale.motion.retarget import t_pose
from kinescale.motion.set_frames import set_frames

STAND_M_S, STAND_M = 0.35, 0.06
"""A foot joint that is slower, and lower over its height in the T-pose, stands; for an adult's legs."""

SHORTEST_STANCE_S = 0.1
MOST_MOVED_M = 0.12
"""A foot that would have to be moved farther to stand does not stand; for an adult's legs."""

AROUND_S = 0.5
"""Seconds around the frames in which a stance is looked for."""


def hold_feet(motion: Motion, span: tuple[int, int], floor: float | None = None) -> Motion:
    """The gap with feet that stand held where they stand, legs bent by two-bone inverse kinematics.

    A stance that goes on outside the gap keeps its place there; one inside keeps its mean place. Frames outside the gap
    are not changed. A skeleton without legs is left as it is.
    """
    roles = motion.skeleton.role_indices()
    if any(f"{side}_{part}" not in roles for side in SIDES for part in ("hip", "knee", "ankle", "toes")):
        return motion
    start, stop = span
    side = round(AROUND_S * motion.fps)
    first, last = max(0, start - side), min(len(motion), stop + side)
    near = motion.slice(first, last)
    inside = torch.zeros(len(near), dtype=torch.bool)
    inside[start - first : stop - first] = True
    positions, world = near.positions(), near.global_rotations()
    feet = positions[:, [roles[role] for role in FEET]].unflatten(1, (2, 2))
    stands = _standing(near, feet, ground_height(motion, span, floor))
    shift = _held(feet, stands, inside, leg_length(motion.skeleton) / ADULT_LEG_M)
    known = stands.any(2) | ~inside[:, None]
    shift = filled(shift, known) * inside[:, None, None].to(shift)
    if float(shift.abs().max()) < 1e-6:
        return motion
    still, rest = t_pose(motion.skeleton, positions.dtype)
    body = Body(motion.skeleton.parents, roles, still, rest)
    reached = reach_with_legs(positions, world, body, feet[:, :, 0] + shift)
    local = global_to_local(reached, motion.skeleton.parents)[inside]
    return set_frames(motion, span, motion.root[start:stop], local)


def ground_height(motion: Motion, span: tuple[int, int], floor: float | None = None) -> float:
    """Height of the ground, meters: ``floor``, or what is under the lowest toes outside the span."""
    toes = [motion.skeleton.role(role) for role in ("left_toes", "right_toes") if role in motion.skeleton.roles]
    if floor is not None or not toes:
        return floor or 0.0
    outside = torch.cat([torch.arange(span[0]), torch.arange(span[1], len(motion))])
    heights = motion.replace(root=motion.root[outside], rotations=motion.rotations[outside]).positions()[:, toes]
    return floor_height(heights) - TOE_HEIGHT


def _standing(near: Motion, feet: Float[Tensor, "T 2 2 3"], floor: float) -> Bool[Tensor, "T 2 2"]:
    """Which foot points (ankle, toes) stand: slow and low, in runs of ``SHORTEST_STANCE_S`` at least."""
    scale = leg_length(near.skeleton) / ADULT_LEG_M
    rest = rest_heights(near.skeleton).to(feet)[[near.skeleton.role(role) for role in FEET]].view(2, 2)
    speed = velocities(feet, near.fps).norm(dim=-1)
    speed = torch.minimum(speed, torch.cat([speed[:1], speed[:-1]]))
    stands = (speed < STAND_M_S * scale) & (feet[..., 1] - floor - rest < STAND_M * scale)
    wide = 2 * (max(1, round(SHORTEST_STANCE_S * near.fps)) // 2) + 1
    rows = stands.flatten(1).T[None].to(feet)
    padded = torch.nn.functional.pad(rows, (wide, wide), mode="replicate")
    lasting = -torch.nn.functional.max_pool1d(-padded, wide, stride=1)
    return (torch.nn.functional.max_pool1d(lasting, wide, stride=1)[0, :, 1:-1].T > 0.5).view_as(stands)


def _held(
    feet: Float[Tensor, "T 2 2 3"], stands: Bool[Tensor, "T 2 2"], inside: Bool[Tensor, " T"], scale: float
) -> Float[Tensor, "T 2 3"]:
    """What is added to each ankle so that what bears it stays; 0 outside the gap."""
    shift = torch.zeros_like(feet[:, :, 0])
    flat = feet.new_tensor([1.0, 0.0, 1.0])
    for foot in range(2):
        bears = torch.where(stands[:, foot, TOES], 1, 0)
        for begin, end in _runs(stands[:, foot].any(1)):
            at = torch.arange(begin, end)
            if not bool(inside[at].any()):
                continue
            point = feet[at, foot, bears[at]]
            # where the bearing point goes from heel to toes, the place goes on with the foot as it is then
            jump = torch.zeros_like(point)
            jump[1:] = feet[at[1:], foot, bears[at[1:]]] - feet[at[1:], foot, bears[at[:-1]]]
            path = (point - jump.cumsum(0)) * flat
            path = path - path[:1]
            target = _place(path, ~inside[at])
            move = target - path
            if float(move.norm(dim=-1).max()) <= MOST_MOVED_M * scale:
                shift[at, foot] = move
    return shift * inside[:, None, None].to(shift)


def _place(path: Float[Tensor, "N 3"], given: Bool[Tensor, " N"]) -> Float[Tensor, "N 3"]:
    """Where a stance stays: its mean, or where its given frames are, evenly from the first side to the other."""
    if not bool(given.any()):
        return path.mean(0, keepdim=True).expand_as(path)
    return filled(path[:, None], given[:, None])[:, 0]


def _runs(flags: Bool[Tensor, " T"]) -> Sequence[tuple[int, int]]:
    """First frame and the one after the last of each run of true."""
    padded = torch.nn.functional.pad(flags.int(), (1, 1))
    step = torch.diff(padded)
    return list(zip((step == 1).nonzero()[:, 0].tolist(), (step == -1).nonzero()[:, 0].tolist(), strict=True))
