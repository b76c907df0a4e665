"""Multi-head attention with separate key and value projection, so that keys and values can be cached.

One layer serves as self-attention (rotary queries and keys, a cache) and as cross-attention to text.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn

from kinescale.nn.dropout import Dropout, attend_dropped
from kinescale.nn.rotary import rotate_interleaved

KeysValues = tuple[Tensor, Tensor]
"""Both [B, H, L, d]; keys are rotated already."""


class MultiHeadAttention(nn.Module):
    """Scaled dot products over ``heads`` heads, neighboring channel pairs rotated where phases are given.

    Parameters
    ----------
    width : of queries, attended rows and output; a multiple of ``heads``.
    dropout : of the attention's weights and of the output, while training.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.project = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.dropout = Dropout(dropout)

    def keys_values(
        self, source: Float[Tensor, "B N C"], rotary_phases: Float[Tensor, "2 ..."] | None = None
    ) -> KeysValues:
        """Keys (rotated where phases are given) and values of the rows of ``source``."""
        key, value = self.project(source).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return (key if rotary_phases is None else rotate_interleaved(key, rotary_phases)), value

    def forward(
        self,
        x: Float[Tensor, "B L C"],
        keys_values: KeysValues,
        allowed: Bool[Tensor, "..."] | None = None,
        rotary_phases: Float[Tensor, "2 ..."] | None = None,
    ) -> Float[Tensor, "B L C"]:
        """Attention output; ``allowed`` (broadcast over [B, H, L, N]) is true where a row may attend a key."""
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        query = query if rotary_phases is None else rotate_interleaved(query, rotary_phases)
        rate = self.dropout.p if self.training else 0.0
        mixed = attend_dropped(query, *keys_values, allowed, rate)
        return self.dropout(self.out(mixed.transpose(1, 2).flatten(2)))
