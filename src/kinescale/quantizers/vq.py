"""Vector quantization with one learned codebook: nearest code by distance or cosine, updated by moving averages.

van den Oord et al. 2017 (VQ-VAE, appendix A.1); codes drawn from a soft assignment in training and dead codes reset
from the batch (MoScale, MoMask); look-up by cosine (Yu et al. 2021, ViT-VQGAN; MoSa). With several processes the
averages, the initialization and the resets are those of all batches together, so that all end with the same codebook.

Written here rather than taken from vector-quantize-pytorch: there the codebook is updated inside each forward call,
while the pyramid looks up every scale with a fixed codebook and then updates it once from the valid vectors of all
scales, and the moving averages must be saved for training to resume exactly.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from kinescale.core.records import Record
from kinescale.nn import global_batch
from kinescale.quantizers import base
from kinescale.quantizers.base import processes
from kinescale.tokens.token_map import PADDING

VECTORS_PER_CODE = 5
"""Vectors per code from which on a batch is large enough to use every code once on average."""

FIRST_NOISE = 0.01
"""Deviation (over sqrt(D)) of the copies that fill the codebook when the first batch has fewer vectors than codes."""


class Config(Record):
    """``codes`` vectors of ``width``.

    ``lookup``: a code is chosen by squared distance or by cosine; the code used is the vector itself either way.
    ``decay`` of the moving averages; ``temperature`` of the soft assignment (None: nearest code in training too);
    ``assignment``: one random number per vector against the cumulative probabilities ("stochastic"), or the best of
    all codes after Gumbel noise (the same distribution, one number per code).
    ``faithful``: a dead code (average use below one) becomes the vector of its own index in the batch and keeps its
    averages, as in the references; otherwise it becomes a random vector of the batch, with fresh averages.
    ``revive_above``: the faithful reset needs more than this many vectors per code (MoScale: 5; MoSa: 0, every batch;
    a batch of fewer vectors than codes is repeated with a little noise).
    """

    codes: int = Field(default=512, ge=2)
    width: int = Field(default=512, ge=1)
    decay: float = Field(default=0.99, ge=0.0, lt=1.0)
    temperature: float | None = Field(default=0.5, gt=0.0)
    lookup: Literal["distance", "cosine"] = "distance"
    assignment: Literal["stochastic", "gumbel"] = "stochastic"
    faithful: bool = False
    revive_above: int = Field(default=VECTORS_PER_CODE, ge=0)


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
        codebook = torch.randn(config.codes, config.width).div_(config.width**0.5)
        self.register_buffer("codebook", codebook)
        self.register_buffer("code_sum", codebook.clone())
        self.register_buffer("code_count", torch.ones(config.codes))
        self.register_buffer("initialized", torch.tensor(False))

    def scores(self, vectors: Float[Tensor, "N D"]) -> Float[Tensor, "N V"]:
        """Higher is nearer: minus the squared distance (up to a term that all codes share), or the cosine."""
        if self.config.lookup == "cosine":
            return functional.normalize(vectors, dim=-1) @ functional.normalize(self.codebook, dim=-1).T
        return torch.addmm(self.codebook.square().sum(-1), vectors, self.codebook.T, beta=-1.0, alpha=2.0)

    def indices(self, vectors: Float[Tensor, "*b D"]) -> Int[Tensor, "*b"]:
        """Index of the nearest code."""
        return self.scores(vectors.reshape(-1, self.width)).argmax(-1).view(vectors.shape[:-1])

    def dequantize(self, tokens: Int[Tensor, "*b"]) -> Float[Tensor, "*b D"]:
        """Codes by index; zero at ``PADDING``."""
        rows = functional.embedding(tokens.clamp(min=0), self.codebook)
        return rows * (tokens != PADDING).unsqueeze(-1).to(rows.dtype)

    def assign(self, vectors: Float[Tensor, "*b D"], rng: torch.Generator | None) -> Int[Tensor, "*b"]:
        """A code drawn with probability softmax(score / temperature)."""
        if rng is None or self.config.temperature is None:
            return self.indices(vectors)
        flat = vectors.reshape(-1, self.width)
        logits = self.scores(flat) / self.config.temperature
        if self.config.assignment == "gumbel":
            noise = global_batch.rand_ragged(logits, logits.shape[1], rng).clamp(min=1e-20).to(logits)
            return (logits - torch.log(-torch.log(noise))).argmax(-1).view(vectors.shape[:-1])
        cumulative = logits.softmax(-1).cumsum(-1)
        uniform = global_batch.rand_ragged(flat, 1, rng).to(flat.device)
        drawn = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
        return drawn.clamp(max=self.vocabulary - 1).view(vectors.shape[:-1])

    @property
    def ready(self) -> bool:
        """Whether the codebook has been filled."""
        return bool(self.initialized)

    @torch.no_grad()
    def initialize(self, vectors: Float[Tensor, "N D"], rng: torch.Generator) -> None:
        """Fill the codebook with the first training vectors (in random order unless ``faithful``), once."""
        if self.ready:
            return
        held = processes.counts(vectors)
        total = sum(held)
        if total == 0:
            return
        order = torch.arange(total) if self.config.faithful else torch.randperm(total, generator=rng)
        self.codebook.copy_(self._one_per_code(vectors, held, order, rng))
        self.code_sum.copy_(self.codebook)
        self.code_count.fill_(1.0)
        self.initialized.fill_(True)

    def _one_per_code(
        self, vectors: Tensor, held: list[int], order: Int[Tensor, "N"], rng: torch.Generator
    ) -> Float[Tensor, "V D"]:
        """The vectors in ``order``, one per code; with fewer vectors than codes they repeat, with noise."""
        repeats = -(-self.vocabulary // len(order))
        places = processes.agreed(order.repeat(repeats)[: self.vocabulary].to(vectors.device))
        first = processes.take(vectors, held, places)
        if repeats > 1:
            noise = torch.randn((repeats * len(order), self.width), generator=rng)[: self.vocabulary].to(first)
            first = first + noise * (FIRST_NOISE / self.width**0.5)
        return processes.agreed(first)

    @torch.no_grad()
    def update(self, vectors: Float[Tensor, "N D"], tokens: Int[Tensor, "N"], rng: torch.Generator) -> None:
        """Move sums and counts toward the batch's, make each code their quotient, then ``reset`` dead codes."""
        if sum(processes.counts(vectors)) == 0:
            return
        count = torch.bincount(tokens, minlength=self.vocabulary).to(self.code_count)
        total = torch.zeros_like(self.code_sum).index_add_(0, tokens, vectors.to(self.code_sum))
        decay = self.config.decay
        self.code_count.mul_(decay).add_(processes.summed(count), alpha=1.0 - decay)
        self.code_sum.mul_(decay).add_(processes.summed(total), alpha=1.0 - decay)
        self.codebook.copy_(self.code_sum / self.code_count.unsqueeze(-1).clamp(min=1e-12))
        self.reset(vectors, rng)
        self.initialized.fill_(True)

    @torch.no_grad()
    def reset(self, vectors: Float[Tensor, "N D"], rng: torch.Generator) -> None:
        """Replace codes that are seldom used by vectors of the batch; see ``Config``."""
        held = processes.counts(vectors)
        total = sum(held)
        if total == 0:
            return
        if self.config.faithful:
            if total > self.config.revive_above * self.vocabulary:
                first = self._one_per_code(vectors, held, torch.arange(total), rng)
                dead = (self.code_count < 1.0).unsqueeze(-1)
                self.codebook.copy_(torch.where(dead, first.to(self.codebook), self.codebook))
            return
        # A small batch cannot use every code once, so the bound on use is lower; at VECTORS_PER_CODE vectors per code
        # it is the reference's.
        least = min(1.0, total / (VECTORS_PER_CODE * self.vocabulary))
        dead = (self.code_count < least).unsqueeze(-1)
        pick = torch.randint(total, (self.vocabulary,), generator=rng).to(vectors.device)
        drawn = processes.take(vectors, held, processes.agreed(pick)).to(self.code_sum)
        # Twice the bound gives a reset code some 70 batches to find vectors before it is moved again.
        fresh = 2.0 * least
        self.code_sum.copy_(torch.where(dead, drawn * fresh, self.code_sum))
        self.code_count.masked_fill_(dead.squeeze(-1), fresh)
        self.codebook.copy_(self.code_sum / self.code_count.unsqueeze(-1))
