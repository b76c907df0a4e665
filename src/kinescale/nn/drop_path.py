"""Stochastic depth: a residual branch left out for whole samples while training (Huang et al. 2016)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from kinescale.nn import global_batch


def drop_path(branch: Float[Tensor, "B ..."], rate: float, training: bool) -> Float[Tensor, "B ..."]:
    """The branch zeroed for a share ``rate`` of the samples, the others scaled so that the mean stays."""
    if rate == 0.0 or not training:
        return branch
    keep = global_batch.rand((len(branch),), None, device=branch.device) >= rate
    return branch * (keep.to(branch.dtype) / (1.0 - rate)).view(-1, *[1] * (branch.ndim - 1))
