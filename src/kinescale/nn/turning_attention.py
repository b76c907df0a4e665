"""Attention with biases whose keys and values are made apart from the queries, so that they can be kept.

One layer serves as self-attention (rotary queries and keys, a past) and as attention to a sentence.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.rotary import rotate_neighbors

KeysValues = tuple[Tensor, Tensor]
"""Both [B, H, L, d]; keys are rotated already."""


class TurningAttention(nn.Module):
    """Scaled dot products over ``heads`` heads, channels turned in neighboring pairs where turns are given.

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
        self.dropout = nn.Dropout(dropout)

    def keys_values(self, source: Float[Tensor, "B N C"], turns: Float[Tensor, "2 ..."] | None = None) -> KeysValues:
        """What the rows of ``source`` offer."""
        key, value = self.project(source).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return (key if turns is None else rotate_neighbors(key, turns)), value

    def forward(
        self,
        x: Float[Tensor, "B L C"],
        keys_values: KeysValues,
        allowed: Bool[Tensor, "..."] | None = None,
        turns: Float[Tensor, "2 ..."] | None = None,
    ) -> Float[Tensor, "B L C"]:
        """What each row reads where ``allowed`` (to broadcast over [B, H, L, N]) is true; each needs one such place."""
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        query = query if turns is None else rotate_neighbors(query, turns)
        rate = self.dropout.p if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, *keys_values, attn_mask=allowed, dropout_p=rate)
        return self.dropout(self.out(mixed.transpose(1, 2).flatten(2)))
