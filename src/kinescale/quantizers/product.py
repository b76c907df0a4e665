"""Product quantization: a vector is several groups of numbers, each with a codebook of its own.

Jégou, Douze & Schmid 2011 ("Product Quantization for Nearest Neighbor Search"), section II.B: G codebooks of V codes
stand for V**G combinations. Each codebook learns by moving averages, as ``vq`` does (van den Oord et al. 2017,
appendix A.1). Written here since vector-quantize-pytorch's grouped quantizers update inside each forward call.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn

from kinescale.core.records import Record
from kinescale.quantizers import base, vq


class Config(Record):
    """``groups`` codebooks of ``codes`` vectors, each ``width`` numbers; ``decay`` of their moving averages."""

    groups: int = Field(default=4, ge=1)
    codes: int = Field(default=512, ge=2)
    width: int = Field(default=32, ge=1)
    decay: float = Field(default=0.99, ge=0.0, lt=1.0)


class Quantizer(base.Quantizer):
    """Vectors [..., G, D] to tokens [..., G]; the last axis but one of the vectors names the codebook."""

    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.vocabulary, self.width = config.codes, config.width
        single = vq.Config(codes=config.codes, width=config.width, decay=config.decay, temperature=None)
        self.codebooks = nn.ModuleList(vq.Quantizer(single) for _ in range(config.groups))

    def _each(self) -> list[vq.Quantizer]:
        return [book for book in self.codebooks if isinstance(book, vq.Quantizer)]

    def quantize(self, vectors: Float[Tensor, "*b G D"]) -> Int[Tensor, "*b G"]:
        """Index of the nearest code of each group."""
        return torch.stack([book.quantize(vectors[..., g, :]) for g, book in enumerate(self._each())], dim=-1)

    def dequantize(self, tokens: Int[Tensor, "*b G"]) -> Float[Tensor, "*b G D"]:
        """Codes by index; zero at ``PADDING``."""
        return torch.stack([book.dequantize(tokens[..., g]) for g, book in enumerate(self._each())], dim=-2)

    def assign(self, vectors: Float[Tensor, "*b G D"], rng: torch.Generator) -> Int[Tensor, "*b G"]:
        """As ``quantize``: nothing is drawn."""
        return self.quantize(vectors)

    def begin(self, vectors: Float[Tensor, "N D"], rng: torch.Generator) -> None:
        """Fill each codebook from the first training vectors, once; rows alternate between the groups."""
        for book, rows in zip(self._each(), self._split(vectors), strict=True):
            book.begin(rows, rng)

    def observe(self, vectors: Float[Tensor, "N D"], tokens: Int[Tensor, "N"], rng: torch.Generator) -> None:
        """Update each codebook from its own rows, which alternate between the groups."""
        taken = tokens.view(-1, self.config.groups)
        for g, (book, rows) in enumerate(zip(self._each(), self._split(vectors), strict=True)):
            book.observe(rows, taken[:, g].contiguous(), rng)

    def _split(self, vectors: Float[Tensor, "N D"]) -> list[Float[Tensor, "_ D"]]:
        groups = vectors.view(-1, self.config.groups, self.width)
        return [groups[:, g].contiguous() for g in range(self.config.groups)]
