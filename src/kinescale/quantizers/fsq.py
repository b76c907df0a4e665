"""Finite scalar quantization: a few bounded numbers, each rounded to a handful of values; no codebook to learn.

Mentzer et al. 2023 (arXiv 2309.15505), sections 3.1 and 3.2, with linear maps to and from the vector's width.

Written here rather than taken from vector-quantize-pytorch: its rounding is the same arithmetic (twenty lines), but
there vectors and tokens come out of one call, while our pyramid looks up, decodes and trains in separate ones, and
padding has to decode to zero, not to the image of a code.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn

from kinescale.core.records import Record
from kinescale.quantizers import base
from kinescale.quantizers.base import processes as _processes
from kinescale.tokens.token_map import PADDING

SLACK = 1e-3
"""The bound reaches this share past the outermost values, so that they can be hit."""

MAX_CODES = 1 << 20


class Config(Record):
    """``levels``: values of each number, the first being the index's fastest digit; ``width``: D of a vector.

    Published choices: (8, 5, 5, 5), 1,000 codes; (8, 8, 8, 5, 5, 5), 64,000 codes.
    """

    levels: tuple[int, ...] = (8, 5, 5, 5)
    width: int = Field(default=512, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if not self.levels or min(self.levels) < 2 or math.prod(self.levels) > MAX_CODES:
            raise ValueError(f"levels are {self.levels}; expected 2 or more each, at most {MAX_CODES} codes in all")
        return self


class Quantizer(base.Quantizer):
    """``through`` is the differentiable look-up; the rest is the contract. Nothing is learned but the linear maps."""

    config: Config
    levels: Tensor
    strides: Tensor

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.width = config.width
        self.vocabulary = math.prod(config.levels)
        numbers = len(config.levels)
        self.inward = nn.Linear(config.width, numbers)
        self.outward = nn.Linear(numbers, config.width)
        strides = [math.prod(config.levels[:place]) for place in range(numbers)]
        self.register_buffer("levels", torch.tensor(config.levels), persistent=False)
        self.register_buffer("strides", torch.tensor(strides), persistent=False)
        # Vectors of unit variance fill the range of every number, and come back at about their size.
        nn.init.normal_(self.inward.weight, std=config.width**-0.5)
        nn.init.normal_(self.outward.weight, std=numbers**-0.5)
        for layer in (self.inward, self.outward):
            nn.init.zeros_(layer.bias)

    def bounded(self, numbers: Float[Tensor, "*b L"]) -> Float[Tensor, "*b L"]:
        """Each number squeezed into its range, -l // 2 to (l - 1) // 2 after rounding."""
        half = (self.levels - 1) * (1.0 + SLACK) / 2.0
        offset = torch.where(self.levels % 2 == 0, 0.5, 0.0).to(half)
        return half * torch.tanh(numbers + torch.atanh(offset / half)) - offset

    def digits(self, tokens: Int[Tensor, "*b"]) -> Float[Tensor, "*b L"]:
        """The numbers that a token stands for, -1 to 1."""
        places = torch.div(tokens.clamp(min=0).unsqueeze(-1), self.strides, rounding_mode="floor") % self.levels
        half = torch.div(self.levels, 2, rounding_mode="floor")
        return (places - half) / half

    def index(self, rounded: Float[Tensor, "*b L"]) -> Int[Tensor, "*b"]:
        """The token of rounded numbers (before they are divided by l // 2)."""
        half = torch.div(self.levels, 2, rounding_mode="floor")
        return ((rounded.detach().round().long() + half) * self.strides).sum(-1)

    def through(self, vectors: Float[Tensor, "*b D"]) -> tuple[Float[Tensor, "*b D"], Int[Tensor, "*b"]]:
        """What the vectors become, with the gradient passed straight through the rounding, and their tokens."""
        bounded = self.bounded(self.inward(vectors))
        # The sum is exactly the rounded value, so that training and decoding see the same vectors.
        rounded = bounded.detach().round() + (bounded - bounded.detach())
        half = torch.div(self.levels, 2, rounding_mode="floor")
        return self.outward(rounded / half), self.index(bounded)

    def quantize(self, vectors: Float[Tensor, "*b D"]) -> Int[Tensor, "*b"]:
        """The token of every vector."""
        return self.index(self.bounded(self.inward(vectors)))

    def dequantize(self, tokens: Int[Tensor, "*b"]) -> Float[Tensor, "*b D"]:
        """The vector of every token; zero at ``PADDING``."""
        rows = self.outward(self.digits(tokens).to(self.outward.weight.dtype))
        return rows * (tokens != PADDING).unsqueeze(-1).to(rows.dtype)

    def assign(self, vectors: Float[Tensor, "*b D"], rng: torch.Generator) -> Int[Tensor, "*b"]:
        """As ``quantize``: nothing is drawn."""
        return self.quantize(vectors)

    def begin(self, vectors: Float[Tensor, "N D"], rng: torch.Generator) -> None:
        """Nothing to set up."""

    def observe(self, vectors: Float[Tensor, "N D"], tokens: Int[Tensor, "N"], rng: torch.Generator) -> None:
        """Nothing to learn."""


def size(vectors: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """Root mean square of a batch's numbers (of all processes' batches), which a gain is begun with."""
    square = _processes.summed(vectors.detach().square().sum())
    count = _processes.summed(torch.tensor(float(vectors.numel()), device=vectors.device))
    return (square / count.clamp(min=1.0)).sqrt()
