"""Sinusoidal positions (Vaswani et al. 2017)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def sinusoids(length: int, width: int) -> Float[Tensor, "L W"]:
    """Vaswani et al. 2017: sine in even channels, cosine in odd ones."""
    place = torch.arange(length, dtype=torch.float32)[:, None]
    step = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-torch.log(torch.tensor(10000.0)) / width))
    table = torch.zeros(length, width)
    table[:, 0::2] = torch.sin(place * step)
    table[:, 1::2] = torch.cos(place * step)[:, : width // 2]
    return table
