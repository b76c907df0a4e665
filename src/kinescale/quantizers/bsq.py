"""Binary spherical quantization (BSQ): a token is the signs of a vector's channels, a corner of a cube on the sphere.

Zhao et al. 2024 (BSQ, "Image and Video Tokenization with Binary Spherical Quantization"), with the losses of
ScaleMoGen (arXiv 2605.11704), section 2.2 of its method notes. A token is K bits; there is no codebook.

Written here rather than taken from vector-quantize-pytorch: there the quantizer brings its own projections, packs the
bits into one number and knows no padded positions, and its entropy is that of the packed codes.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from kinescale.core.records import Record
from kinescale.nn import global_batch
from kinescale.quantizers import base
from kinescale.quantizers.base.usage import bit_entropy
from kinescale.tokens.token_map import PADDING


class Config(Record):
    """``width`` K, channels of a vector and bits of a token.

    ``commitment_weight`` of the squared distance to the code; ``entropy_weight`` of (entropy of a bit given its vector
    minus entropy of a bit over all vectors), both at inverse temperature ``sharpness`` and divided by it.
    """

    width: int = Field(default=24, ge=1, le=64)
    commitment_weight: float = Field(default=0.25, ge=0.0)
    entropy_weight: float = Field(default=0.1, ge=0.0)
    sharpness: float = Field(default=100.0, gt=0.0)


class Quantizer(base.Quantizer):
    """Stateless; vectors and codes lie on the unit sphere."""

    token_kind = "bits"
    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.vocabulary = self.width = config.width

    def indices(self, vectors: Float[Tensor, "*b K"]) -> Int[Tensor, "*b K"]:
        """Bits: 1 where a channel is positive."""
        return (vectors > 0).long()

    def dequantize(self, tokens: Int[Tensor, "*b K"]) -> Float[Tensor, "*b K"]:
        """Codes on the unit sphere; zero at ``PADDING``."""
        signs = torch.where(tokens > 0, 1.0, -1.0).masked_fill(tokens == PADDING, 0.0)
        return signs * self.width**-0.5

    def forward(
        self, vectors: Float[Tensor, "*b K"], rng: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "*b K"], Int[Tensor, "*b K"]]:
        """Codes, whose gradient is that of the vectors on the unit sphere, and bits."""
        sphere, tokens = functional.normalize(vectors, dim=-1), self.indices(vectors)
        return sphere + (self.dequantize(tokens).to(sphere.dtype) - sphere).detach(), tokens

    def loss(
        self, vectors: Float[Tensor, "*b K"], codes: Float[Tensor, "*b K"], valid: Bool[Tensor, "*b"]
    ) -> Float[Tensor, ""]:
        """Commitment and entropy over the ``valid`` vectors (at least one), on the unit sphere."""
        c = self.config
        kept = functional.normalize(vectors[valid], dim=-1)
        distance = global_batch.mean((kept - self.dequantize(self.indices(kept))).square())
        chance = torch.sigmoid(-4.0 * c.sharpness * self.width**-0.5 * kept)
        doubt = global_batch.mean(bit_entropy(chance).sum(-1)) - bit_entropy(global_batch.mean(chance, 0)).sum()
        return c.commitment_weight * distance + c.entropy_weight * doubt / c.sharpness
