"""Transformer block with cross-attention to text first, then self-attention, then feed-forward; pre-RMSNorm.

MoSa's generator, section 3 of its method notes.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kinescale.nn.multi_head_attention import KeysValues, MultiHeadAttention
from kinescale.nn.swiglu import SwiGLU

EPS = 1e-5


class CrossAttentionBlock(nn.Module):
    """``x += text(RMS x, RMS source); x += self(RMS x); x += SwiGLU(RMS x)``."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float):
        super().__init__()
        self.text_norm = nn.RMSNorm(width, eps=EPS)
        self.source_norm = nn.RMSNorm(width, eps=EPS)
        self.text = MultiHeadAttention(width, heads, dropout)
        self.norm = nn.RMSNorm(width, eps=EPS)
        self.attention = MultiHeadAttention(width, heads, dropout)
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
        rotary_phases: Float[Tensor, "2 ..."],
        allowed: Bool[Tensor, "..."] | None = None,
        past: KeysValues | None = None,
    ) -> tuple[Float[Tensor, "B L C"], KeysValues]:
        """Rows after the block, and the self-attention's keys and values with these rows' appended to the ``past``.

        ``mask`` is true at the sentence's real tokens (None: all are).
        """
        x = x + self.text(self.text_norm(x), sentence, None if mask is None else mask[:, None, None, :])
        rows = self.norm(x)
        key, value = self.attention.keys_values(rows, rotary_phases)
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        x = x + self.attention(rows, (key, value), allowed, rotary_phases)
        return x + self.ffn(self.ffn_norm(x)), (key, value)
