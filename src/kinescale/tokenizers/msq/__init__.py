"""MSQ's tokenizer: an encoder for each part of the body at three granularities, several lengths in time, one decoder.

Wang et al. 2025 (MSQ, arXiv 2508.08991). Only the abstract and the opening of the paper could be read: parts at
several granularities with encoders of their own, interpolated in time before they are quantized, are the paper's;
every size, the partition, the lengths, the quantizer and the loss are a reconstruction (``docs/msq.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from kinescale.core.errors import InputError
from kinescale.nn.conv_stack import ResidualConvStack
from kinescale.nn.seeded import seeded
from kinescale.nn.steps import valid_steps, zero_after
from kinescale.quantizers import fsq, vq
from kinescale.quantizers.base import Quantizer
from kinescale.tokenizers import base
from kinescale.tokenizers.base import Encoded, Reconstruction, StepLoss
from kinescale.tokenizers.msq.augment import Mixed, kept_scales, mix_parts
from kinescale.tokenizers.msq.parts import (
    GRANULARITIES,
    Preset,
    Stage,
    build_feature,
    part_columns,
    stages_of,
    stream_columns,
    stream_roles,
)
from kinescale.tokenizers.msq.pyramid import PartPyramid, Spread
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import TokenMap


class Config(base.FeatureConfig):
    """Sizes, rates, and the choices that the paper's readable part leaves open.

    ``feature`` and ``feature_config``, filled in for a run: whose blocks and skeleton say which column belongs to
    which part; ``explicit_blocks``: see ``tokenizers.base.FeatureConfig``; ``preset``: "pyramid", "grid" or "limbs"
    (``parts.PRESETS``); ``residual``: a scale codes what its streams' coarser scales left (else each scale codes the
    whole, and their mean is decoded); ``quantizer`` with ``levels`` (fsq) or ``codes`` (vq); ``share_scales``: one
    quantizer per stream for all its scales.

    ``widths`` and ``code_dims``: of body, halves and limbs; ``spread``: interpolation from bins to latents; ``blend``:
    share of a convolution in what a scale adds; ``velocity_weight``: of frame differences. ``drop_finer``,
    ``drop_granularity``, ``cross_mix``: rates of what ``augment`` does in training.
    """

    feature: str = "humanml3d"
    feature_config: dict[str, Any] = Field(default_factory=dict)
    preset: Preset = "pyramid"
    residual: bool = True
    quantizer: Literal["fsq", "vq"] = "fsq"
    levels: tuple[int, ...] = (8, 5, 5, 5)
    codes: int = Field(default=512, ge=2)
    share_scales: bool = False
    widths: tuple[int, int, int] = (256, 192, 128)
    code_dims: tuple[int, int, int] = (512, 256, 128)
    decoder_width: int = Field(default=512, ge=1)
    downs: int = Field(default=2, ge=1, le=6)
    blocks: int = Field(default=3, ge=1)
    dilation_growth: int = Field(default=3, ge=1)
    max_frames: int = Field(default=196, ge=1)
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    spread: Spread = "linear"
    blend: float = Field(default=0.0, ge=0.0, le=1.0)
    commitment_weight: float = Field(default=0.02, ge=0.0)
    velocity_weight: float = Field(default=0.0, ge=0.0)
    drop_finer: float = Field(default=0.2, ge=0.0, le=1.0)
    drop_granularity: float = Field(default=0.1, ge=0.0, le=1.0)
    cross_mix: float = Field(default=0.0, ge=0.0, le=1.0)
    ema_decay: float = Field(default=0.99, ge=0.0, lt=1.0)
    lookup: Literal["distance", "cosine"] = "distance"

    @property
    def stride(self) -> int:
        """Frames a latent step stands for."""
        return 2**self.downs

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if min(self.widths) < 1 or min(self.code_dims) < 1:
            raise ValueError(f"widths are {self.widths} and code_dims {self.code_dims}; expected 1 or more each")
        if self.max_frames % self.stride:
            raise ValueError(f"max_frames is {self.max_frames}; expected a multiple of {self.stride}")
        feature = build_feature(self.feature, self.feature_config)
        if feature.width != self.feature_width:
            raise ValueError(
                f"feature '{self.feature}' is {feature.width} wide, feature_width is {self.feature_width}; "
                "name the feature that is fed, with its settings in feature_config"
            )
        return self


class Encoder(nn.Module):
    """[B, columns, T] of one stream to [B, d, T / stride]; zero past each clip's length at every level."""

    def __init__(self, columns: int, width: int, code_dim: int, config: Config):
        super().__init__()
        levels = range(config.downs)
        self.enter = nn.Conv1d(columns, width, 3, padding=1)
        self.narrow = nn.ModuleList(nn.Conv1d(width, width, 4, stride=2, padding=1) for _ in levels)
        self.stacks = nn.ModuleList(_stack(width, config) for _ in levels)
        self.leave = nn.Conv1d(width, code_dim, 3, padding=1)

    def forward(self, x: Float[Tensor, "B c T"], lengths: Int[Tensor, "B"]) -> Float[Tensor, "B d T2"]:
        """Latents of clips of ``lengths`` frames."""
        kept = valid_steps(lengths, x.shape[2])
        x = zero_after(functional.relu(self.enter(zero_after(x, kept))), kept)
        for narrow, stack in zip(self.narrow, self.stacks, strict=True):
            lengths = torch.div(lengths, 2, rounding_mode="floor")
            x = narrow(x)
            kept = valid_steps(lengths, x.shape[2])
            x = stack(zero_after(x, kept), kept)
        return zero_after(self.leave(x), kept)


