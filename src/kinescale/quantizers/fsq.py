"""Finite scalar quantization (FSQ): a few bounded numbers, each rounded to a handful of values; no learned codebook.

Mentzer et al. 2023 (arXiv 2309.15505), sections 3.1 and 3.2, with linear maps to and from the vector's width.

Written here rather than taken from vector-quantize-pytorch: its rounding is the same arithmetic (twenty lines), but
there vectors and tokens come out of one call, while the pyramid looks up, decodes and trains in separate ones, and
padding has to decode to zero, not to a code.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn

from kinescale.core.records import Record
from kinescale.quantizers import base
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
    """Rounding between two learned linear maps."""

    needs_gain = True
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

    def forward(
        self, vectors: Float[Tensor, "*b D"], rng: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "*b D"], Int[Tensor, "*b"]]:
        """Codes, with the gradient passed straight through the rounding, and tokens."""
        bounded = self.bounded(self.inward(vectors))
        # The sum is exactly the rounded value, so that training and decoding see the same vectors.
        rounded = bounded.detach().round() + (bounded - bounded.detach())
        half = torch.div(self.levels, 2, rounding_mode="floor")
        return self.outward(rounded / half), self.index(bounded)

    def indices(self, vectors: Float[Tensor, "*b D"]) -> Int[Tensor, "*b"]:
        """Token of each vector."""
        return self.index(self.bounded(self.inward(vectors)))

    def dequantize(self, tokens: Int[Tensor, "*b"]) -> Float[Tensor, "*b D"]:
        """Vector of each token; zero at ``PADDING``."""
        rows = self.outward(self.digits(tokens).to(self.outward.weight.dtype))
        return rows * (tokens != PADDING).unsqueeze(-1).to(rows.dtype)

    def loss(
        self, vectors: Float[Tensor, "*b D"], codes: Float[Tensor, "*b D"], valid: Bool[Tensor, "*b"]
    ) -> Float[Tensor, ""]:
        """Zero: there is no codebook to stay near."""
        return vectors.new_zeros(())
