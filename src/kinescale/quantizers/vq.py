"""One learned codebook, nearest code by squared distance, updated by moving averages.

van den Oord et al. 2017 (VQ-VAE, appendix A.1) with MoScale's rules: codes drawn from a soft assignment while
training, dead codes revived from the batch, one book shared by all scales.

Written here rather than taken from vector-quantize-pytorch: there the book is updated inside each forward call, while
the pyramid looks up every scale with one fixed book and then updates it once from the valid vectors of all scales, and
the moving averages must be saved for training to resume exactly.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from kinescale.core.records import Record
from kinescale.quantizers import base
from kinescale.tokens.token_map import PADDING

VECTORS_A_CODE = 5
"""A batch must hold this many vectors a code before an average of one use a batch is asked of every code."""

FIRST_NOISE = 0.01
"""Spread (over sqrt(D)) of the copies that fill the book when the first batch has fewer vectors than codes."""


class Config(Record):
    """``codes`` vectors of ``width``.

    ``decay`` of the moving averages; ``temperature`` of the soft assignment (None: nearest code in training too);
    ``faithful``: revive dead codes from the batch's first vectors, only when the batch is large, and leave their
    averages as they were, like the reference; otherwise revive by a random draw and give the code a fresh average.
    """

    codes: int = Field(512, ge=2)
    width: int = Field(512, ge=1)
    decay: float = Field(0.99, ge=0.0, lt=1.0)
    temperature: float | None = Field(0.5, gt=0.0)
    faithful: bool = False


class Quantizer(base.Quantizer):
    """A codebook with its moving averages as buffers, all of them in the state dict."""

    codebook: Tensor
    code_sum: Tensor
    code_count: Tensor
    initialised: Tensor
    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.vocabulary = config.codes
        self.width = config.width
        book = torch.randn(config.codes, config.width) / config.width**0.5
        self.register_buffer("codebook", book)
        self.register_buffer("code_sum", book.clone())
        self.register_buffer("code_count", torch.ones(config.codes))
        self.register_buffer("initialised", torch.tensor(False))

    def distances(self, vectors: Float[Tensor, "N D"]) -> Float[Tensor, "N V"]:
        """Squared distance to every code, up to a term that is the same for all codes."""
        return torch.addmm(self.codebook.square().sum(-1), vectors, self.codebook.T, alpha=-2.0)

    def quantise(self, vectors: Float[Tensor, "*b D"]) -> Int[Tensor, "*b"]:
        """Index of the nearest code."""
        return self.distances(vectors.reshape(-1, self.width)).argmin(-1).view(vectors.shape[:-1])

    def dequantise(self, tokens: Int[Tensor, "*b"]) -> Float[Tensor, "*b D"]:
        """Codes by index; zero at ``PADDING``."""
        rows = functional.embedding(tokens.clamp(min=0), self.codebook)
        return rows * (tokens != PADDING).unsqueeze(-1).to(rows.dtype)

    def assign(self, vectors: Float[Tensor, "*b D"], rng: torch.Generator) -> Int[Tensor, "*b"]:
        """A code drawn with probability softmax(-distance / temperature).

        That is the distribution of the reference's argmax over Gumbel noise, for one random number a vector.
        """
        if self.config.temperature is None:
            return self.quantise(vectors)
        flat = vectors.reshape(-1, self.width)
        cumulative = (self.distances(flat) / -self.config.temperature).softmax(-1).cumsum(-1)
        uniform = torch.rand(len(flat), 1, generator=rng).to(flat.device)
        drawn = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
        return drawn.clamp(max=self.vocabulary - 1).view(vectors.shape[:-1])

    @torch.no_grad()
    def begin(self, vectors: Float[Tensor, "N D"], rng: torch.Generator) -> None:
        """Fill the book with the first training vectors (in the clean setting in random order), once."""
        if bool(self.initialised) or len(vectors) == 0:
            return
        if not self.config.faithful:
            vectors = vectors[torch.randperm(len(vectors), generator=rng).to(vectors.device)]
        if len(vectors) < self.vocabulary:
            repeats = -(-self.vocabulary // len(vectors))
            tiled = vectors.repeat(repeats, 1)
            noise = torch.randn(tiled.shape, generator=rng).to(tiled)
            vectors = tiled + noise * (FIRST_NOISE / self.width**0.5)
        self.codebook.copy_(vectors[: self.vocabulary])
        self.code_sum.copy_(self.codebook)
        self.code_count.fill_(1.0)
        self.initialised.fill_(True)

    @torch.no_grad()
    def observe(self, vectors: Float[Tensor, "N D"], tokens: Int[Tensor, "N"], rng: torch.Generator) -> None:
        """Move sums and counts towards the batch's, make each code their quotient, revive dead codes."""
        if len(vectors) == 0:
            return
        count = torch.bincount(tokens, minlength=self.vocabulary).to(self.code_count)
        total = torch.zeros_like(self.code_sum).index_add_(0, tokens, vectors.to(self.code_sum))
        decay = self.config.decay
        self.code_count.mul_(decay).add_(count, alpha=1.0 - decay)
        self.code_sum.mul_(decay).add_(total, alpha=1.0 - decay)
        if self.config.faithful:
            self._revive_first(vectors)
        else:
            self._revive_drawn(vectors, rng)
        self.initialised.fill_(True)

    def _revive_first(self, vectors: Tensor) -> None:
        means = self.code_sum / self.code_count.unsqueeze(-1).clamp(min=1e-12)
        dead = self.code_count < 1.0
        if len(vectors) > VECTORS_A_CODE * self.vocabulary:
            means = torch.where(dead.unsqueeze(-1), vectors[: self.vocabulary].to(means), means)
        self.codebook.copy_(means)

    def _revive_drawn(self, vectors: Tensor, rng: torch.Generator) -> None:
        # A small batch cannot use every code once, so less is asked of a code; at VECTORS_A_CODE vectors a code
        # the bound is the reference's.
        least = min(1.0, len(vectors) / (VECTORS_A_CODE * self.vocabulary))
        dead = (self.code_count < least).unsqueeze(-1)
        pick = torch.randint(len(vectors), (self.vocabulary,), generator=rng).to(vectors.device)
        # Twice the bound gives a revived code some 70 batches to find vectors before it is moved again.
        fresh = 2.0 * least
        self.code_sum.copy_(torch.where(dead, vectors[pick].to(self.code_sum) * fresh, self.code_sum))
        self.code_count.masked_fill_(dead.squeeze(-1), fresh)
        self.codebook.copy_(self.code_sum / self.code_count.unsqueeze(-1))


def perplexity(tokens: Int[Tensor, "N"], vocabulary: int) -> Float[Tensor, ""]:
    """exp of the entropy of how often each code was used: 1 (one code) to ``vocabulary`` (all alike)."""
    share = torch.bincount(tokens, minlength=vocabulary).to(torch.float32)
    share = share / share.sum().clamp(min=1.0)
    return torch.exp(-(share * torch.log(share + 1e-7)).sum())


def usage(tokens: Int[Tensor, "N"], vocabulary: int) -> Float[Tensor, ""]:
    """Share of the codes that were used at all, 0 to 1."""
    return (torch.bincount(tokens, minlength=vocabulary) > 0).to(torch.float32).mean()
