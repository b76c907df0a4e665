"""Scaled cosine self-attention with rotary positions and a key-value cache.

ScaleMoGen (arXiv 2605.11704), section 3.5 of its method notes; scaled cosine attention of Liu et al. 2022 (Swin v2).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.rotary import rotate_interleaved

FIRST_SHARPNESS = math.log(4.0)
MOST_SHARPNESS = math.log(100.0)

Past = tuple[Tensor, Tensor]
"""Keys (rotated) and values of earlier rows, both [B, H, L, d]."""


class CosineAttention(nn.Module):
    """Queries of the given rows over the past rows and themselves.

    ``score_scale`` multiplies the scores beside the learned sharpness; None is 1 / sqrt(head width).
    """

    def __init__(self, width: int, heads: int, score_scale: float | None = None):
        super().__init__()
        self.heads = heads
        self.score_scale = (width // heads) ** -0.5 if score_scale is None else score_scale
        self.sharpness = nn.Parameter(torch.full((heads,), FIRST_SHARPNESS))
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.query_bias = nn.Parameter(torch.zeros(width))
        self.value_bias = nn.Parameter(torch.zeros(width))
        self.out = nn.Linear(width, width)

    def forward(
        self,
        x: Float[Tensor, "B L C"],
        rotary_phases: Float[Tensor, "2 L pairs"],
        allowed: Bool[Tensor, "... L K"] | None = None,
        past: Past | None = None,
    ) -> tuple[Float[Tensor, "B L C"], Past]:
        """Mixed rows, and the keys and values of the past with these rows appended.

        ``allowed`` is true where a row may attend a key; every row needs one such key.
        """
        bias = torch.cat([self.query_bias, torch.zeros_like(self.query_bias), self.value_bias])
        projected = functional.linear(x, self.project.weight, bias)
        query, key, value = projected.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        sharp = self.sharpness.clamp(max=MOST_SHARPNESS).exp()[:, None, None]
        query = rotate_interleaved(functional.normalize(query, dim=-1) * sharp.to(query.dtype), rotary_phases)
        key = rotate_interleaved(functional.normalize(key, dim=-1), rotary_phases)
        query, key = query.to(value.dtype), key.to(value.dtype)
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed, scale=self.score_scale)
        return self.out(mixed.transpose(1, 2).flatten(2)), (key, value)
