"""Transformer block that attends the sentence first, then the rows themselves, then feeds forward; RMS norms before.

MoSa's generator, section 3 of its method notes.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kinescale.nn.swiglu import SwiGLU
from kinescale.nn.turning_attention import KeysValues, TurningAttention

EPS = 1e-5


class TextFirstBlock(nn.Module):
    """``x += text(RMS x, RMS source); x += self(RMS x); x += SwiGLU(RMS x)``."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float):
        super().__init__()
        self.text_norm = nn.RMSNorm(width, eps=EPS)
        self.source_norm = nn.RMSNorm(width, eps=EPS)
        self.text = TurningAttention(width, heads, dropout)
        self.norm = nn.RMSNorm(width, eps=EPS)
        self.attention = TurningAttention(width, heads, dropout)
        self.ffn_norm = nn.RMSNorm(width, eps=EPS)
        self.ffn = SwiGLU(width, hidden, dropout)

    def read(self, source: Float[Tensor, "B N C"]) -> KeysValues:
        """Keys and values of the sentence, the same for all rows."""
        return self.text.keys_values(self.source_norm(source))

    def forward(
        self,
        x: Float[Tensor, "B L C"],
        sentence: KeysValues,
        mask: Bool[Tensor, "B N"] | None,
        turns: Float[Tensor, "2 ..."],
        allowed: Bool[Tensor, "..."] | None = None,
        past: KeysValues | None = None,
    ) -> tuple[Float[Tensor, "B L C"], KeysValues]:
        """Rows after the block, and the self-attention's keys and values with these rows' appended to the ``past``.

        ``mask`` is true at the sentence's real tokens (None: all are).
        """
        x = x + self.text(self.text_norm(x), sentence, None if mask is None else mask[:, None, None, :])
        rows = self.norm(x)
        key, value = self.attention.keys_values(rows, turns)
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        x = x + self.attention(rows, (key, value), allowed, turns)
        return x + self.ffn(self.ffn_norm(x)), (key, value)
