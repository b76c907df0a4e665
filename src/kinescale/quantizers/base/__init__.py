"""The quantizer contract. A variant's file offers ``Config`` (a Record) and its own ``Quantizer(config)``.

``residual.py`` is the exception: it is built around another quantizer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from kinescale.core.records import Record


class Quantizer(nn.Module, ABC):
    """Declares only. ``vocabulary`` is the number of codes, ``width`` that of a vector."""

    config: Record
    vocabulary: int
    width: int

    @abstractmethod
    def quantize(self, vectors: Float[Tensor, "*b D"]) -> Int[Tensor, "*b"]:
        """The token of every vector."""

    @abstractmethod
    def dequantize(self, tokens: Int[Tensor, "*b"]) -> Float[Tensor, "*b D"]:
        """The vector of every token; zero at ``tokens.PADDING``."""

    @abstractmethod
    def assign(self, vectors: Float[Tensor, "*b D"], rng: torch.Generator) -> Int[Tensor, "*b"]:
        """Tokens while training, where a quantizer may draw; ``rng`` is a CPU generator."""

    @abstractmethod
    def begin(self, vectors: Float[Tensor, "N D"], rng: torch.Generator) -> None:
        """Set up learned statistics from the first training vectors; does nothing once done."""

    @abstractmethod
    def observe(self, vectors: Float[Tensor, "N D"], tokens: Int[Tensor, "N"], rng: torch.Generator) -> None:
        """Learn from a training batch's vectors and the tokens they took."""
