"""Made skeletons and motions that tests share."""

from __future__ import annotations

import math

import torch

from kinescale import skeletons
from kinescale.kinematics.rotations import quat_continuous
from kinescale.motion import Motion


def random_motion(name: str = "humanml22", frames: int = 40, seed: int = 0, spread: float = 0.4) -> Motion:
    """A smooth random motion on a named skeleton: sums of slow sines in every joint, a wandering root."""
    skeleton = skeletons.get(name)
    rng = torch.Generator().manual_seed(seed)
    time = torch.linspace(0, frames / 30, frames, dtype=torch.float64)[:, None, None]
    phase = 2 * math.pi * torch.rand(1, len(skeleton), 3, generator=rng, dtype=torch.float64)
    axis = spread * torch.randn(1, len(skeleton), 3, generator=rng, dtype=torch.float64)
    vector = axis * torch.sin(2 * time + phase)
    angle = vector.norm(dim=-1, keepdim=True)
    quats = torch.cat([vector / angle.clamp(min=1e-9) * torch.sin(angle / 2), torch.cos(angle / 2)], dim=-1)
    drift = torch.randn(3, generator=rng, dtype=torch.float64) * torch.tensor([0.8, 0.05, 0.8])
    root = time[:, 0] * drift + torch.tensor([0.3, 0.95, -0.2], dtype=torch.float64)
    return Motion(skeleton, 30.0, root, quat_continuous(quats), {"licence": "none"})
