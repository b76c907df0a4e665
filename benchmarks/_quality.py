"""Sliding and shaking of a motion in numbers, the same for generated and for recorded clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from kinescale.kinematics.contacts import velocities
from kinescale.metrics.ground import DOWN_M, planted_skate
from kinescale.motion import Motion

NAMES = ("slide_m_s", "acceleration_p99_m_s2", "jerk_mean_m_s3")


def quality(motion: Motion) -> dict[str, float]:
    """``slide_m_s``: mean ground speed of the toes while the foot is down; ``acceleration_p99_m_s2``: 99th percentile
    over joints and frames; ``jerk_mean_m_s3``: the mean, which a shaking body raises."""
    positions = motion.positions().double()
    speed = velocities(positions, motion.fps)[:-1]
    acceleration = speed.diff(dim=0) * motion.fps
    jerk = acceleration.diff(dim=0) * motion.fps
    return {
        "slide_m_s": _slide(motion, positions),
        "acceleration_p99_m_s2": float(np.percentile(acceleration.norm(dim=-1).numpy(), 99)),
        "jerk_mean_m_s3": float(jerk.norm(dim=-1).mean()),
    }


def mean_of(rows: Sequence[dict[str, float]]) -> dict[str, float | None]:
    """The mean of each number over clips; ``None`` where there is no clip."""
    return {name: float(np.mean([row[name] for row in rows])) if rows else None for name in NAMES}


def _slide(motion: Motion, positions: torch.Tensor) -> float:
    """0 where no foot is ever down."""
    feet = [motion.skeleton.role(f"{side}_{part}") for side in ("left", "right") for part in DOWN_M]
    return planted_skate(positions[:, feet].view(len(motion), 2, 2, 3), motion.fps) or 0.0
