"""Pose refinement: L-BFGS on root and joint rotations, so that targets are met that the decoder does not reach.

Changes are Gaussians over time and fall off to nothing at the borders of the frames that may change; terms for standing
feet, jerk and the size of the change hold against them. Afterwards standing feet are planted where that is free.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import SkeletonError
from kinescale.core.progress import report
from kinescale.kinematics.filters import eased, gaussian_smooth
from kinescale.kinematics.foot_planting import SIDES
from kinescale.kinematics.retarget import ancestors
from kinescale.kinematics.rotations import quat_multiply, rotvec_to_quat
from kinescale.motion.motion import Motion
from kinescale.motion.plant import FADE_S, plant_stances
from kinescale.pipelines.control.latent_optimization import Objective
from kinescale.pipelines.control.targets import Targets, deviations
from kinescale.skeletons.base import Skeleton

SPREAD_S = 0.1
"""Sigma, in seconds, of a change over time."""

SOFT_M = 0.1
"""Distances below this are squared: two targets for one joint meet in the middle."""

DISTANCE, UNNATURAL, TURNED, MOVED = 120.0, 4.0, 0.02, 1.0
"""Weights: of the distance to the targets, of what is unnatural, of the mean squared turn of all joints (radians) and
of the root's mean squared shift (m)."""

MOST_M, MOST_UP_M, MOST_RAD = 1.0, 0.2, 1.0
"""How far the root is moved along the ground and up, and a joint turned, at most: more is not for a refinement."""

ROUNDS = 90

BENT = 3.0
"""How much farther than in a decoded motion a standing foot may have gone and be brought back: its path was bent."""


@dataclass(frozen=True, eq=False)
class Refined:
    """Root and rotations after refinement, and the farthest a joint was turned (radians) or the root moved (m)."""

    root: Float[Tensor, "N 3"]
    rotations: Float[Tensor, "N J 4"]
    turned_rad: float = 0.0
    moved_m: float = 0.0


def refine(
    objective: Objective, root: Tensor, rotations: Tensor, contacts: Tensor, fade: Float[Tensor, " N"]
) -> Refined:
    """A motion nearer to its targets; ``fade``: how much each frame may change."""
    unchanged = Refined(root, rotations)
    with torch.no_grad():
        _, met = objective.distance(objective.positions(root, rotations), rotations, SOFT_M)
    if met:
        return unchanged
    frames, joints, _ = rotations.shape
    sigma = SPREAD_S * objective.fps
    most = torch.tensor([[MOST_M], [MOST_UP_M], [MOST_M]] + [[MOST_RAD]] * 3 * joints)
    free = torch.zeros(3 * (joints + 1), frames, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [free], lr=1.0, max_iter=ROUNDS, max_eval=2 * ROUNDS, history_size=20, line_search_fn="strong_wolfe"
    )

    def changed() -> tuple[Tensor, Tensor, Tensor]:
        smooth = gaussian_smooth(free, sigma) if frames > 1 else free
        smooth = most * torch.tanh(smooth / most) * fade
        turns = smooth[3:].T.reshape(frames, joints, 3)
        return root + smooth[:3].T, quat_multiply(rotations, rotvec_to_quat(turns)), smooth

    evaluations = itertools.count(1)

    def closure() -> Tensor:
        report("refinement", next(evaluations), 2 * ROUNDS)
        optimizer.zero_grad()
        moved, turned, smooth = changed()
        positions = objective.positions(moved, turned)
        distance, _ = objective.distance(positions, turned, SOFT_M)
        unnatural, _ = objective.unnatural(positions, contacts)
        size = TURNED * smooth[3:].square().sum(0).mean() + MOVED * smooth[:3].square().sum(0).mean()
        loss = DISTANCE * distance + UNNATURAL * unnatural + size
        loss.backward()
        assert free.grad is not None
        free.grad.nan_to_num_(0.0, 0.0, 0.0)
        return loss.detach()

    optimizer.step(closure)
    with torch.no_grad():
        moved, turned, smooth = changed()
        if not bool(torch.isfinite(moved).all() and torch.isfinite(turned).all()):
            return unchanged
        turn = smooth[3:].view(joints, 3, frames).norm(dim=1).max()
        return Refined(moved, turned, float(turn), float(smooth[:3].norm(dim=0).max()))


def plant_feet(
    motion: Motion,
    contacts: Float[Tensor, "T 4"],
    targets: Targets,
    fade: Float[Tensor, " T"],
    floor: float = 0.0,
) -> Motion:
    """The motion with its standing feet held still where ``fade`` (0 to 1) lets a frame change.

    Hips stay, unless a path over the ground is all that is asked for. A leg is left alone around frames in which it has
    a target. ``floor``: its height, meters. A skeleton without legs or toes, and a clip that would meet its targets
    less well, come back unchanged.
    """
    try:
        free = fade[:, None] * _free(len(motion), targets, motion.skeleton)
        hips = not len(targets.pose) and not bool((targets.known[:, 1] > 0).any())
        made = plant_stances(motion, contacts, hips=hips, free=free, floor=floor, bound=BENT).motion
    except SkeletonError:
        return motion
    pairs = zip(deviations(targets, motion), deviations(targets, made), strict=True)
    return motion if any(before.met and not after.met for before, after in pairs) else made


def _free(frames: int, targets: Targets, skeleton: Skeleton) -> Float[Tensor, "T 2"]:
    """1 where a leg (left, right) has no target, 0 where it has one, smooth over ``FADE_S`` between."""
    columns = []
    for side in SIDES:
        hip = skeleton.role(f"{side}_hip")
        leg = torch.tensor([j for j in range(len(skeleton)) if hip in (j, *ancestors(j, skeleton.parents))])
        positions = targets.frame[torch.isin(targets.joint, leg)]
        poses = targets.pose_frame[torch.isin(targets.pose_joint, leg)]
        held = torch.cat([positions, poses]).unique()
        if not len(held):
            columns.append(torch.ones(frames))
            continue
        away = (torch.arange(frames)[:, None] - held[None]).abs().amin(1)
        columns.append(eased((away / (FADE_S * targets.fps)).clamp(max=1.0)))
    return torch.stack(columns, dim=1)
