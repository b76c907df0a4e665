"""Residual attention over all steps of a sequence, one head, after a group norm: MoSa's attention among convolutions.

The attention block of latent diffusion's autoencoder (Esser et al. 2021), in one dimension.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.group_norm import GroupNorm
from kinescale.nn.norm_conv import EPS
from kinescale.nn.steps import zero_after


class TimeAttention(nn.Module):
    """``x + Linear(attention(GN(x)))`` on [B, C, T], softmax over time with scale ``C^-1/2``."""

    def __init__(self, width: int, groups: int):
        super().__init__()
        self.norm = GroupNorm(groups, width, eps=EPS)
        self.project = nn.Conv1d(width, 3 * width, 1)
        self.out = nn.Conv1d(width, width, 1)

    def forward(self, x: Float[Tensor, "B C T"], valid: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B C T"]:
        """Same shape; steps not ``valid`` (when given) are never attended and come out as zeros."""
        query, key, value = self.project(self.norm(x, valid)).transpose(1, 2).chunk(3, dim=-1)
        mask = None if valid is None else valid[:, None, :]
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return zero_after(x + self.out(mixed.transpose(1, 2)), valid)
