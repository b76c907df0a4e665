"""The quantizer contract. A variant's file offers ``Config`` (a Record with ``width``) and ``Quantizer(config)``.

``indices`` and ``dequantize`` suffice: the rest is that of a quantizer that learns nothing outside the gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from kinescale.core.records import Record
from kinescale.nn import global_batch


class Quantizer(nn.Module, ABC):
    """Vectors [*b, width] to tokens and back.

    Attributes
    ----------
    token_kind : "codes" (an index per vector) or "bits" (``vocabulary`` bits per vector).
    vocabulary : number of codes, or of bits.
    groups : codebooks side by side; the last axis but one of the vectors then counts them (``product``).
    needs_gain : codes have a fixed range, so that a residual pyramid has to learn a gain per scale.
    """

    token_kind: str = "codes"
    groups: int = 1
    needs_gain: bool = False
    config: Record
    vocabulary: int
    width: int

    @abstractmethod
    def indices(self, vectors: Float[Tensor, "*b D"]) -> Int[Tensor, "..."]:
        """Tokens of the nearest codes: [*b], or [*b, K] of bits."""

    @abstractmethod
    def dequantize(self, tokens: Int[Tensor, "..."]) -> Float[Tensor, "... D"]:
        """Codes of tokens; zero at ``tokens.PADDING``."""

    def assign(self, vectors: Float[Tensor, "*b D"], rng: torch.Generator | None) -> Int[Tensor, "..."]:
        """Tokens in training, where a quantizer may draw from a soft assignment; ``rng`` is a CPU generator.

        Without ``rng`` (evaluation) these are the ``indices``.
        """
        return self.indices(vectors)

    def forward(
        self, vectors: Float[Tensor, "*b D"], rng: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "*b D"], Int[Tensor, "..."]]:
        """Codes with a straight-through gradient to the vectors, and their tokens."""
        tokens = self.assign(vectors.detach(), rng)
        return self.dequantize(tokens) + (vectors - vectors.detach()), tokens

    def loss(
        self, vectors: Float[Tensor, "*b D"], codes: Float[Tensor, "*b D"], valid: Bool[Tensor, "*b"]
    ) -> Float[Tensor, ""]:
        """Commitment: mean squared distance of the ``valid`` vectors from the codes that ``forward`` gave."""
        return global_batch.mean((vectors - codes.detach())[valid].square())

    @property
    def ready(self) -> bool:
        """Whether ``initialize`` has nothing left to set up."""
        return True

    def initialize(self, vectors: Float[Tensor, "N D"], rng: torch.Generator) -> None:
        """Set up learned statistics from the first training vectors; does nothing once done."""
        return

    def update(self, vectors: Float[Tensor, "N D"], tokens: Int[Tensor, "N ..."], rng: torch.Generator) -> None:
        """Moving averages from a training batch's vectors and tokens, then ``reset``."""
        return

    def reset(self, vectors: Float[Tensor, "N D"], rng: torch.Generator) -> None:
        """Replace dead codes by vectors of the batch."""
        return
