"""The last centimeters: joints turned and the root moved a little, smoothly in time, so that goals are met.

What a small decoder cannot place exactly is placed here, on the motion itself. Changes are Gaussians over time and fall
off to nothing at the borders of the frames that may change; standing feet, jerk and the size of the change hold against
them. Each clip is minimized alone, by L-BFGS, so that it does not matter what else is made.
"""

from __future__ import annotations

from dataclasses import dataclass

import roma
import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.kinematics.filters import gaussian_smooth
from kinescale.kinematics.rotations import quat_multiply
from kinescale.pipelines.control.latent_optimization import Objective

SPREAD_S = 0.1
"""Sigma, in seconds, of a change over time."""

SOFT_M = 0.1
"""Distances below this are squared: two goals for one joint meet in the middle."""

ASKED, NATURAL, TURNED, MOVED = 120.0, 4.0, 0.02, 1.0
"""Weights: of the goals, of what keeps the motion natural, of the mean squared turn of all joints (radians) and of the
root's mean squared way (m)."""

MOST_M, MOST_UP_M, MOST_RAD = 1.0, 0.2, 1.0
"""How far the root is moved along the ground and up, and a joint turned, at most: more is not for a correction."""

ROUNDS = 90


@dataclass(frozen=True, eq=False)
class Corrected:
    """Root and rotations of all clips after it, and the farthest a joint was turned (radians) or the root moved."""

    root: Float[Tensor, "B N 3"]
    rotations: Float[Tensor, "B N J 4"]
    turned_rad: tuple[float, ...]
    moved_m: tuple[float, ...]


def corrected(
    objective: Objective, root: Tensor, rotations: Tensor, contacts: Tensor, fade: Float[Tensor, " N"]
) -> Corrected:
    """The clips nearer to their goals; ``fade``: how much each frame may change."""
    pieces = [
        _one(objective.row(i), root[i : i + 1], rotations[i : i + 1], contacts[i : i + 1], fade)
        for i in range(len(root))
    ]
    roots, turns, turned, moved = zip(*pieces, strict=True)
    return Corrected(torch.cat(roots), torch.cat(turns), tuple(turned), tuple(moved))


def _one(
    objective: Objective, root: Tensor, rotations: Tensor, contacts: Tensor, fade: Tensor
) -> tuple[Tensor, Tensor, float, float]:
    with torch.no_grad():
        _, met = objective.asked(objective.positions(root, rotations), rotations, SOFT_M)
    if bool(met[0]):
        return root, rotations, 0.0, 0.0
    _, frames, joints, _ = rotations.shape
    sigma = SPREAD_S * objective.chain.fps
    most = torch.tensor([[MOST_M], [MOST_UP_M], [MOST_M]] + [[MOST_RAD]] * 3 * joints)
    free = torch.zeros(3 * (joints + 1), frames, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [free], lr=1.0, max_iter=ROUNDS, max_eval=2 * ROUNDS, history_size=20, line_search_fn="strong_wolfe"
    )

    def changed() -> tuple[Tensor, Tensor, Tensor]:
        smooth = gaussian_smooth(free, sigma) if frames > 1 else free
        smooth = most * torch.tanh(smooth / most) * fade
        turns = smooth[3:].T.reshape(frames, joints, 3)
        moved = root + smooth[:3].T[None]
        return moved, quat_multiply(rotations, roma.rotvec_to_unitquat(turns)[None]), smooth

    def closure() -> Tensor:
        optimizer.zero_grad()
        moved, turned, smooth = changed()
        positions = objective.positions(moved, turned)
        asked, _ = objective.asked(positions, turned, SOFT_M)
        kept, _ = objective.natural(positions, contacts)
        size = TURNED * smooth[3:].square().sum(0).mean() + MOVED * smooth[:3].square().sum(0).mean()
        loss = ASKED * asked[0] + NATURAL * kept[0] + size
        loss.backward()
        assert free.grad is not None
        free.grad.nan_to_num_(0.0, 0.0, 0.0)
        return loss.detach()

    optimizer.step(closure)
    with torch.no_grad():
        moved, turned, smooth = changed()
        if not bool(torch.isfinite(moved).all() and torch.isfinite(turned).all()):
            return root, rotations, 0.0, 0.0
        turn = smooth[3:].view(joints, 3, frames).norm(dim=1).max()
        return moved, turned, float(turn), float(smooth[:3].norm(dim=0).max())
