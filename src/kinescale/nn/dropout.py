"""Dropout whose mask depends on a row's place in the whole batch, and attention with dropout of its weights."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn import global_batch


class Dropout(nn.Dropout):
    """``nn.Dropout``; the same numbers for a clip however many processes share the batch."""

    def forward(self, input: Float[Tensor, "B ..."]) -> Float[Tensor, "B ..."]:
        """Same shape."""
        return global_batch.dropout(input, self.p, self.training)


def attend_dropped(
    query: Float[Tensor, "B H L d"],
    key: Float[Tensor, "B H K d"],
    value: Float[Tensor, "B H K d"],
    allowed: Tensor | None,
    rate: float,
) -> Float[Tensor, "B H L d"]:
    """Scaled dot-product attention whose weights are dropped with ``rate``.

    ``allowed``: true where a row may attend a key, or a number to be added to the scores.
    """
    if rate == 0.0 or not global_batch.parted():
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed, dropout_p=rate)
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    if allowed is not None:
        blocked = allowed.dtype == torch.bool
        scores = scores.masked_fill(~allowed, -torch.inf) if blocked else scores + allowed
    return global_batch.dropout(scores.softmax(-1), rate, training=True) @ value
