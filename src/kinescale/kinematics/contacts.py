"""Foot contacts from speed and height, and what follows from them: the floor, and how much standing feet slide."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

SPEED_LIMIT = 0.35
"""Metres a second below which a foot joint may count as standing."""

HEIGHT_LIMIT = 0.10
"""Metres above the floor under which a foot joint may count as standing (ankles: plus their height over the toes)."""


def velocities(positions: Float[Tensor, "T *b 3"], fps: float) -> Float[Tensor, "T *b 3"]:
    """Forward differences in metres a second; the last frame repeats the one before it."""
    if positions.shape[0] < 2:
        return torch.zeros_like(positions)
    difference = (positions[1:] - positions[:-1]) * fps
    return torch.cat([difference, difference[-1:]], dim=0)


def foot_contacts(
    feet: Float[Tensor, "T K 3"],
    fps: float,
    *,
    floor: float = 0.0,
    height_limits: tuple[float, ...] | None = None,
    speed_limit: float = SPEED_LIMIT,
) -> Bool[Tensor, "T K"]:
    """Which of K foot joints stand: slower than ``speed_limit`` (m/s) and lower than their height limit (m)."""
    limits = feet.new_tensor(height_limits or (HEIGHT_LIMIT,) * feet.shape[1])
    speed = velocities(feet, fps).norm(dim=-1)
    return (speed < speed_limit) & (feet[..., 1] - floor < limits)


def floor_height(feet: Float[Tensor, "T K 3"]) -> float:
    """Height of the floor under a clip: the mean of the lowest tenth of the foot joints' heights."""
    heights = feet[..., 1].flatten().sort().values
    return float(heights[: max(1, heights.numel() // 10)].mean())


def foot_slide(feet: Float[Tensor, "T K 3"], contacts: Bool[Tensor, "T K"], fps: float) -> float:
    """Mean horizontal speed of standing feet, metres a second; 0 when none stands."""
    speed = velocities(feet, fps)[..., [0, 2]].norm(dim=-1)
    return float(speed[contacts].mean()) if bool(contacts.any()) else 0.0
