"""MoMask's generator: masked transformer for the first codebook, residual transformer for the others, length estimator.

Guo et al. 2024 (MoMask, arXiv 2312.00063), sections 3.2 to 3.4: the field's baseline, for comparison. The defaults are
the published networks. They share no weight, so they are trained together here: three losses, added.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.generators import base
from kinescale.generators.base import StepLoss
from kinescale.generators.base.length import LengthEstimator, pooled
from kinescale.generators.base.masking import Masking, mask_tokens
from kinescale.generators.base.text import fitted_text
from kinescale.generators.momask.networks import MaskedTransformer, ResidualTransformer, Trunk
from kinescale.nn import global_batch
from kinescale.nn.seeded import seeded
from kinescale.nn.steps import valid_steps
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures

SAMPLER = "masked"


class Config(Record):
    """Sizes and rates; ``vocabulary``, ``code_dim``, ``bins``, ``groups`` and ``capacity`` are the tokenizer's.

    All scales must be of one size: each refines the one before it in place. ``masked_share`` and ``random_share`` of
    the scored positions are hidden or replaced; ``text_dropout`` and ``residual_text_dropout``: how often a sentence is
    left out. The pooled sentence is the mean of its token features. ``estimates_length``: whether the length estimator
    has learned anything, which published weights without its file have not.
    """

    vocabulary: int = Field(default=512, ge=2)
    code_dim: int = Field(default=512, ge=1)
    bins: tuple[int, ...] = (49,) * 6
    groups: tuple[int, ...] = (1,) * 6
    capacity: int = Field(default=49, ge=1)
    text_width: int = Field(default=512, ge=1)
    width: int = Field(default=384, ge=2)
    heads: int = Field(default=6, ge=1)
    feed_forward: int = Field(default=1024, ge=1)
    layers: int = Field(default=8, ge=1)
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    masked_share: float = Field(default=0.88, ge=0.0, le=1.0)
    random_share: float = Field(default=0.10, ge=0.0, le=1.0)
    text_dropout: float = Field(default=0.1, ge=0.0, le=1.0)
    residual_text_dropout: float = Field(default=0.2, ge=0.0, le=1.0)
    estimates_length: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if len(set(zip(self.bins, self.groups, strict=True))) != 1:
            raise ValueError(
                f"the tokenizer's scales have {self.bins} bins and {self.groups} groups; MoMask's generator refines in "
                "place and takes a tokenizer whose scales are all of one size, such as momask"
            )
        if self.width % self.heads or self.width % 2:
            raise ValueError(f"width {self.width} over {self.heads} heads; expected an even, whole width a head")
        if self.masked_share + self.random_share > 1.0:
            raise ValueError("masked_share and random_share add to more than 1; lower one")
        return self


@dataclass(frozen=True, eq=False)
class State:
    """Sampling state: the pooled sentences, and the valid positions of each clip."""

    sentence: Tensor
    valid: Tensor


class Generator(base.MaskedGenerator):
    """The networks; ``begin``, ``rounds`` and ``logits`` are what the sampler uses."""

    token_kind = "codes"
    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        self.masked = MaskedTransformer(c.vocabulary, c.code_dim, c.text_width, self._trunk())
        self.residual = ResidualTransformer(c.vocabulary, len(c.bins), c.code_dim, c.text_width, self._trunk())
        self.length = LengthEstimator(c.text_width, c.capacity + 1)
        self._initialize()

    def _trunk(self) -> Trunk:
        c = self.config
        return Trunk(c.code_dim, c.width, c.heads, c.feed_forward, c.layers, c.dropout)

    @torch.no_grad()
    def _initialize(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.residual.tables, std=0.02)

    def sentence(self, text: TextFeatures) -> Float[Tensor, "B W"]:
        """The mean of each sentence's token features. Raises ``InputError`` for text of another width."""
        return pooled(fitted_text(text, self.config.text_width, self.residual.tables.device))

    def unconditional(self, text: TextFeatures) -> TextFeatures:
        """Zeros: the condition is then the bias alone."""
        return TextFeatures(torch.zeros_like(text.tokens), text.mask)

    def rounds(self, layout: TokenLayout) -> tuple[tuple[int, ...], ...]:
        """One round per codebook."""
        return tuple((scale,) for scale in range(len(layout.scales)))

    def begin(self, text: TextFeatures, layout: TokenLayout, latent_lengths: Int[Tensor, "B"]) -> State:
        """The sampling state before the coarsest scale."""
        self._check(layout)
        sentence = self.sentence(text)
        return State(sentence, layout.valid(latent_lengths.to(sentence.device), 0).flatten(1))

    def logits(
        self, state: State, scales: tuple[int, ...], tokens: tuple[Int[Tensor, "B bins groups"], ...]
    ) -> tuple[tuple[Float[Tensor, "B bins groups V"], ...], State]:
        """Logits of one codebook, given its own known tokens (the first) or those of the codebooks before it."""
        made = []
        for scale in scales:
            if scale == 0:
                flat = self.masked(tokens[0].flatten(1), state.sentence, state.valid)
            else:
                # The last logit, padding's, is left out: the clip's end is given, not sampled.
                flat = self.residual_logits(torch.stack([row.flatten(1) for row in tokens], -1), scale, state)
                flat = flat[..., : self.config.vocabulary]
            made.append(flat.unflatten(1, tuple(tokens[scale].shape[1:])))
        return tuple(made), state

    def residual_logits(self, tokens: Int[Tensor, "B L Q"], book: int, state: State) -> Float[Tensor, "B L V1"]:
        """Logits of one further codebook, that of padding last."""
        books = torch.full((len(tokens),), book, device=tokens.device)
        return self.residual(tokens, books, state.sentence, state.valid)

    def length_logits(self, text: TextFeatures) -> Float[Tensor, "B classes"]:
        """Logits of the motion's length: class c is c latent steps."""
        return self.length(self.sentence(text))

    def training_loss(
        self,
        codec: Codec,
        latent: Float[Tensor, "B T P D"],
        lengths: Int[Tensor, "B"],
        text: TextFeatures,
        rng: torch.Generator,
    ) -> StepLoss:
        """Cross-entropy of the masked first codes, of one further codebook per clip, and of the length class."""
        layout = codec.layout(latent.shape[1] * codec.layout().stride)
        self._check(layout)
        latents = layout.latents(lengths).to(latent.device)
        tokens = self._tokens(codec, latent, layout, latents)
        valid = valid_steps(latents, layout.capacity)[..., None].expand(-1, -1, layout.scales[0].groups).flatten(1)
        sentence = self.sentence(text)
        c = self.config
        with seeded(rng, latent.device, self.training):
            rates = Masking(c.vocabulary, c.masked_share, c.random_share, token_noise=0.0)
            shown, chosen = mask_tokens(tokens[..., 0], valid, rates, rng)
            first = self.masked(shown, self._dropped(sentence, c.text_dropout, rng), valid)[chosen]
            base_loss = global_batch.cross_entropy(first.float(), tokens[..., 0][chosen])
            accuracy = global_batch.mean((first.argmax(-1) == tokens[..., 0][chosen]).float())
            loss, logs = base_loss, {"masked": float(base_loss.detach()), "accuracy": float(accuracy)}
            if len(layout.scales) > 1:
                book = self._books(len(tokens), rng).to(latent.device)
                spoken = self._dropped(sentence, c.residual_text_dropout, rng)
                further = self.residual(tokens, book, spoken, valid)[valid]
                wanted = tokens.gather(2, book[:, None, None].expand(-1, tokens.shape[1], 1))[..., 0][valid]
                residual_loss = global_batch.cross_entropy(further.float(), wanted)
                loss = loss + residual_loss
                logs["residual"] = float(residual_loss.detach())
            length_loss = global_batch.cross_entropy(self.length(sentence).float(), latents)
            loss = loss + length_loss
            logs["length"] = float(length_loss.detach())
        return StepLoss(loss, {"loss": float(loss.detach()), **logs})

    def _tokens(self, codec: Codec, latent: Tensor, layout: TokenLayout, latents: Tensor) -> Int[Tensor, "B L Q"]:
        """The codes of all codebooks, ``PADDING`` past each clip's end."""
        residual, rows = latent, []
        for scale in range(len(layout.scales)):
            row = codec.quantize_scale(residual, scale, layout, latents)
            residual = residual - codec.contribution(row, scale, layout)
            rows.append(row.flatten(1))
        return torch.stack(rows, dim=-1)

    def _books(self, batch: int, rng: torch.Generator) -> Int[Tensor, "B"]:
        """The further codebook that each clip is trained on: low ones more often, by a cosine schedule."""
        share = 1.0 - torch.cos(math.pi / 2 * global_batch.rand((batch,), rng))
        return 1 + (share * (len(self.config.bins) - 2)).round().long()

    def _dropped(self, sentence: Tensor, rate: float, rng: torch.Generator) -> Tensor:
        if not self.training:
            return sentence
        kept = global_batch.rand((len(sentence),), rng) >= rate
        return sentence * kept[:, None].to(sentence)

    def _check(self, layout: TokenLayout) -> None:
        sizes = {(scale.bins, scale.groups) for scale in layout.scales}
        if len(layout.scales) != len(self.config.bins) or len(sizes) != 1 or layout.capacity > self.config.capacity:
            raise InputError(
                f"a layout of {[scale.bins for scale in layout.scales]} bins; this generator takes "
                f"{len(self.config.bins)} rows alike, of at most {self.config.capacity} bins."
            )
