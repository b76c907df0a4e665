"""Stack of dilated residual convolutions in time, widest first: the body of the tokenizer's encoder and decoder."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.dropout import Dropout
from kinescale.nn.steps import zero_after


class ResidualConv(nn.Module):
    """``x + Dropout(Conv1x1(ReLU(Conv3(ReLU(x)))))``, the wide convolution dilated, no norm."""

    def __init__(self, width: int, dilation: int, dropout: float):
        super().__init__()
        self.wide = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.dropout = Dropout(dropout)

    def forward(self, x: Float[Tensor, "B C T"], valid: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B C T"]:
        """Same shape; steps not ``valid`` (when given) come out as zeros."""
        change = self.mix(functional.relu(self.wide(functional.relu(x))))
        return zero_after(x + self.dropout(change), valid)


class ResidualConvStack(nn.Module):
    """``blocks`` residual convolutions with dilations ``growth^(blocks-1)`` down to 1."""

    def __init__(self, width: int, blocks: int, growth: int, dropout: float):
        super().__init__()
        self.blocks = nn.ModuleList(
            ResidualConv(width, growth ** (blocks - 1 - index), dropout) for index in range(blocks)
        )

    def forward(self, x: Float[Tensor, "B C T"], valid: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B C T"]:
        """Same shape; see ``ResidualConv``."""
        for block in self.blocks:
            x = block(x, valid)
        return x
