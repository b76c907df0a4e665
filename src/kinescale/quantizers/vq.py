"""One learned codebook, nearest code by distance or by angle, updated by moving averages.

van den Oord et al. 2017 (VQ-VAE, appendix A.1); codes drawn from a soft assignment while training and dead codes
revived from the batch (MoScale, MoMask); look-up by cosine (Yu et al. 2021, ViT-VQGAN; MoSa). Under several processes
the averages, the first fill and the revivals are those of all batches together, so that all end with the same book.

Written here rather than taken from vector-quantize-pytorch: there the book is updated inside each forward call, while
the pyramid looks up every scale with one fixed book and then updates it once from the valid vectors of all scales, and
the moving averages must be saved for training to resume exactly.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from kinescale.core.records import Record
from kinescale.quantizers import base
from kinescale.quantizers.base import processes as _processes
from kinescale.tokens.token_map import PADDING

VECTORS_A_CODE = 5
"""Vectors per code from which on a batch is large enough to use every code once on average."""

FIRST_NOISE = 0.01
"""Spread (over sqrt(D)) of the copies that fill the book when the first batch has fewer vectors than codes."""


class Config(Record):
    """``codes`` vectors of ``width``.

    ``lookup``: a code is chosen by squared distance or by cosine; the code used is the vector itself either way.
    ``decay`` of the moving averages; ``temperature`` of the soft assignment (None: nearest code in training too);
    ``assignment``: one number a vector from the cumulative probabilities ("stochastic"), or the best of all codes after
    Gumbel noise (the same distribution, a number a code).
    ``faithful``: a dead code (average use below one) becomes the vector of its own index in the batch and keeps its
    averages, as in the references; otherwise it becomes a random vector of the batch, with fresh averages.
    ``revive_above``: the faithful revival needs more than this many vectors per code (MoScale: 5; MoSa: 0, every
    batch; a batch of fewer vectors than codes is repeated with a little noise).
    """

    codes: int = Field(default=512, ge=2)
    width: int = Field(default=512, ge=1)
    decay: float = Field(default=0.99, ge=0.0, lt=1.0)
    temperature: float | None = Field(default=0.5, gt=0.0)
    lookup: Literal["distance", "cosine"] = "distance"
    assignment: Literal["stochastic", "gumbel"] = "stochastic"
    faithful: bool = False
    revive_above: int = Field(default=VECTORS_A_CODE, ge=0)


class Quantizer(base.Quantizer):
    """A codebook with its moving averages as buffers, all of them in the state dict."""

    codebook: Tensor
    code_sum: Tensor
    code_count: Tensor
    initialized: Tensor
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
        self.register_buffer("initialized", torch.tensor(False))

    def scores(self, vectors: Float[Tensor, "N D"]) -> Float[Tensor, "N V"]:
        """The higher the better: minus the squared distance (up to a term that all codes share), or the cosine."""
        if self.config.lookup == "cosine":
            return functional.normalize(vectors, dim=-1) @ functional.normalize(self.codebook, dim=-1).T
        return torch.addmm(self.codebook.square().sum(-1), vectors, self.codebook.T, beta=-1.0, alpha=2.0)

    def quantize(self, vectors: Float[Tensor, "*b D"]) -> Int[Tensor, "*b"]:
        """Index of the best code."""
        return self.scores(vectors.reshape(-1, self.width)).argmax(-1).view(vectors.shape[:-1])

    def dequantize(self, tokens: Int[Tensor, "*b"]) -> Float[Tensor, "*b D"]:
        """Codes by index; zero at ``PADDING``."""
        rows = functional.embedding(tokens.clamp(min=0), self.codebook)
        return rows * (tokens != PADDING).unsqueeze(-1).to(rows.dtype)

    def assign(self, vectors: Float[Tensor, "*b D"], rng: torch.Generator) -> Int[Tensor, "*b"]:
        """A code drawn with probability softmax(score / temperature)."""
        if self.config.temperature is None:
            return self.quantize(vectors)
        flat = vectors.reshape(-1, self.width)
        logits = self.scores(flat) / self.config.temperature
        if self.config.assignment == "gumbel":
            noise = torch.rand(logits.shape, generator=rng).clamp(min=1e-20).to(logits)
            return (logits - torch.log(-torch.log(noise))).argmax(-1).view(vectors.shape[:-1])
        cumulative = logits.softmax(-1).cumsum(-1)
        uniform = torch.rand(len(flat), 1, generator=rng).to(flat.device)
        drawn = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
        return drawn.clamp(max=self.vocabulary - 1).view(vectors.shape[:-1])

    @torch.no_grad()
    def begin(self, vectors: Float[Tensor, "N D"], rng: torch.Generator) -> None:
        """Fill the book with the first training vectors (in the clean setting in random order), once."""
        if bool(self.initialized):
            return
        held = _processes.counts(vectors)
        total = sum(held)
        if total == 0:
            return
        order = torch.arange(total) if self.config.faithful else torch.randperm(total, generator=rng)
        self.codebook.copy_(self._one_a_code(vectors, held, order, rng))
        self.code_sum.copy_(self.codebook)
        self.code_count.fill_(1.0)
        self.initialized.fill_(True)

    def _one_a_code(
        self, vectors: Tensor, held: list[int], order: Int[Tensor, "N"], rng: torch.Generator
    ) -> Float[Tensor, "V D"]:
        """The vectors in ``order``, one per code; with fewer vectors than codes they repeat, with noise."""
        repeats = -(-self.vocabulary // len(order))
        places = _processes.agreed(order.repeat(repeats)[: self.vocabulary].to(vectors.device))
        first = _processes.take(vectors, held, places)
        if repeats > 1:
            noise = torch.randn((repeats * len(order), self.width), generator=rng)[: self.vocabulary].to(first)
            first = first + noise * (FIRST_NOISE / self.width**0.5)
        return _processes.agreed(first)

    @torch.no_grad()
    def observe(self, vectors: Float[Tensor, "N D"], tokens: Int[Tensor, "N"], rng: torch.Generator) -> None:
        """Move sums and counts towards the batch's, make each code their quotient, revive dead codes."""
        held = _processes.counts(vectors)
        if sum(held) == 0:
            return
        count = torch.bincount(tokens, minlength=self.vocabulary).to(self.code_count)
        total = torch.zeros_like(self.code_sum).index_add_(0, tokens, vectors.to(self.code_sum))
        decay = self.config.decay
        self.code_count.mul_(decay).add_(_processes.summed(count), alpha=1.0 - decay)
        self.code_sum.mul_(decay).add_(_processes.summed(total), alpha=1.0 - decay)
        if self.config.faithful:
            self._revive_first(vectors, held, rng)
        else:
            self._revive_drawn(vectors, held, rng)
        self.initialized.fill_(True)

    def _revive_first(self, vectors: Tensor, held: list[int], rng: torch.Generator) -> None:
        means = self.code_sum / self.code_count.unsqueeze(-1).clamp(min=1e-12)
        dead = self.code_count < 1.0
        if sum(held) > self.config.revive_above * self.vocabulary:
            first = self._one_a_code(vectors, held, torch.arange(sum(held)), rng)
            means = torch.where(dead.unsqueeze(-1), first.to(means), means)
        self.codebook.copy_(means)

    def _revive_drawn(self, vectors: Tensor, held: list[int], rng: torch.Generator) -> None:
        # A small batch cannot use every code once, so less is asked of a code; at VECTORS_A_CODE vectors a code
        # the bound is the reference's.
        least = min(1.0, sum(held) / (VECTORS_A_CODE * self.vocabulary))
        dead = (self.code_count < least).unsqueeze(-1)
        pick = torch.randint(sum(held), (self.vocabulary,), generator=rng).to(vectors.device)
        drawn = _processes.take(vectors, held, _processes.agreed(pick))
        # Twice the bound gives a revived code some 70 batches to find vectors before it is moved again.
        fresh = 2.0 * least
        self.code_sum.copy_(torch.where(dead, drawn.to(self.code_sum) * fresh, self.code_sum))
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
