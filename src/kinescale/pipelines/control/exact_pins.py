"""Exact pins: joints put onto their target positions by inverse kinematics, the last millimeters of control.

Damped least squares over all joints above the pinned ones and the root's place (Wampler 1986; Buss 2004), all pins of a
frame together; smallest turns first, the root last. Between pinned frames the change is interpolated, beyond them it
fades, so that a motion stays as smooth as its targets are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.kinematics.retarget import ancestors
from kinescale.kinematics.rotations import quat_apply, quat_conjugate, quat_multiply, rotvec_to_quat
from kinescale.kinematics.stance_correction import filled
from kinescale.motion.motion import Motion
from kinescale.pipelines.control.targets import Targets

FADE_S = 0.2
"""Seconds within which a change fades beyond the frames with a pin."""

NEAR_M = 0.12
"""A joint farther from its target is not for a correction of this kind: it cannot get there, or should not."""

ROOT_M2 = 0.01
"""Squared meters of the root's shift that count as much as a squared radian of a joint's turn."""

DAMPING_M2, STEPS, CLOSE_M = 1e-6, 8, 2e-4


@dataclass(frozen=True, eq=False)
class _Rows:
    """Pins by frame: frames [F]; joint, target and known coordinates of up to K pins in each, and which are there."""

    frames: Tensor
    joint: Tensor
    target: Float[Tensor, "F K 3"]
    known: Float[Tensor, "F K 3"]

    @staticmethod
    def of(targets: Targets, near: Bool[Tensor, " G"]) -> _Rows:
        """The pins chosen; a frame with fewer than others has rows without a known coordinate."""
        frames, row, count = targets.frame[near].unique(return_inverse=True, return_counts=True)
        order = row.argsort(stable=True)
        column = torch.zeros_like(row)
        column[order] = torch.arange(len(row)) - (count.cumsum(0) - count).repeat_interleave(count)
        size = (len(frames), int(count.max()))
        joint = torch.zeros(size, dtype=torch.long)
        target, known = torch.zeros(*size, 3, dtype=torch.float64), torch.zeros(*size, 3, dtype=torch.float64)
        joint[row, column], target[row, column] = targets.joint[near], targets.target[near].double()
        known[row, column] = targets.known[near].double()
        return _Rows(frames, joint, target, known)


def meet_pins(motion: Motion, targets: Targets, fade: Float[Tensor, " T"]) -> Motion:
    """The motion with its joints on those target positions in the world that they are near to.

    ``fade``: how much each frame may change, 0 to 1; where it is 0 a frame stays. What is farther than ``NEAR_M`` from
    its target is left where it is. A motion that comes no nearer comes back unchanged.
    """
    world = targets.relative == 0
    if not bool(world.any()):
        return motion
    best = made = motion.to(torch.float64)
    least = float("inf")
    for step in range(STEPS + 1):
        far = targets.distances(made.positions())
        near = world & (far < NEAR_M)
        if not bool(near.any()):
            break
        if step == 0:
            rows = _Rows.of(targets, near)
            kept = near
        error = float(far[kept].mean())
        if error < least:
            best, least = made, error
        if step == STEPS or float(far[kept].max()) < CLOSE_M:
            break
        made = _step(made, rows, fade.double())
    if best.root is motion.root or least == float("inf"):
        return motion
    return motion.replace(root=best.root.to(motion.root), rotations=best.rotations.to(motion.rotations))


def _step(motion: Motion, rows: _Rows, fade: Float[Tensor, " T"]) -> Motion:
    """One step of least squares in the pinned frames, carried over to those around them."""
    positions, world = motion.positions()[rows.frames], motion.global_rotations()[rows.frames]
    frame = torch.arange(len(rows.frames))[:, None]
    at = positions[frame, rows.joint]
    wrong = (rows.target - at) * rows.known
    moves = _above(motion)[rows.joint]
    # turning joint i by w moves joint j by w x (p_j - p_i), which is linear in w: minus the cross matrix of the arm
    arm = (at[:, :, None] - positions[:, None]) * moves[..., None]
    turns = -_cross(arm).transpose(-3, -2).flatten(-2)
    shifts = torch.eye(3, dtype=torch.float64).expand(*wrong.shape[:2], 3, 3)
    slope = torch.cat([turns, shifts], dim=-1) * rows.known[..., None]
    slope = slope.flatten(1, 2)
    weight = torch.ones(slope.shape[-1], dtype=torch.float64)
    weight[-3:] = ROOT_M2
    square = (slope * weight) @ slope.transpose(1, 2)
    square = square + DAMPING_M2 * torch.eye(square.shape[-1], dtype=torch.float64)
    found = weight * (slope.transpose(1, 2) @ torch.linalg.solve(square, wrong.flatten(1)[..., None]))[..., 0]
    local = quat_apply(quat_conjugate(world), found[:, :-3].unflatten(-1, (-1, 3)))
    change = torch.zeros(len(motion), 1, found.shape[1], dtype=torch.float64)
    known = torch.zeros(len(motion), 1, dtype=torch.bool)
    change[rows.frames, 0], known[rows.frames] = torch.cat([local.flatten(1), found[:, -3:]], dim=1), True
    spread = filled(change, known, FADE_S * motion.fps)[:, 0] * fade[:, None]
    by = rotvec_to_quat(spread[:, :-3].unflatten(-1, (-1, 3)))
    turned = torch.nn.functional.normalize(quat_multiply(motion.rotations, by), dim=-1)
    moving = (spread != 0).any(1)[:, None, None]
    return motion.replace(root=motion.root + spread[:, -3:], rotations=torch.where(moving, turned, motion.rotations))


def _above(motion: Motion) -> Float[Tensor, "J J"]:
    """1 where turning the second joint moves the first; the root does not turn, as it would turn everything."""
    parents = motion.skeleton.parents
    above = torch.zeros(len(parents), len(parents), dtype=torch.float64)
    for joint in range(len(parents)):
        above[joint, [one for one in ancestors(joint, parents) if parents[one] >= 0]] = 1.0
    return above


def _cross(arm: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """Matrices of the cross product with vectors."""
    x, y, z = arm.unbind(-1)
    none = torch.zeros_like(x)
    return torch.stack([none, -z, y, z, none, -x, -y, x, none], dim=-1).unflatten(-1, (3, 3))
