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


def smoothstep(share: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """Smooth step of order 3 from 0 to 1; ``share`` is clamped to [0, 1], the derivative is zero at both ends."""
    share = share.clamp(0, 1)
    return share.square() * (3 - 2 * share)


def upper_envelope(values: Float[Tensor, "*c T"], sigma: float, least_sigma: float) -> Float[Tensor, "*c T"]:
    """Smooth curve over the last axis that is nowhere below ``values``; ``sigma`` in frames."""
    radius = max(1, round(2 * sigma))
    rows = values.reshape(1, -1, values.shape[-1])
    wide = torch.nn.functional.max_pool1d(rows, 2 * radius + 1, stride=1, padding=radius)[0]
    return torch.maximum(gaussian_smooth(wide, max(sigma / 2, least_sigma)).view_as(values), values)
