"""Foot planting of decoded motions: legs corrected so that standing feet neither slide nor sink, no joint underground.

Contacts say when a foot stands. During a stance its point of support is held at its mean position, and its toes at
floor height (y = 0); the hips move by the common part of the vertical corrections, the legs take the rest by two-bone
inverse kinematics. Corrections fade in and out within ``FADE_S``, so that a body in flight is unchanged, and are
bounded (``MOST_SLIDE_M``, ``MOST_UP_M``): a larger error is in the motion, not in its contacts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.kinematics.contacts import ADULT_LEG_M, steady_contacts, velocities
from kinescale.kinematics.filters import gaussian_smooth, upper_envelope
from kinescale.kinematics.foot_planting import SIDES, hips_drop, reach_with_legs
from kinescale.kinematics.forward import global_to_local
from kinescale.kinematics.retarget import Body, ancestors
from kinescale.kinematics.rotations import quat_about_y, rotate_about_y
from kinescale.kinematics.stance_correction import TOES, filled, stance_corrections
from kinescale.motion.canonicalize import FEET, TOE_HEIGHT
from kinescale.motion.clean_up.base import leg_length
from kinescale.motion.motion import Motion
from kinescale.motion.retarget import t_pose

FADE_S = 0.2
"""Seconds within which a correction fades in before a stance and out after it."""

SMOOTHING_S = 0.1
"""Sigma of the Gaussian over the rise and fall of the hips."""

MOST_SLIDE_M, MOST_UP_M, MOST_DROP_M = 0.08, 0.1, 0.04
"""Farthest a foot is moved along the ground, and up or down, and the hips lowered for a leg that is too short; for an
adult's legs, others scale."""

LOW_M, HIGH_M = 0.005, 0.03
"""Standing toes this near to their height on the floor are not moved, meters below and above."""

LEAST_BONE_M = 0.03
"""A foot bone shorter than this, seen from above, is not turned."""

FASTEST_M_S, HIGHEST_M = 0.6, 0.08
"""A foot joint that is faster, or toes that are higher over the floor, do not stand, whatever contacts say; for an
adult's legs."""

UNDER_M = 0.005
"""Joints are lifted to within this of the floor."""

MOST_LIFT_M = 0.3
"""Farthest a whole body is lifted out of the floor."""


@dataclass(frozen=True, eq=False)
class Planted:
    """Corrected clip, and the largest corrections over the clip, meters: ``foot_m``, ``hips_up_m``,
    ``hips_down_m``."""

    motion: Motion
    report: Mapping[str, float]


