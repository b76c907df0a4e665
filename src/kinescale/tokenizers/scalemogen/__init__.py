"""ScaleMoGen's tokenizer: a skeleton-graph auto-encoder around a pyramid over time and body parts of sign bits.

ScaleMoGen (arXiv 2605.11704), section 2 of its method notes. A latent every four frames for each of seven body parts,
projected to 24 channels of which the signs are kept, coarse to fine. The defaults are the published HumanML3D network.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from kinescale.core.errors import ConfigError, InputError
from kinescale.core.records import Record
from kinescale.nn.seeded import seeded
from kinescale.nn.skeleton_graph import zero_steps
from kinescale.nn.steps import valid_steps
from kinescale.quantizers import bsq, vq
from kinescale.tokenizers import base
from kinescale.tokenizers.base import Encoded, Reconstruction, StepLoss
from kinescale.tokenizers.scalemogen.bodies import (
    BODIES,
    LATENT_PARTS,
    LATENT_ROLES,
    Body,
    Columns,
    check_columns,
    check_parts,
    columns_of,
)
from kinescale.tokenizers.scalemogen.codebooks import build_quantizer
from kinescale.tokenizers.scalemogen.network import LEVELS, Decoder, Encoder
from kinescale.tokenizers.scalemogen.pyramid import SkeletalPyramid
from kinescale.tokenizers.scalemogen.schedules import Schedule, quantized, schedule
from kinescale.tokens.layout import Scale, TokenLayout
from kinescale.tokens.token_map import TokenMap

COMMITMENT = 4.0
"""Factor of the quantizer's mean loss, beside ``commitment_weight``."""


class Config(Record):
    """Sizes, rates, the body and its scales.

    ``body``: skeleton whose part list is used; ``columns``: which features belong to which joint (None: the layout
    of ``humanml3d`` or of ``rotations`` and ``snapmogen``, whichever has that width); ``schedule``: a published list by
    id over the seven ``factors`` (latents a bin, coarse to fine), or a list of (factor, groups of the seven parts) that
    ends with single parts at factor 1; ``blocks``: residual convolutions a level; ``scale_dropout``: how often each
    scale but the last is left out in training; ``root_weight`` and ``velocity_weight``: extra weight in the loss.

    ``quantizer``: "bsq", the published signs of ``bits`` channels; or codes, which the paper does not have, of vectors
    ``code_dim`` wide: "vq", a book of ``codes`` that all scales share, or "fsq" with ``levels``.

    ``faithful``: as the reference - nothing is masked in the networks, bins are spread over the whole capacity, the
    layout is always the full one, and the graph of snapmogen24 lacks an edge. Otherwise a clip's tokens and decoded
    frames do not depend on what follows it, and ``layout(frames)`` is as small as the clip.
    """

    feature_width: int = Field(default=263, ge=1)
    body: str = "humanml22"
    columns: Columns | None = None
    width: int = Field(default=384, ge=1)
    bits: int = Field(default=24, ge=1, le=64)
    quantizer: Literal["bsq", "vq", "fsq"] = "bsq"
    codes: int = Field(default=512, ge=2)
    levels: tuple[int, ...] = (8, 5, 5, 5)
    code_dim: int = Field(default=64, ge=1)
    ema_decay: float = Field(default=0.99, ge=0.0, lt=1.0)
    blocks: int = Field(default=2, ge=1)
    max_frames: int = Field(default=196, ge=4)
    factors: tuple[int, ...] = (49, 24, 16, 7, 4, 2, 1)
    schedule: int | Schedule = 5
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    scale_dropout: float = Field(default=0.5, ge=0.0, lt=1.0)
    root_weight: float = Field(default=0.5, ge=0.0)
    velocity_weight: float = Field(default=0.5, ge=0.0)
    commitment_weight: float = Field(default=1.0, ge=0.0)
    faithful: bool = False

    @property
    def stride(self) -> int:
        """Frames a latent step stands for."""
        return 2**LEVELS

    @property
    def capacity(self) -> int:
        """Latent steps of the longest clip."""
        return self.max_frames // self.stride

    @property
    def features(self) -> Columns:
        """Which features belong to which joint."""
        return columns_of(BODIES[self.body], self.feature_width) if self.columns is None else self.columns

    @property
    def scales(self) -> Schedule:
        """(Factor, groups) of each scale; those of a published list as the reference quantizes it."""
        if isinstance(self.schedule, int):
            return quantized(schedule(self.schedule, self.factors))
        return self.schedule

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if self.body not in BODIES:
            raise ValueError(f"body is '{self.body}'; expected one of {', '.join(BODIES)}")
        if self.max_frames % self.stride:
            raise ValueError(f"max_frames is {self.max_frames}; expected a multiple of {self.stride}")
        factors = [factor for factor, _ in self.scales]
        falling = all(a >= b for a, b in pairwise(factors))
        if not factors or not falling or factors[-1] != 1 or factors[0] > self.capacity:
            raise ValueError(f"factors are {factors}; expected numbers from {self.capacity} down to 1 that never rise")
        if not all(check_parts(groups, len(LATENT_PARTS)) for _, groups in self.scales):
            raise ValueError("a scale of the schedule does not hold each of the seven parts once")
        if len(self.scales[-1][1]) != len(LATENT_PARTS):
            raise ValueError("the last scale of the schedule groups parts; expected the seven single ones")
        try:
            check_columns(self.features, BODIES[self.body].joints, self.feature_width)
        except ConfigError as problem:
            raise ValueError(str(problem)) from None
        return self


