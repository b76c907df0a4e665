"""Residual block of two normed convolutions in time: the body of the MoSa tokenizer.

The block of latent diffusion's autoencoder (Esser et al. 2021; Rombach et al. 2022), in one dimension.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.group_norm import GroupNorm
from kinescale.nn.steps import zero_after

EPS = 1e-6


class NormConv(nn.Module):
    """``x + Conv3(SiLU(GN(Conv3(SiLU(GN(x))))))``; a 1x1 convolution brings ``x`` to another width."""

    def __init__(self, source: int, width: int, groups: int):
        super().__init__()
        self.first_norm = GroupNorm(groups, source, eps=EPS)
        self.first = nn.Conv1d(source, width, 3, padding=1)
        self.second_norm = GroupNorm(groups, width, eps=EPS)
        self.second = nn.Conv1d(width, width, 3, padding=1)
        self.bring = nn.Conv1d(source, width, 1) if source != width else None

    def forward(self, x: Float[Tensor, "B C T"], valid: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B W T"]:
        """Steps not ``valid`` (when given) are neither read nor left anything but zero."""
        change = self.first(zero_after(functional.silu(self.first_norm(x, valid)), valid))
        change = self.second(zero_after(functional.silu(self.second_norm(change, valid)), valid))
        return zero_after((x if self.bring is None else self.bring(x)) + change, valid)
