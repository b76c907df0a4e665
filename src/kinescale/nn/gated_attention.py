"""Pre-norm transformer layer whose attention heads are gated by the input: the tokenizer's attention block.

MoScale, tokenizer: ``x + out(gate * attention(LN x))``, then ``x + FFN(LN x)``, rotary in the rotate-half convention.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kinescale.nn.dropout import Dropout, attend_dropped
from kinescale.nn.rotary import half_frequencies, rotate_half


class GatedAttention(nn.Module):
    """Self-attention and feed-forward on [B, T, C]; keys that are not valid are never attended.

    Parameters
    ----------
    width : C, a multiple of ``heads``.
    heads : attention heads; each head's output is multiplied by a sigmoid of a linear map of the normed input.
    ffn_ratio : hidden width of the feed-forward layer over C.
    attention_dropout, ffn_dropout : rates while training.
    """

    frequencies: Tensor

    def __init__(
        self, width: int, heads: int, ffn_ratio: int, attention_dropout: float = 0.1, ffn_dropout: float = 0.1
    ):
        super().__init__()
        self.heads = heads
        self.attention_dropout = attention_dropout
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.gate = nn.Linear(width, heads)
        self.out = nn.Linear(width, width)
        self.ffn_norm = nn.LayerNorm(width)
        self.ffn = nn.Sequential(
            nn.Linear(width, ffn_ratio * width),
            nn.GELU(),
            Dropout(ffn_dropout),
            nn.Linear(ffn_ratio * width, width),
            Dropout(ffn_dropout),
        )
        self.register_buffer("frequencies", half_frequencies(width // heads), persistent=False)

    def forward(self, x: Float[Tensor, "B T C"], valid: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B T C"]:
        """The layer's output; each clip needs at least one valid step."""
        x = x + self._attend(self.norm(x), valid)
        return x + self.ffn(self.ffn_norm(x))

    def _attend(self, x: Tensor, valid: Tensor | None) -> Tensor:
        positions = torch.arange(x.shape[1], device=x.device, dtype=torch.float32)
        query, key, value = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        mixed = attend_dropped(
            rotate_half(query, positions, self.frequencies),
            rotate_half(key, positions, self.frequencies),
            value,
            None if valid is None else valid[:, None, None, :],
            self.attention_dropout if self.training else 0.0,
        )
        gate = torch.sigmoid(self.gate(x)).transpose(1, 2).unsqueeze(-1)
        return self.out((mixed * gate).transpose(1, 2).flatten(2))