class Tokenizer(base.Tokenizer):
    """The published network, its codec, and its training objective; tokens are bits or, with a book, codes."""

    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        self.token_kind = "bits" if c.quantizer == "bsq" else "codes"
        self.latent_width = c.bits if c.quantizer == "bsq" else c.code_dim
        self.latent_parts = len(LATENT_PARTS)
        self.feature_width = c.feature_width
        self.body: Body = BODIES[c.body]
        sizes = (self.body, c.features, c.width, c.blocks, c.dropout, c.faithful)
        self.encoder = Encoder(*sizes)
        self.decoder = Decoder(*sizes)
        self.project_in = nn.Linear(c.width, self.latent_width)
        self.project_out = nn.Linear(self.latent_width, c.width)
        quantizer = build_quantizer(c.quantizer, c.bits, c.codes, c.levels, c.code_dim, c.ema_decay)
        self.vocabulary = quantizer.vocabulary
        self.pyramid = SkeletalPyramid(quantizer, self.latent_parts, c.faithful, len(c.scales))

    @property
    def latent_roles(self) -> tuple[frozenset[str], ...]:
        """Those that give the seven latents their names."""
        return LATENT_ROLES

    def layout(self, frames: int | None = None) -> TokenLayout:
        """The pyramid for clips of at most ``frames`` frames: always the full one if ``faithful``."""
        c = self.config
        capacity = c.capacity
        if frames is not None and not c.stride <= frames <= c.max_frames:
            raise InputError(f"clips of {frames} frames; expected {c.stride} to {c.max_frames}.")
        if frames is not None and not c.faithful:
            capacity = -(-frames // c.stride)
        scales = tuple(
            Scale(capacity // factor if c.faithful else -(-capacity // factor), len(groups), factor, groups)
            for factor, groups in c.scales
        )
        return TokenLayout(scales, capacity, c.stride, "up", partly=True)

    def encode(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"]) -> Encoded:
        """Features to tokens, in the layout of ``T`` frames. Raises ``InputError`` for a batch that does not fit."""
        layout, latents = self.checked(features, lengths)
        grid = self._grid(features, lengths, layout)
        with torch.autocast(grid.device.type, enabled=False):
            quantized = self.pyramid(grid.float(), layout, latents, (False,) * len(layout.scales))
        return Encoded(TokenMap(layout, latents, quantized.tokens), grid, quantized.total)

    def decode_latent(self, latent: Float[Tensor, "B T P D"], latents: Int[Tensor, "B"]) -> Float[Tensor, "B T2 F"]:
        """A summed grid to features; the projected grid is zeroed past each clip's ``latents``.

        (The reference zeroes a last latent that is filled in part, too; its lengths are multiples of four.)
        """
        inside = valid_steps(latents, latent.shape[1])
        return self.decoder(zero_steps(self.project_out(latent), inside), latents)

    def training_loss(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], rng: torch.Generator
    ) -> StepLoss:
        """Smooth-L1 over filled frames, extra on root and velocities, and the quantizer's; method notes, section 2.3.

        In ``train()`` mode scales but the last are left out at random, and a codebook learns.
        """
        c = self.config
        layout, latents = self.checked(features, lengths)
        chance = torch.rand(len(layout.scales) - 1, generator=rng)
        dropped = (*(chance < (c.scale_dropout if self.training else 0.0)).tolist(), False)
        with seeded(rng, features.device, self.training):
            grid = self._grid(features, lengths, layout)
            with torch.autocast(grid.device.type, enabled=False):
                if self.training:
                    self.pyramid.begin(grid.float(), layout, latents, rng)
                quantized = self.pyramid(grid.float(), layout, latents, dropped)
            decoded = self.decode_latent(quantized.total, latents)
        inside = valid_steps(lengths, features.shape[1])
        target = features * inside[:, :, None]
        guess = decoded[:, : features.shape[1]].float() * inside[:, :, None]
        error = functional.smooth_l1_loss(guess, target, reduction="none").sum((0, 1)) / inside.sum()
        everything = error.mean()
        commitment = COMMITMENT * torch.stack(quantized.losses).mean()
        root, velocity = self._extra(error)
        loss = everything + root + velocity + c.commitment_weight * commitment
        fine = quantized.tokens[-1][layout.valid(latents, len(layout.scales) - 1)]
        logs = {"loss": loss, "reconstruction": everything, "commitment": commitment}
        if self.token_kind == "bits":
            logs["balance"] = bsq.balance(fine)
        else:
            codes = torch.cat([row[row >= 0] for row in quantized.tokens])
            logs["perplexity"] = vq.perplexity(codes, self.vocabulary)
            logs["usage"] = vq.usage(codes, self.vocabulary)
        if self.training:
            self.pyramid.observe(quantized, rng)
        made = Reconstruction(guess, target, lengths)
        return StepLoss(loss, {name: float(value.detach()) for name, value in logs.items()}, made)

    def _extra(self, error: Float[Tensor, "F"]) -> tuple[Tensor, Tensor]:
        """The weighted mean errors of the root's features and of the velocities."""
        c = self.config
        starts = c.features.starts(self.body.joints)
        root, velocity = error[: c.features.root], error[starts[-2] : starts[-1]]
        return c.root_weight * root.sum() / max(1, len(root)), c.velocity_weight * velocity.mean()

    def empty(self, layout: TokenLayout, batch: int) -> Float[Tensor, "B T P D"]:
        """F before any scale: zeros."""
        device = self.project_in.weight.device
        return torch.zeros(batch, layout.capacity, self.latent_parts, self.latent_width, device=device)

    def contribution(
        self, tokens: Int[Tensor, "B bins groups ..."], scale: int, layout: TokenLayout
    ) -> Float[Tensor, "B T P D"]:
        """What one scale's tokens add to F."""
        return self.pyramid.contribution(tokens, scale, layout)

    def scale_input(
        self,
        running: Float[Tensor, "B T P D"],
        scale: int,
        layout: TokenLayout,
        latents: Int[Tensor, "B"] | None = None,
    ) -> Float[Tensor, "B bins groups D"]:
        """F brought to the bins and groups of ``scale``."""
        return self.pyramid.scale_input(running, scale, layout, latents)

    def quantize_scale(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latents: Int[Tensor, "B"]
    ) -> Int[Tensor, "B bins groups ..."]:
        """Tokens of what is left at one scale."""
        return self.pyramid.quantize_scale(residual, scale, layout, latents)

    def _grid(self, features: Tensor, lengths: Tensor, layout: TokenLayout) -> Tensor:
        padded = functional.pad(features, (0, 0, 0, layout.max_frames - features.shape[1]))
        grid = self.project_in(self.encoder(padded, lengths))
        return grid if self.config.faithful else zero_steps(grid, valid_steps(layout.touched(lengths), grid.shape[1]))
