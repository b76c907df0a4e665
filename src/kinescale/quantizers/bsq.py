"""Binary spherical quantization: the token of a vector is the signs of its channels, a corner of a cube on the sphere.

Zhao et al. 2024 (BSQ, "Image and Video Tokenization with Binary Spherical Quantization"), with the losses of
ScaleMoGen (arXiv 2605.11704), section 2.2 of its method notes. A token is K bits; there is no book to keep.

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
from kinescale.quantizers import base
from kinescale.tokens.token_map import PADDING


class Config(Record):
    """``bits`` K, also the width of a vector.

    ``commitment_weight`` of the squared distance to the code; ``entropy_weight`` of (entropy of a bit given its vector
    minus entropy of a bit over all vectors), both at inverse temperature ``sharpness`` and divided by it.
    """

    bits: int = Field(default=24, ge=1, le=64)
    commitment_weight: float = Field(default=0.25, ge=0.0)
    entropy_weight: float = Field(default=0.1, ge=0.0)
    sharpness: float = Field(default=100.0, gt=0.0)


class Quantizer(base.Quantizer):
    """Nothing is learned and nothing is drawn; vectors and codes lie on the unit sphere."""

    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.vocabulary = config.bits
        self.width = config.bits

    def quantize(self, vectors: Float[Tensor, "*b K"]) -> Int[Tensor, "*b K"]:
        """Bits: 1 where a channel is positive."""
        return (vectors > 0).long()

    def dequantize(self, tokens: Int[Tensor, "*b K"]) -> Float[Tensor, "*b K"]:
        """Codes on the unit sphere; zero at ``PADDING``."""
        signs = torch.where(tokens > 0, 1.0, -1.0).masked_fill(tokens == PADDING, 0.0)
        return signs * self.width**-0.5

    def assign(self, vectors: Float[Tensor, "*b K"], rng: torch.Generator) -> Int[Tensor, "*b K"]:
        """As ``quantize``."""
        return self.quantize(vectors)

    def begin(self, vectors: Float[Tensor, "N K"], rng: torch.Generator) -> None:
        """Nothing to set up."""

    def observe(self, vectors: Float[Tensor, "N K"], tokens: Int[Tensor, "N K"], rng: torch.Generator) -> None:
        """Nothing to learn."""

    def through(self, vectors: Float[Tensor, "*b K"]) -> tuple[Float[Tensor, "*b K"], Float[Tensor, "*b K"]]:
        """Vectors on the unit sphere, and their codes, whose gradient is that of the vectors."""
        sphere = functional.normalize(vectors, dim=-1)
        code = self.dequantize(self.quantize(vectors)).to(sphere.dtype)
        return sphere, sphere + (code - sphere).detach()

    def loss(self, sphere: Float[Tensor, "*b K"], valid: Bool[Tensor, "*b"]) -> Float[Tensor, ""]:
        """Commitment and entropy over the ``valid`` vectors (at least one) of the unit sphere."""
        c = self.config
        kept = sphere[valid]
        distance = (kept - self.dequantize(self.quantize(kept))).square().mean()
        chance = torch.sigmoid(-4.0 * c.sharpness * self.width**-0.5 * kept)
        doubt = _entropy(chance).sum(-1).mean() - _entropy(chance.mean(0)).sum()
        return c.commitment_weight * distance + c.entropy_weight * doubt / c.sharpness


def _entropy(chance: Tensor) -> Tensor:
    """Entropy of bits in nats."""
    other = 1.0 - chance
    return -(chance * torch.log(chance + 1e-8) + other * torch.log(other + 1e-8))


def balance(bits: Int[Tensor, "N K"]) -> Float[Tensor, ""]:
    """Mean entropy of a bit over all vectors, in bits: 1 where zeros and ones are as frequent in every channel."""
    share = bits.float().mean(0)
    return _entropy(share).mean() / torch.log(torch.tensor(2.0))
