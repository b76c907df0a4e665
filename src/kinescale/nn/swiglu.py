"""Gated feed-forward layer (Shazeer 2020, SwiGLU), without biases."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.dropout import Dropout


class SwiGLU(nn.Module):
    """``W3 (SiLU(W1 x) * W2 x)``; ``grow`` holds W1 over W2, so that both are one product."""

    def __init__(self, width: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        self.grow = nn.Linear(width, 2 * hidden, bias=False)
        self.shrink = nn.Linear(hidden, width, bias=False)
        self.dropout = Dropout(dropout)

    def forward(self, x: Float[Tensor, "*b C"]) -> Float[Tensor, "*b C"]:
        """Same shape."""
        gate, value = self.grow(x).chunk(2, dim=-1)
        return self.dropout(self.shrink(functional.silu(gate) * value))
