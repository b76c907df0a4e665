"""MoSa's tokenizer: convolutions with attention around ten scales in time, a codebook and convolutions each (CAQ-VAE).

Liu et al. 2025 (MoSa, arXiv 2511.01200), tokenizer section. One latent vector every four frames, explained by token
maps of 3, 6, 10 ... 49 bins (multi-scale token preservation). The defaults are the published network.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from kinescale.core.errors import InputError
from kinescale.nn.seeded import seeded
from kinescale.nn.steps import valid_steps
from kinescale.pyramid import residual
from kinescale.quantizers import vq
from kinescale.tokenizers import base
from kinescale.tokenizers.base import Encoded, Reconstruction, StepLoss
from kinescale.tokenizers.mosa.networks import GROUPS, Decoder, Encoder, ScaleConvs
from kinescale.tokenizers.mosa.slots import PaddingSlots
from kinescale.tokens.layout import Scale, TokenLayout
from kinescale.tokens.token_map import TokenMap


class Config(base.FeatureConfig):
    """Sizes, rates and the two ways of treating padding.

    ``multipliers``: channels of each level over ``width``, finest first, half the frames from level to level;
    ``bins``: of each scale, coarse to fine; ``codes``: of each scale's book; ``phi_depth``: convolutions of each
    scale; ``explicit_blocks``: see ``tokenizers.base.FeatureConfig``.

    ``padding``: "slots" puts learned frames after a clip's end and codes them too, so that every clip costs as much as
    the longest (the published way); "masked" keeps the network from looking past a clip's end, so that a clip's
    tokens and decoded frames do not depend on how much padding follows, and ``layout(frames)`` is as small as the clip
    allows: bins keep their share of the capacity, in steps of ``unit`` latents.

    ``lookup``: see ``quantizers.vq``; ``learn``: see ``pyramid.residual``; ``faithful``: the reference's codebook
    revival.
    """

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"quantisation_weight": "quantization_weight"}

    width: int = Field(default=256, ge=1)
    multipliers: tuple[int, ...] = (1, 2, 1)
    blocks: int = Field(default=2, ge=0)
    code_dim: int = Field(default=512, ge=1)
    bins: tuple[int, ...] = (3, 6, 10, 15, 20, 25, 30, 36, 42, 49)
    codes: tuple[int, ...] = (256, 313, 370, 427, 484, 540, 597, 654, 711, 768)
    phi_depth: int = Field(default=2, ge=0)
    max_frames: int = Field(default=196, ge=1)
    padding: Literal["slots", "masked"] = "slots"
    slot_groups: int = Field(default=10, ge=1)
    slot_decay: float = Field(default=0.99, ge=0.0, le=1.0)
    lookup: Literal["distance", "cosine"] = "cosine"
    learn: Literal["pooled", "full"] = "full"
    commitment: float = Field(default=1.0, ge=0.0)
    quantization_weight: float = Field(default=0.02, ge=0.0)
    ema_decay: float = Field(default=0.99, ge=0.0, lt=1.0)
    assignment_temperature: float | None = Field(default=None, gt=0.0)
    faithful: bool = False

    @property
    def stride(self) -> int:
        """Frames a latent step stands for."""
        return 2 ** (len(self.multipliers) - 1)

    @property
    def capacity(self) -> int:
        """Latent steps of the longest clip."""
        return self.max_frames // self.stride

    @property
    def unit(self) -> int:
        """Latent steps in which every scale has a whole number of bins."""
        return self.capacity // math.gcd(self.capacity, *self.bins)

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        levels = len(self.multipliers)
        if not 1 <= levels <= 6 or min(self.multipliers) < 1 or self.width % GROUPS:
            raise ValueError(
                f"width {self.width} times multipliers {self.multipliers}; expected 1 to 6 levels of at least 1 times "
                f"a multiple of {GROUPS} channels"
            )
        if not self.blocks and len(set(self.multipliers)) > 1:
            raise ValueError(
                f"no blocks and multipliers {self.multipliers}; expected equal ones, as nothing widens them"
            )
        if self.max_frames % self.stride:
            raise ValueError(f"max_frames is {self.max_frames}; expected a multiple of {self.stride}")
        rising = all(a < b for a, b in zip((0, *self.bins), self.bins, strict=False))
        if not self.bins or not rising or self.bins[-1] != self.capacity:
            raise ValueError(
                f"bins are {self.bins}; expected rising numbers that end with the {self.capacity} latents of "
                f"{self.max_frames} frames"
            )
        if len(self.codes) != len(self.bins) or min(self.codes) < 2:
            raise ValueError(f"{len(self.codes)} codebooks of {self.codes} codes for {len(self.bins)} scales")
        return self


class Tokenizer(base.Tokenizer):
    """The published network, its codec, and its training objective."""

    token_kind = "codes"
    latent_parts = 1
    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        self.vocabulary = max(c.codes)
        self.latent_width = c.code_dim
        self.feature_width = c.feature_width
        self.explicit = config.explicit_columns()
        widths = [c.width * factor for factor in c.multipliers]
        self.encoder = Encoder(c.feature_width, widths, c.blocks, c.code_dim)
        self.decoder = Decoder(c.feature_width, widths, c.blocks, c.code_dim)
        books = [
            vq.Quantizer(
                vq.Config(
                    codes=codes,
                    width=c.code_dim,
                    lookup=c.lookup,
                    decay=c.ema_decay,
                    temperature=c.assignment_temperature,
                    faithful=c.faithful,
                    revive_above=0,
                )
            )
            for codes in c.codes
        ]
        settings = residual.Config(scales=len(c.bins), width=c.code_dim, hold=self.masked, learn=c.learn)
        phis = [ScaleConvs(c.code_dim, c.phi_depth) for _ in c.bins] if c.phi_depth else []
        self.pyramid = residual.ResidualPyramid(settings, books, phis)
        self.slots = None
        if not self.masked:
            self.slots = PaddingSlots(c.slot_groups, c.max_frames, c.feature_width, c.slot_decay)

    @property
    def masked(self) -> bool:
        """Whether padding is kept out rather than coded."""
        return self.config.padding != "slots"

    @property
    def vocabularies(self) -> tuple[int, ...]:
        """Codes of each scale's book."""
        return self.config.codes

    def layout(self, frames: int | None = None) -> TokenLayout:
        """The pyramid for clips of at most ``frames`` frames: always the full one with padding slots."""
        c = self.config
        if frames is not None and not c.stride <= frames <= c.max_frames:
            raise InputError(f"clips of {frames} frames; expected {c.stride} to {c.max_frames}.")
        capacity = c.capacity
        if frames is not None and self.masked:
            capacity = -(-frames // (c.stride * c.unit)) * c.unit
        scales = tuple(
            Scale(bins * capacity // c.capacity, 1, 0 if c.capacity % bins else c.capacity // bins) for bins in c.bins
        )
        return TokenLayout(scales, capacity, c.stride, "up" if self.masked else "all")

    def encode(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"]) -> Encoded:
        """Features to tokens, in the layout of ``T`` frames. Raises ``InputError`` for a batch that does not fit."""
        layout, latents = self.checked(features, lengths)
        grid = self._grid(self._filled(features, lengths, layout), lengths)
        with torch.autocast(grid.device.type, enabled=False):
            quantized = self.pyramid(grid, layout, latents)
        return Encoded(TokenMap(layout, latents, quantized.tokens), grid, quantized.total)

    def decode_latent(self, latent: Float[Tensor, "B T P D"], latents: Int[Tensor, "B"]) -> Float[Tensor, "B T2 F"]:
        """A summed latent grid to features; with padding slots, frames past a clip's length are the slot's."""
        return self.decoder(latent.squeeze(2).transpose(1, 2), latents if self.masked else None).transpose(1, 2)

    def training_loss(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], rng: torch.Generator
    ) -> StepLoss:
        """Smooth-L1 over coded frames, extra on ``explicit_blocks``, and quantization; MoSa notes, section 2.3.

        In ``train()`` mode slots are drawn and moved and codebooks are updated; in ``eval()`` mode neither.
        """
        layout, latents = self.checked(features, lengths)
        group = 0
        if self.training and self.slots is not None:
            group = int(torch.randint(self.config.slot_groups, (), generator=rng))
            self.slots.follow(features, lengths, rng)
        target = self._filled(features, lengths, layout, group)
        with seeded(rng, features.device, self.training):
            grid = self._grid(target, lengths)
            with torch.autocast(grid.device.type, enabled=False):
                grid = grid.float()
                quantized = self.pyramid(grid, layout, latents, rng if self.training else None)
            decoded = self.decode_latent(quantized.total.detach() + (grid - grid.detach()), latents).float()
        inside = valid_steps(lengths, target.shape[1]) if self.masked else None
        everything = _smooth_l1(decoded, target, inside)
        quantization = self._quantization(grid, quantized.sums, layout, latents)
        loss = everything + self.config.quantization_weight * quantization
        logs = {"reconstruction": float(everything.detach()), "quantization": float(quantization.detach())}
        part = self.explicit
        if part is not None:
            explicit = _smooth_l1(decoded[..., part], target[..., part], inside)
            loss = loss + self.config.explicit_weight * explicit
            logs["explicit"] = float(explicit.detach())
        if self.training:
            self.pyramid.observe(quantized, rng)
        made = Reconstruction(decoded, target, lengths)
        return StepLoss(loss, {"loss": float(loss.detach()), **logs, **self._usage(quantized)}, made)

    def _quantization(self, grid: Tensor, sums: tuple[Tensor, ...], layout: TokenLayout, latents: Tensor) -> Tensor:
        """Mean over scales of the pulls of the encoder towards each partial sum and of the sum towards the encoder."""
        inside = residual.filled(layout, latents)[:, :, None, None].to(grid.dtype)
        still = grid.detach()
        total = grid.new_zeros(())
        for partial in sums:
            total = total + self.config.commitment * ((grid - partial.detach()) * inside).square().sum()
            total = total + ((partial - still) * inside).square().sum()
        return total / (len(sums) * inside.sum() * grid.shape[3])

    def _usage(self, quantized: residual.Quantized) -> dict[str, float]:
        """Share of codes used and perplexity, as means over the scales, from the tokens of this batch."""
        rows = [row[row >= 0] for row in quantized.tokens]
        books = list(zip(rows, self.vocabularies, strict=True))
        perplexity = sum(float(vq.perplexity(row, codes)) for row, codes in books) / len(books)
        used = sum(float(vq.usage(row, codes)) for row, codes in books) / len(books)
        return {"perplexity": perplexity, "usage": used}

    def empty(self, layout: TokenLayout, batch: int) -> Float[Tensor, "B T P D"]:
        """F before any scale: zeros."""
        weight = self.decoder.enter.weight
        return torch.zeros(batch, layout.capacity, 1, self.latent_width, device=weight.device)

    def contribution(
        self, tokens: Int[Tensor, "B bins groups"], scale: int, layout: TokenLayout
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
        """F pooled to the bins of ``scale``, the same whatever ``latents``: past a clip's tokens F is zero or coded."""
        return residual.down(running, layout.scales[scale].bins)

    def quantize_scale(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latents: Int[Tensor, "B"]
    ) -> Int[Tensor, "B bins groups"]:
        """Best codes of what is left at one scale."""
        return self.pyramid.quantize_scale(residual, scale, layout, latents)

    def _filled(self, features: Tensor, lengths: Tensor, layout: TokenLayout, group: int = 0) -> Tensor:
        """The clips at the layout's length: slots or zeros after their ends."""
        if self.slots is not None:
            return self.slots.fill(features, lengths, group)
        return functional.pad(features, (0, 0, 0, layout.max_frames - features.shape[1]))

    def _grid(self, features: Tensor, lengths: Tensor) -> Tensor:
        grid = self.encoder(features.transpose(1, 2), lengths if self.masked else None)
        return grid.transpose(1, 2).unsqueeze(2)


def _smooth_l1(guess: Tensor, target: Tensor, inside: Tensor | None) -> Tensor:
    """Mean over the frames ``inside`` (None: all)."""
    if inside is None:
        return functional.smooth_l1_loss(guess, target)
    each = functional.smooth_l1_loss(guess, target, reduction="none") * inside[:, :, None]
    return each.sum() / (inside.sum() * guess.shape[-1])
