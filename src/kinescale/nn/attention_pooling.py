"""Attentive pooling of a sentence to one vector by learned queries, one per head.

ScaleMoGen (arXiv 2605.11704), section 3.2 of its method notes; Infinity (Han et al. 2024) pools its text so.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional


class AttentionPooling(nn.Module):
    """``heads`` learned queries of ``width / heads`` read tokens of width ``source``; keys have no bias."""

    def __init__(self, width: int, source: int, heads: int):
        super().__init__()
        self.queries = nn.Parameter(torch.zeros(heads, width // heads))
        self.project = nn.Linear(source, 2 * width, bias=False)
        self.value_bias = nn.Parameter(torch.zeros(width))
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Float[Tensor, "B N W"], mask: Bool[Tensor, "B N"]) -> Float[Tensor, "B C"]:
        """One vector a sentence, from the tokens where ``mask`` is true (at least one)."""
        heads = len(self.queries)
        bias = torch.cat([torch.zeros_like(self.value_bias), self.value_bias])
        projected = functional.linear(tokens, self.project.weight, bias)
        key, value = projected.unflatten(-1, (2, heads, -1)).permute(2, 0, 3, 1, 4)
        query = self.queries.to(key.dtype)[None, :, None].expand(len(tokens), -1, -1, -1)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        return self.out(mixed.flatten(1))
