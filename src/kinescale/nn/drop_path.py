"""Stochastic depth: a residual branch left out for whole samples while training (Huang et al. 2016)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def drop_path(branch: Float[Tensor, "B ..."], rate: float, training: bool) -> Float[Tensor, "B ..."]:
    """The branch zeroed for a share ``rate`` of the samples, the others scaled so that the mean stays."""
    if rate == 0.0 or not training:
        return branch
    keep = torch.rand(len(branch), device=branch.device) >= rate
    return branch * (keep.to(branch.dtype) / (1.0 - rate)).view(-1, *[1] * (branch.ndim - 1))
