"""Cross-attention to the tokens of a sentence; its keys and values can be computed once and used many times."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.attention import attend
from kinescale.nn.dropout import Dropout


def _rounded(x: Tensor) -> Tensor:
    return x.to(torch.bfloat16).to(x.dtype)


class CrossAttention(nn.Module):
    """Plain masked attention; keys have no bias.

    Parameters
    ----------
    width : of the queries and the output; a multiple of ``heads``.
    source : width of what is attended.
    round_bf16 : round queries, keys, values and result to bfloat16, as the fused kernel did with which the published
        weights were trained.
    """

    def __init__(self, width: int, source: int, heads: int, dropout: float = 0.0, round_bf16: bool = False):
        super().__init__()
        self.heads = heads
        self.round_bf16 = round_bf16
        self.query = nn.Linear(width, width)
        self.project = nn.Linear(source, 2 * width, bias=False)
        self.value_bias = nn.Parameter(torch.zeros(width))
        self.out = nn.Linear(width, width)
        self.dropout = Dropout(dropout)

    def keys_values(self, source: Float[Tensor, "B N W"]) -> tuple[Tensor, Tensor]:
        """Keys and values of the attended tokens, both [B, H, N, d]."""
        bias = torch.cat([torch.zeros_like(self.value_bias), self.value_bias])
        projected = functional.linear(source, self.project.weight, bias)
        key, value = projected.unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return key, value

    def forward(
        self, x: Float[Tensor, "B L C"], keys_values: tuple[Tensor, Tensor], mask: Bool[Tensor, "B N"] | None
    ) -> Float[Tensor, "B L C"]:
        """What each row reads from the tokens where ``mask`` is true (at least one a sentence; None: all)."""
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = keys_values
        if self.round_bf16:
            query, key, value = _rounded(query), _rounded(key), _rounded(value)
        mixed = attend(query, key, value, None if mask is None else mask[:, None, None, :])
        mixed = mixed.transpose(1, 2).flatten(2)
        return self.dropout(self.out(_rounded(mixed) if self.round_bf16 else mixed))
