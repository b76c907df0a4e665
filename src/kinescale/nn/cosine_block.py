"""Adaptive layer-norm block with modulation shared by all blocks, each adding a table of its own, and cosine attention.

ScaleMoGen (arXiv 2605.11704), section 3.5 of its method notes: the shared adaptive norm of VAR (Tian et al. 2024) and
Infinity around cosine self-attention, text attention (not gated) and a feed-forward layer.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.adaln import EPS, modulated
from kinescale.nn.cosine_attention import CosineAttention, Past
from kinescale.nn.cross_attention import CrossAttention
from kinescale.nn.drop_path import drop_path

PARTS = 6
"""Two gates, two scales, two shifts."""


class CosineBlock(nn.Module):
    """One block. ``hidden``: width of the feed-forward layer; ``drop_rate``: of whole branches while training."""

    def __init__(self, width: int, heads: int, hidden: int, drop_rate: float, score_scale: float | None = None):
        super().__init__()
        self.drop_rate = drop_rate
        self.table = nn.Parameter(torch.zeros(PARTS, width))
        self.attention = CosineAttention(width, heads, score_scale)
        self.text_norm = nn.LayerNorm(width, eps=EPS)
        self.text = CrossAttention(width, width, heads)
        self.grow = nn.Linear(width, hidden)
        self.shrink = nn.Linear(hidden, width)

    def modulation(self, shared: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The block's own six vectors [B, 1, C] from the shared ones."""
        return tuple(vector + own for vector, own in zip(shared, self.table, strict=True))

    def forward(
        self,
        x: Float[Tensor, "B L C"],
        modulation: tuple[Tensor, ...],
        keys_values: tuple[Tensor, Tensor],
        mask: Bool[Tensor, "B N"] | None,
        rotary_phases: Float[Tensor, "2 L pairs"],
        allowed: Bool[Tensor, "... L K"] | None = None,
        past: Past | None = None,
    ) -> tuple[Float[Tensor, "B L C"], Past]:
        """Rows after the block, and the self-attention's keys and values with these rows appended.

        ``modulation`` comes from the method of that name, ``keys_values`` from ``text.keys_values``.
        """
        gate1, gate2, scale1, scale2, shift1, shift2 = modulation
        mixed, grown = self.attention(modulated(x, scale1, shift1), rotary_phases, allowed, past)
        x = x + drop_path(gate1 * mixed, self.drop_rate, self.training)
        x = x + self.text(self.text_norm(x), keys_values, mask)
        hidden = functional.gelu(self.grow(modulated(x, scale2, shift2)), approximate="tanh")
        return x + drop_path(gate2 * self.shrink(hidden), self.drop_rate, self.training), grown
