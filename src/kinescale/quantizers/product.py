"""Product quantization: a vector is several groups of numbers, each with a quantizer of its own.

Jégou, Douze & Schmid 2011 ("Product Quantization for Nearest Neighbor Search"), section II.B: G codebooks of V codes
stand for V**G combinations. Written here since vector-quantize-pytorch's grouped quantizers update inside each forward
call.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn

from kinescale import quantizers
from kinescale.core.records import Record
from kinescale.quantizers import base


class Config(Record):
    """``groups`` quantizers of family name ``quantizer`` with ``settings``, each for ``width`` numbers."""

    groups: int = Field(default=4, ge=1)
    width: int = Field(default=32, ge=1)
    quantizer: str = "vq"
    settings: dict[str, Any] = Field(default_factory=dict)


class Quantizer(base.Quantizer):
    """Vectors [..., G, D] to tokens [..., G] (or [..., G, K] of bits); axis -2 of the vectors names the quantizer."""

    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.groups = config.groups
        self.codebooks = nn.ModuleList(
            quantizers.build(config.quantizer, config.settings, width=config.width) for _ in range(config.groups)
        )
        first = self._each()[0]
        self.width, self.vocabulary = first.width, first.vocabulary
        self.token_kind, self.needs_gain = first.token_kind, first.needs_gain

    def _each(self) -> list[base.Quantizer]:
        return list(self.codebooks)  # type: ignore[arg-type]

    def indices(self, vectors: Float[Tensor, "*b G D"]) -> Int[Tensor, "..."]:
        """Tokens of the nearest code of each group."""
        return self.assign(vectors, None)

    def assign(self, vectors: Float[Tensor, "*b G D"], rng: torch.Generator | None) -> Int[Tensor, "..."]:
        """Tokens of each group, in training those that its quantizer draws."""
        rows = [one.assign(vectors[..., g, :], rng) for g, one in enumerate(self._each())]
        return torch.stack(rows, vectors.ndim - 2)

    def dequantize(self, tokens: Int[Tensor, "..."]) -> Float[Tensor, "... G D"]:
        """Codes of each group; zero at ``PADDING``."""
        axis = tokens.ndim - 1 - (self.token_kind == "bits")
        rows = [one.dequantize(tokens.select(axis, g)) for g, one in enumerate(self._each())]
        return torch.stack(rows, axis)

    def forward(
        self, vectors: Float[Tensor, "*b G D"], rng: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "*b G D"], Int[Tensor, "..."]]:
        """Codes of each group with its straight-through gradient, and their tokens."""
        found = [one(vectors[..., g, :], rng) for g, one in enumerate(self._each())]
        axis = vectors.ndim - 2
        return torch.stack([codes for codes, _ in found], axis), torch.stack([tokens for _, tokens in found], axis)

    def loss(
        self, vectors: Float[Tensor, "*b G D"], codes: Float[Tensor, "*b G D"], valid: Bool[Tensor, "*b G"]
    ) -> Float[Tensor, ""]:
        """Mean over the groups."""
        each = enumerate(self._each())
        return torch.stack([one.loss(vectors[..., g, :], codes[..., g, :], valid[..., g]) for g, one in each]).mean()

    @property
    def ready(self) -> bool:
        """Whether all groups are."""
        return all(one.ready for one in self._each())

    def initialize(self, vectors: Float[Tensor, "N D"], rng: torch.Generator) -> None:
        """Initialize each quantizer from its own rows, which alternate between the groups."""
        for g, one in enumerate(self._each()):
            one.initialize(vectors[g :: self.groups], rng)

    def update(self, vectors: Float[Tensor, "N D"], tokens: Int[Tensor, "N ..."], rng: torch.Generator) -> None:
        """Update each quantizer from its own rows, which alternate between the groups."""
        for g, one in enumerate(self._each()):
            one.update(vectors[g :: self.groups].contiguous(), tokens[g :: self.groups].contiguous(), rng)
