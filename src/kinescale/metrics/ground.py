"""ground: feet that slide while they are down, joints under the floor, and a body that sinks while it stands.

A foot is down by the height of its toes alone: a criterion that also requires a slow foot would hide the sliding to be
measured. The floor is the plane y = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from kinescale.kinematics.contacts import floor_height, foot_slide
from kinescale.metrics.base import Better, Column, Input
from kinescale.motion import Motion

INPUT: Input = "motion"
TITLE = "depth under the floor"
UNIT = "mm"
BETTER: Better = "lower"
COLUMNS = {"under_floor_mm": Column(TITLE, UNIT, BETTER)}

DOWN_M = 0.02
"""Meters over their own lowest level under which toes are down: recorded walks then slide at 0.21 m/s (the roll from
heel to toe is in it), standing ones at 0.01.
"""

UNDER_M = 0.03
"""A joint so far under the floor is seen to be."""

LEVEL_S = 1.0
"""The level of the feet is the height of the lowest foot joint within so many seconds: a step or a hop is shorter."""

TRAVEL = 0.25
"""Meters per second of the hips' mean way below which a clip stands."""


@dataclass(frozen=True)
class Ground:
    """What one clip does on the floor.

    Parameters
    ----------
    skate : mean horizontal speed of the toes while the foot is down, m/s; ``None`` where no foot is ever down.
    under : depth of the deepest joint under the floor, meters, 0 for none.
    sinking : largest fall of the level of the feet below their level at the start, meters.
    hips_sinking : the same of the hips' mean over ``LEVEL_S``, meters.
    stands : whether the clip stays in its place.
    """

    skate: float | None
    under: float
    sinking: float
    hips_sinking: float
    stands: bool


def ground(motion: Motion) -> Ground:
    """Measure a clip; ``SkeletonError`` for a skeleton whose feet are not known."""
    at = motion.positions().detach().cpu().double()
    toes = [motion.skeleton.role(f"{side}_toes") for side in ("left", "right")]
    feet = at[:, [*toes, *(motion.skeleton.role(f"{side}_ankle") for side in ("left", "right"))]]
    hips = at[:, motion.skeleton.role("hips")]
    way = float((hips[-1] - hips[0])[[0, 2]].norm()) / max(motion.duration_s, 1e-9)
    window = max(1, min(round(LEVEL_S * motion.fps), len(motion)))
    level = feet[..., 1].amin(1).unfold(0, window, 1).amin(-1)
    height = hips[:, 1].unfold(0, window, 1).mean(-1)
    return Ground(
        skate=planted_skate(at[:, toes], motion.fps),
        under=max(0.0, -float(at[..., 1].min())),
        sinking=float(level[0] - level.min()),
        hips_sinking=float(height[0] - height.min()),
        stands=way < TRAVEL,
    )


def planted_skate(toes: Float[torch.Tensor, "T K 3"], fps: float) -> float | None:
    """Mean horizontal speed, m/s, of K toes while each is within ``DOWN_M`` of its own lowest level."""
    lowest = toes.new_tensor([floor_height(toes[:, at : at + 1]) for at in range(toes.shape[1])])
    down = toes[..., 1] - lowest < DOWN_M
    return foot_slide(toes, down, fps) if bool(down.any()) else None


def share_under(depths: Float[np.ndarray, " N"]) -> float:
    """Share of clips with a joint more than ``UNDER_M`` under the floor."""
    return float((np.asarray(depths) > UNDER_M).mean()) if len(depths) else 0.0


def measure(motion: Motion) -> float:
    """Depth of the deepest joint under the floor, mm."""
    return 1000.0 * ground(motion).under
