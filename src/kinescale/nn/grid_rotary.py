"""Rotary phases for positions on a plane: half of the channel pairs encode time, half the body part.

ScaleMoGen (arXiv 2605.11704), section 3.4 of its method notes. ``nn.rotary.rotate_interleaved`` applies them.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.nn.rotary import BASE


def grid_phases(times: Int[Tensor, "L"], joints: Int[Tensor, "L"], head_width: int) -> Float[Tensor, "2 L pairs"]:
    """Cosine and sine of every position's and neighboring pair's angle; ``head_width`` is a multiple of 4."""
    half = head_width // 4
    frequencies = BASE ** (-torch.arange(half, dtype=torch.float32, device=times.device) / half)
    angles = torch.cat([places.float()[:, None] * frequencies for places in (times, joints)], dim=1)
    return torch.stack([angles.cos(), angles.sin()])
