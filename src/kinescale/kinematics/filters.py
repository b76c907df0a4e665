"""Filters over time."""

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
    """From 0 to 1 with the share, speed and acceleration zero at both ends; the share is in 0 to 1."""
    return share**3 * (10 - 15 * share + 6 * share**2)