def plant_stances(
    motion: Motion,
    contacts: Float[Tensor, "T 4"],
    *,
    hips: bool = True,
    free: Float[Tensor, "T 2"] | None = None,
    floor: float = 0.0,
    bound: float = 1.0,
) -> Planted:
    """Hold standing feet in place by two-bone inverse kinematics of the legs, with small moves of the hips.

    ``contacts``: [T, 4] in [0, 1] for left ankle, left toes, right ankle, right toes. ``hips``: whether the hips may
    move up and down; ``free``: weight in [0, 1] of the correction of each leg (left, right) per frame; ``floor``: its
    height, meters; ``bound``: factor on ``MOST_SLIDE_M`` and ``FASTEST_M_S``. Rotations outside the legs are
    bit-identical. Raises ``InputError`` for contacts of another shape, ``SkeletonError`` for a skeleton without legs or
    toes.
    """
    if contacts.shape != (len(motion), len(FEET)):
        raise InputError(f"contacts {tuple(contacts.shape)}; expected [{len(motion)}, {len(FEET)}].")
    feet = _Feet.of(motion, contacts, floor, bound)
    most = bound * MOST_SLIDE_M * feet.scale
    shift = stance_corrections(feet.points, feet.stands, most, FADE_S * motion.fps)
    rise, lift = _heights(feet, hips)
    if free is not None:
        shift, lift = shift * free[..., None, None].to(shift), lift * free.to(lift)
        rise = rise * free.amin(1).to(rise)
    up = feet.points.new_tensor([0.0, 1.0, 0.0])
    turn, shift = _turned_feet(feet.points, shift)
    goal = feet.ankle + shift + lift[..., None] * up
    raised = rise[:, None, None] * up
    leg = (feet.hip + raised, feet.knee + raised, feet.ankle + raised)
    drop = torch.zeros_like(rise)
    if hips:
        drop = hips_drop(leg, goal, feet.stands.any(2), MOST_DROP_M * feet.scale, motion.fps)
        drop = drop if free is None else drop * free.amin(1).to(drop)
    root = (rise - drop)[:, None] * up
    world = reach_with_legs(feet.positions + root[:, None], feet.world, feet.body, goal, turn)
    moved = (goal - feet.ankle).norm(dim=-1)
    report = {
        "foot_m": float(moved.detach().max()),
        "hips_up_m": float(root[:, 1].detach().max().clamp(min=0)),
        "hips_down_m": float((-root[:, 1]).detach().max().clamp(min=0)),
    }
    changed = (goal - feet.ankle - root[:, None]).norm(dim=-1) + turn[..., :3].norm(dim=-1) > 1e-7
    return Planted(_with_legs(motion, root, world, changed), report)


@dataclass(frozen=True, eq=False)
class _Feet:
    """A clip's legs, which foot points (ankle, toes) stand, and the size of the body next to an adult's."""

    body: Body
    positions: Float[Tensor, "T J 3"]
    world: Float[Tensor, "T J 4"]
    stands: Bool[Tensor, "T 2 2"]
    scale: float
    fps: float

    @staticmethod
    def of(motion: Motion, contacts: Float[Tensor, "T 4"], floor: float, bound: float) -> _Feet:
        positions, world = motion._forward()
        positions = positions - positions.new_tensor([0.0, floor, 0.0])
        still, rest = t_pose(motion.skeleton, positions.dtype)
        body = Body(motion.skeleton.parents, motion.skeleton.role_indices(), still, rest)
        scale = leg_length(motion.skeleton) / ADULT_LEG_M
        feet = positions[:, [body.roles[role] for role in FEET]].view(-1, 2, 2, 3)
        low = feet[:, :, TOES:, 1] < HIGHEST_M * scale
        slow = velocities(feet, motion.fps)[..., [0, 2]].norm(dim=-1) < bound * FASTEST_M_S * scale
        stands = steady_contacts(contacts, motion.fps).view(-1, 2, 2) & low & slow
        return _Feet(body, positions, world, stands, scale, motion.fps)

    def part(self, name: str) -> Float[Tensor, "T 2 3"]:
        """Both sides of a role."""
        return self.positions[:, [self.body.roles[f"{side}_{name}"] for side in SIDES]]

    @property
    def hip(self) -> Float[Tensor, "T 2 3"]:
        """Hip joints."""
        return self.part("hip")

    @property
    def knee(self) -> Float[Tensor, "T 2 3"]:
        """Knees."""
        return self.part("knee")

    @property
    def ankle(self) -> Float[Tensor, "T 2 3"]:
        """Ankles."""
        return self.part("ankle")

    @property
    def points(self) -> Float[Tensor, "T 2 2 3"]:
        """Ankle and toes of each foot."""
        return torch.stack([self.ankle, self.part("toes")], dim=2)


