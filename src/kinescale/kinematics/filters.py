"""Temporal filters: Gaussian smoothing and smooth interpolation weights."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def gaussian_smooth(values: Float[Tensor, "C T"], sigma: float) -> Float[Tensor, "C T"]:
    """Gaussian filter over the last axis, cut at four sigma, edges repeated."""
    radius = int(4 * sigma + 0.5)
    at = torch.arange(-radius, radius + 1, dtype=values.dtype, device=values.device)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = torch.nn.functional.pad(values[None], (radius, radius), mode="replicate")
    return torch.nn.functional.conv1d(padded, kernel.expand(values.shape[0], 1, -1), groups=values.shape[0])[0]


def eased(share: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """Smooth step of order 5 from 0 to 1 for ``share`` in [0, 1]: first and second derivative are zero at both ends."""
    return share**3 * (10 - 15 * share + 6 * share**2)
