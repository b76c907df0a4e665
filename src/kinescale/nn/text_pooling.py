"""Attentive pooling of a sentence: learned queries attend its tokens, one output vector per query."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kinescale.nn.cross_attention import CrossAttention


class TextPooling(nn.Module):
    """``queries`` learned vectors of ``width`` attend the tokens of width ``source``."""

    def __init__(self, queries: int, width: int, source: int, heads: int, round_bf16: bool = False):
        super().__init__()
        self.queries = nn.Parameter(torch.zeros(queries, width))
        self.attention = CrossAttention(width, source, heads, round_bf16=round_bf16)

    def forward(self, tokens: Float[Tensor, "B N W"], mask: Bool[Tensor, "B N"] | None) -> Float[Tensor, "B queries C"]:
        """One vector a query and sentence."""
        queries = self.queries.expand(len(tokens), -1, -1)
        return self.attention(queries, self.attention.keys_values(tokens), mask)
