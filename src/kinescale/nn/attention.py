"""Scaled dot-product attention in the number type that is fastest to train with on the device.

On a processor, products of matrices are several times faster in bfloat16 where it has the instructions, but the fused
attention's backward pass is several times slower than in float32; under autocast it is therefore done in float32.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional


def attend(
    query: Float[Tensor, "B H L d"],
    key: Float[Tensor, "B H K d"],
    value: Float[Tensor, "B H K d"],
    allowed: Bool[Tensor, "... _ K"] | None = None,
    scale: float | None = None,
) -> Float[Tensor, "B H L d"]:
    """``torch``'s fused attention; ``allowed`` is true where a row may attend a key; ``scale``: 1/sqrt(d)."""
    if query.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed, scale=scale)
    with torch.autocast("cpu", enabled=False):
        return functional.scaled_dot_product_attention(
            query.float(), key.float(), value.float(), attn_mask=allowed, scale=scale
        )