class Decoder(nn.Module):
    """The streams of every granularity merged, summed, and brought back to all features: one network for all parts."""

    def __init__(self, sources: Sequence[int], config: Config):
        super().__init__()
        width, levels = config.decoder_width, range(config.downs)
        self.merge = nn.ModuleList(nn.Conv1d(source, width, 1) for source in sources)
        self.enter = nn.Conv1d(width, width, 3, padding=1)
        self.stacks = nn.ModuleList(_stack(width, config) for _ in levels)
        self.widen = nn.ModuleList(nn.Conv1d(width, width, 3, padding=1) for _ in levels)
        self.gather = nn.Conv1d(width, width, 3, padding=1)
        self.leave = nn.Conv1d(width, config.feature_width, 3, padding=1)

    def forward(self, sources: Sequence[Tensor], latents: Int[Tensor, "B"]) -> Float[Tensor, "B F T"]:
        """Features of clips of ``latents`` steps from a [B, streams * d, T'] for each granularity."""
        kept = valid_steps(latents, sources[0].shape[2])
        merged = [merge(zero_after(source, kept)) for merge, source in zip(self.merge, sources, strict=True)]
        x = zero_after(torch.stack(merged).sum(0), kept)
        x = zero_after(functional.relu(self.enter(x)), kept)
        for stack, widen in zip(self.stacks, self.widen, strict=True):
            x = stack(x, kept).repeat_interleave(2, dim=2)
            latents = latents * 2
            kept = valid_steps(latents, x.shape[2])
            x = zero_after(widen(x), kept)
        return self.leave(zero_after(functional.relu(self.gather(x)), kept))


def _stack(width: int, config: Config) -> ResidualConvStack:
    return ResidualConvStack(width, config.blocks, config.dilation_growth, config.dropout)


