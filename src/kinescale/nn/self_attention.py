"""Self-attention with neighbor-paired rotary and a key/value past: the generator's attention across scales.

MoScale's generator, section 3.4 of its method notes: one bias-free projection with learned query and value biases, and
scores scaled by ``SCORE_SCALE / sqrt(head width)``.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.attention import attend
from kinescale.nn.dropout import Dropout
from kinescale.nn.rotary import rotate_interleaved

SCORE_SCALE = 0.25
"""Part of the published weights: without it the softmax is four times as sharp."""

Past = tuple[Tensor, Tensor]
"""Keys (rotated) and values of earlier rows, both [B, H, L, d]."""


class SelfAttention(nn.Module):
    """Queries of the given rows over the past rows and themselves."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.scale = SCORE_SCALE / (width // heads) ** 0.5
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.query_bias = nn.Parameter(torch.zeros(width))
        self.value_bias = nn.Parameter(torch.zeros(width))
        self.out = nn.Linear(width, width)
        self.dropout = Dropout(dropout)

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
        parts = projected.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        (query, key), value = rotate_interleaved(parts[:2], rotary_phases), parts[2]
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        mixed = attend(query, key, value, allowed, self.scale)
        return self.dropout(self.out(mixed.transpose(1, 2).flatten(2))), (key, value)