def _turned_feet(
    points: Float[Tensor, "T 2 2 3"], shift: Float[Tensor, "T 2 2 3"]
) -> tuple[Float[Tensor, "T 2 4"], Float[Tensor, "T 2 3"]]:
    """Rotations of the feet about the vertical, and shifts of the ankles, that bring the toes to their targets.

    About the vertical alone: a flat foot stays flat, and its toes at their height.
    """
    bone = (points[:, :, TOES] - points[:, :, 0])[..., [0, 2]]
    wanted = bone + (shift[:, :, TOES] - shift[:, :, 0])[..., [0, 2]]
    # A foot on tiptoe has hardly a direction over the ground.
    clear = torch.minimum(bone.norm(dim=-1), wanted.norm(dim=-1)) > LEAST_BONE_M
    angle = torch.atan2(wanted[..., 0], wanted[..., 1]) - torch.atan2(bone[..., 0], bone[..., 1])
    angle = torch.where(clear, torch.atan2(torch.sin(angle), torch.cos(angle)), torch.zeros_like(angle))
    flat = torch.stack([bone[..., 0], torch.zeros_like(angle), bone[..., 1]], dim=-1)
    return quat_about_y(angle), shift[:, :, TOES] + flat - rotate_about_y(angle, flat)


def _heights(feet: _Feet, hips: bool) -> tuple[Float[Tensor, " T"], Float[Tensor, "T 2"]]:
    """Rise of the hips, the common part of standing feet, and of each ankle, the remaining part."""
    toes, ankles = feet.points[..., TOES, 1], feet.ankle[..., 1]
    fade, most = FADE_S * feet.fps, MOST_UP_M * feet.scale
    known = feet.stands[..., TOES]
    height = TOE_HEIGHT * feet.scale
    wrong = ((height - LOW_M - toes).clamp(min=0) - (toes - height - HIGH_M).clamp(min=0)).clamp(-most, most)
    rise = torch.zeros_like(toes[:, 0])
    if hips:
        both = known.to(wrong)
        common = (both * wrong).sum(1, keepdim=True) / both.sum(1, keepdim=True).clamp(min=1)
        rise = filled(common, known.any(1, keepdim=True), fade)
        rise = _smooth(rise[:, 0], SMOOTHING_S * feet.fps)
        lowest = _upper_joints(feet).amin(-1) + rise
        rise = rise + upper_envelope((-UNDER_M - lowest).clamp(0, MOST_LIFT_M), SMOOTHING_S * feet.fps, 0.5)
    lift = rise[:, None] + filled(wrong - rise[:, None], known, fade)
    under = (-UNDER_M - torch.minimum(toes, ankles) - lift).clamp(0, MOST_LIFT_M)
    return rise, lift + upper_envelope(under.T, 1.0, 0.5).T


def _upper_joints(feet: _Feet) -> Float[Tensor, "T N"]:
    """Heights of all joints but the feet's."""
    legs = [feet.body.roles[f"{side}_{name}"] for side in SIDES for name in ("ankle", "toes")]
    return feet.positions[:, [joint for joint in range(feet.positions.shape[1]) if joint not in legs], 1]


def _smooth(values: Float[Tensor, " T"], sigma: float) -> Float[Tensor, " T"]:
    return gaussian_smooth(values[None], max(0.5, sigma))[0]


def _with_legs(
    motion: Motion, root: Float[Tensor, "T 3"], world: Float[Tensor, "T J 4"], changed: Bool[Tensor, "T 2"]
) -> Motion:
    """The clip with new leg rotations where they were changed; all others are bit-identical."""
    local = global_to_local(world, motion.skeleton.parents)
    # same sign as before, so that quaternions stay continuous over time
    local = torch.where((local * motion.rotations).sum(-1, keepdim=True) < 0, -local, local)
    rotations = motion.rotations.clone()
    roles = motion.skeleton.role_indices()
    for side, name in enumerate(SIDES):
        hip = roles[f"{name}_hip"]
        leg = [j for j in range(len(motion.skeleton)) if hip in (j, *ancestors(j, motion.skeleton.parents))]
        turned = changed[:, side, None, None]
        rotations[:, leg] = torch.where(turned, local[:, leg], rotations[:, leg])
    return motion.replace(root=motion.root + root.to(motion.root), rotations=rotations)