class Tokenizer(base.Tokenizer):
    """The networks, their codec, and the training objective. ``stages`` are its scales, ``columns`` those of a part.

    A latent grid holds one part a stream (with ``residual`` off one a stream and scale), the narrower ones filled up
    with zero channels.
    """

    token_kind = "codes"
    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        self.feature_width = c.feature_width
        self.explicit = config.explicit_columns()
        self.stages: tuple[Stage, ...] = stages_of(c.preset, c.residual)
        self.columns = part_columns(build_feature(c.feature, c.feature_config))
        self.granularities = tuple(sorted({stage.granularity for stage in self.stages}))
        self._inputs = tuple(
            tuple(torch.tensor(columns, device="cpu") for columns in stream_columns(self.columns, granularity))
            for granularity in self.granularities
        )
        self.encoders = nn.ModuleList(
            nn.ModuleList(Encoder(len(columns), c.widths[kind], c.code_dims[kind], c) for columns in streams)
            for kind, streams in zip(self.granularities, self._inputs, strict=True)
        )
        self.pyramid = PartPyramid(
            self.stages, c.code_dims, self._book, share=c.share_scales, spread=c.spread, blend=c.blend
        )
        self.decoder = Decoder([len(GRANULARITIES[k]) * c.code_dims[k] for k in self.granularities], c)
        self.vocabulary = self.pyramid.book(0, 0).vocabulary
        self.latent_parts, self.latent_width = self.pyramid.parts, self.pyramid.width
        for module in [*self.encoders.modules(), *self.decoder.modules()]:
            if isinstance(module, nn.Conv1d):
                nn.init.xavier_normal_(module.weight)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def _book(self, width: int) -> Quantizer:
        c = self.config
        makers = {
            "fsq": lambda: fsq.Quantizer(fsq.Config(levels=c.levels, width=width)),
            "vq": lambda: vq.Quantizer(
                vq.Config(codes=c.codes, width=width, decay=c.ema_decay, temperature=None, lookup=c.lookup)
            ),
        }
        return makers[c.quantizer]()

    @property
    def latent_roles(self) -> tuple[frozenset[str], ...]:
        """Those of the streams."""
        return stream_roles(self.stages)

    def layout(self, frames: int | None = None) -> TokenLayout:
        """The pyramid for clips of at most ``frames`` frames, as small as they allow."""
        c = self.config
        if frames is not None and not c.stride <= frames <= c.max_frames:
            raise InputError(f"clips of {frames} frames; expected {c.stride} to {c.max_frames}.")
        return self.pyramid.layout(-(-(frames or c.max_frames) // c.stride), c.stride)

    def encode(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"]) -> Encoded:
        """Features to tokens, in the layout of ``T`` frames. Raises ``InputError`` for a batch that does not fit."""
        layout, latents = self.checked(features, lengths)
        grid = self._grid(features, lengths, layout)
        with torch.autocast(grid.device.type, enabled=False):
            quantized = self.pyramid(grid.float(), layout, latents)
            total = self.pyramid.total(quantized, grid)
        return Encoded(TokenMap(layout, latents, quantized.tokens), grid, total)

    def decode_latent(self, latent: Float[Tensor, "B T P D"], latents: Int[Tensor, "B"]) -> Float[Tensor, "B T2 F"]:
        """A summed latent grid to features; what stands past a clip's length is not read."""
        sources = []
        for kind in self.granularities:
            scales = [k for k, stage in enumerate(self.stages) if stage.granularity == kind]
            members = {self.stages[k].members: k for k in scales}
            parts = torch.stack([self.pyramid.streams(latent, k) for k in members.values()]).mean(0)
            sources.append(parts.flatten(2).transpose(1, 2))
        return self.decoder(sources, latents).transpose(1, 2)

    def training_loss(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], rng: torch.Generator
    ) -> StepLoss:
        """Smooth-L1 over filled frames, extra on ``explicit_blocks`` and on frame differences, and (vq) commitment.

        In ``train()`` mode scales are left out at random and codebooks learn; in ``eval()`` mode neither.
        """
        c = self.config
        layout, latents = self.checked(features, lengths)
        features = functional.pad(features, (0, 0, 0, layout.max_frames - features.shape[1]))
        with seeded(rng, features.device, self.training):
            grid = self._grid(features, lengths, layout)
            with torch.autocast(grid.device.type, enabled=False):
                grid = grid.float()
                quantized = self.pyramid(grid, layout, latents, rng if self.training else None)
                kept = None
                if self.training:
                    kept = kept_scales(len(grid), self.stages, c.drop_finer, c.drop_granularity, rng).to(grid.device)
                made = Mixed(self.pyramid.total(quantized, grid, kept), features, latents)
                if self.training and c.cross_mix:
                    made = mix_parts(made.latent, features, latents, self.stages, self.columns, c.cross_mix, rng)
            decoded = self.decode_latent(made.latent, made.latents)
        loss, logs = self._reconstruction(decoded.float(), made)
        if isinstance(self.pyramid.book(0, 0), vq.Quantizer):
            loss = loss + c.commitment_weight * quantized.commitment
            logs["commitment"] = float(quantized.commitment.detach())
        if self.training:
            self.pyramid.observe(quantized, rng)
        shown = Reconstruction(decoded.float(), made.target, made.latents * layout.stride)
        return StepLoss(loss, {"loss": float(loss.detach()), **logs, **self._usage(quantized.seen)}, shown)

    def _reconstruction(self, decoded: Tensor, made: Mixed) -> tuple[Tensor, dict[str, float]]:
        c = self.config
        inside = valid_steps(made.latents * c.stride, decoded.shape[1])
        target, guess = made.target * inside[:, :, None], decoded * inside[:, :, None]
        terms = {"reconstruction": (1.0, _smooth_l1(guess, target, inside))}
        part = self.explicit
        if part is not None:
            terms["explicit"] = (c.explicit_weight, _smooth_l1(guess[..., part], target[..., part], inside))
        if c.velocity_weight:
            both = inside[:, 1:]
            moved = [(x[:, 1:] - x[:, :-1]) * both[:, :, None] for x in (guess, target)]
            terms["velocity"] = (c.velocity_weight, _smooth_l1(moved[0], moved[1], both))
        loss = torch.stack([weight * value for weight, value in terms.values()]).sum()
        return loss, {name: float(value.detach()) for name, (_, value) in terms.items()}

    def _usage(self, seen: tuple[tuple[tuple[Tensor, Tensor], ...], ...]) -> dict[str, float]:
        """Mean over streams and scales."""
        codes = [code for scale in seen for _, code in scale if len(code)]
        perplexity = torch.stack([vq.perplexity(code, self.vocabulary) for code in codes]).mean()
        used = torch.stack([vq.usage(code, self.vocabulary) for code in codes]).mean()
        return {"perplexity": float(perplexity), "usage": float(used)}

    def empty(self, layout: TokenLayout, batch: int) -> Float[Tensor, "B T P D"]:
        """F before any scale: zeros."""
        weight = self.decoder.enter.weight
        return torch.zeros(batch, layout.capacity, self.latent_parts, self.latent_width, device=weight.device)

    def contribution(
        self, tokens: Int[Tensor, "B bins groups"], scale: int, layout: TokenLayout
    ) -> Float[Tensor, "B T P D"]:
        """What one scale's tokens add to F: its own streams only."""
        return self.pyramid.contribution(tokens, scale, layout)

    def scale_input(
        self,
        running: Float[Tensor, "B T P D"],
        scale: int,
        layout: TokenLayout,
        latents: Int[Tensor, "B"] | None = None,
    ) -> Float[Tensor, "B bins groups D"]:
        """F of the scale's streams pooled to its bins, filled up with zero channels."""
        filled = latents if latents is not None else torch.full((len(running),), layout.capacity, device=running.device)
        rows = self.pyramid.pooled(running, scale, layout, filled)
        return functional.pad(rows, (0, self.latent_width - rows.shape[-1]))

    def quantize_scale(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latents: Int[Tensor, "B"]
    ) -> Int[Tensor, "B bins groups"]:
        """Tokens of what is left at one scale."""
        return self.pyramid.quantize_scale(residual, scale, layout, latents)

    def _grid(self, features: Tensor, lengths: Tensor, layout: TokenLayout) -> Float[Tensor, "B T P D"]:
        """The encoders' latents, each stream in its latent part (and in those of all its scales without residual)."""
        padded = functional.pad(features, (0, 0, 0, layout.max_frames - features.shape[1])).transpose(1, 2)
        found = {}
        for kind, encoders, inputs in zip(self.granularities, self.encoders, self._inputs, strict=True):
            rows = [
                encoder(padded[:, columns.to(padded.device)], lengths)
                for encoder, columns in zip(encoders, inputs, strict=True)  # type: ignore[arg-type]
            ]
            found[kind] = torch.stack(rows, 1).permute(0, 3, 1, 2)
        first_scales = {stage.members: stage.granularity for stage in self.stages}
        parts = sorted(first_scales.items())
        wide = [functional.pad(found[kind], (0, self.latent_width - found[kind].shape[-1])) for _, kind in parts]
        return torch.cat(wide, 2)


def _smooth_l1(guess: Tensor, target: Tensor, inside: Tensor) -> Tensor:
    """Mean over filled frames; both tensors are zero elsewhere."""
    total = functional.smooth_l1_loss(guess, target, reduction="sum")
    return total / (inside.sum().clamp(min=1) * guess.shape[-1])
