"""MSQ's tokenizer: an encoder for each part of the body at three granularities, several lengths in time, one decoder.

Wang et al. 2025 (MSQ, arXiv 2508.08991). Only the abstract and the opening of the paper could be read: parts at
several granularities with encoders of their own, interpolated in time before they are quantized, are the paper's;
every size, the partition, the lengths, the quantizer and the loss are a reconstruction (``docs/msq.md``).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.seeded import seeded
from kinescale.nn.steps import valid_steps
from kinescale.pyramid import Quantized
from kinescale.pyramid.streams import Config as PyramidConfig
from kinescale.pyramid.streams import StreamPyramid
from kinescale.tokenizers import base
from kinescale.tokenizers.base import Reconstruction, StepLoss
from kinescale.tokenizers.base.losses import commitment_loss, feature_errors, reconstruction_loss
from kinescale.tokenizers.msq.augment import Mixed, kept_scales, mix_parts
from kinescale.tokenizers.msq.config import Config
from kinescale.tokenizers.msq.networks import Decoder, Encoder
from kinescale.tokenizers.msq.parts import (
    GRANULARITIES,
    Stage,
    build_feature,
    part_columns,
    stages_of,
    stream_columns,
    stream_roles,
)
from kinescale.tokens.layout import Scale, TokenLayout

__all__ = ["Config", "Tokenizer"]


class Tokenizer(base.Tokenizer):
    """The networks and their training objective. ``stages`` are its scales, ``columns`` those of each part.

    A latent grid holds one part per stream (with ``residual`` off one per stream and scale), the narrower ones filled
    up with zero channels.
    """

    config: Config
    pyramid: StreamPyramid

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        self.feature_width = c.feature_width
        self.explicit = c.explicit_columns()
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
        self.pyramid = self._pyramid()
        self.decoder = Decoder([len(GRANULARITIES[k]) * c.code_dims[k] for k in self.granularities], c)
        for module in [*self.encoders.modules(), *self.decoder.modules()]:
            if isinstance(module, nn.Conv1d):
                nn.init.xavier_normal_(module.weight)
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def _pyramid(self) -> StreamPyramid:
        c, stages = self.config, self.stages
        owners = [stage.granularity if c.share_scales else scale for scale, stage in enumerate(stages)]
        kinds = sorted(set(owners))
        offered = {"levels": c.levels, "codes": c.codes, "lookup": c.lookup, "temperature": None}
        firsts = [stages[owners.index(kind)] for kind in kinds]
        quantizers = [c.build_quantizer(groups=s.groups, width=c.code_dims[s.granularity], **offered) for s in firsts]
        widths = tuple(c.code_dims[stage.granularity] for stage in stages)
        capacity = c.max_frames // c.stride
        scales = tuple(Scale(max(1, capacity // s.factor), s.groups, s.factor, s.parts) for s in stages)
        layout = TokenLayout(scales, capacity, c.stride, least=1, unit=1)
        shape = (1 + max(stage.members[-1] for stage in stages), max(widths))
        # gains learn by gradient through the look-up; a codebook passes none, and the grid's goes past it
        through = "scale" if quantizers[0].needs_gain else "grid"
        settings = PyramidConfig(straight_through=through, widths=widths, spread=c.spread, blend=c.blend)
        return StreamPyramid(quantizers, layout, shape, settings, [kinds.index(owner) for owner in owners])

    @property
    def latent_roles(self) -> tuple[frozenset[str], ...]:
        """Those of the streams."""
        return stream_roles(self.stages)

    def latents(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], layout: TokenLayout
    ) -> Float[Tensor, "B T2 P D"]:
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
        width = self.codec.latent_width
        wide = [functional.pad(found[k], (0, width - found[k].shape[-1])) for _, k in sorted(first_scales.items())]
        return torch.cat(wide, 2)

    def decode_latent(
        self, latent: Float[Tensor, "B T P D"], latent_lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T2 F"]:
        """A summed latent grid to features; what follows a clip's length is not read."""
        sources = []
        for kind in self.granularities:
            scales = [k for k, stage in enumerate(self.stages) if stage.granularity == kind]
            members = {self.stages[k].members: k for k in scales}
            parts = torch.stack([self.pyramid.streams(latent, k) for k in members.values()]).mean(0)
            sources.append(parts.flatten(2).transpose(1, 2))
        return self.decoder(sources, latent_lengths).transpose(1, 2)

    def training_loss(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], rng: torch.Generator
    ) -> StepLoss:
        """Smooth-L1 over filled frames, extra on ``explicit_blocks`` and on frame differences, and commitment.

        In ``train()`` mode scales are left out at random and codebooks learn; in ``eval()`` mode neither.
        """
        c = self.config
        layout, latent_lengths = self.checked(features, lengths)
        features = functional.pad(features, (0, 0, 0, layout.max_frames - features.shape[1]))
        with seeded(rng, features.device, self.training):
            grid = self.latents(features, lengths, layout)
            with torch.autocast(grid.device.type, enabled=False):
                grid = grid.float()
                quantized = self.pyramid(grid, layout, latent_lengths, rng if self.training else None)
                kept = None
                if self.training:
                    kept = kept_scales(len(grid), self.stages, c.drop_finer, c.drop_granularity, rng).to(grid.device)
                made = Mixed(self._total(quantized, grid, kept), features, latent_lengths)
                if self.training and c.cross_mix:
                    made = mix_parts(made.latent, features, latent_lengths, self.stages, self.columns, c.cross_mix, rng)
            decoded = self.decode_latent(made.latent, made.latent_lengths).float()
        loss, logs = self._reconstruction(decoded, made)
        commitment = self._commitment(grid, quantized, valid_steps(latent_lengths, layout.capacity))
        loss = loss + c.commitment_weight * commitment
        if self.training:
            self.pyramid.update(quantized, rng)
        logs |= {"commitment": float(commitment.detach()), **self.pyramid.token_usage(quantized)}
        shown = Reconstruction(decoded, made.target, made.latent_lengths * layout.stride)
        return StepLoss(loss, {"loss": float(loss.detach()), **logs}, shown)

    def _total(self, quantized: Quantized, grid: Tensor, kept: Bool[Tensor, "B S"] | None) -> Tensor:
        """F of the scales ``kept`` of each clip (None: all), with a gradient to the streams that are decoded."""
        total, decoded = torch.zeros_like(grid), grid.new_zeros(len(grid), self.codec.latent_parts)
        for scale, added in enumerate(quantized.added):
            share = grid.new_ones(len(grid)) if kept is None else kept[:, scale].to(grid.dtype)
            total = total + added * share[:, None, None, None]
            decoded[:, list(self.stages[scale].members)] += share[:, None]
        if self.pyramid.config.straight_through == "scale":
            return total
        return total + (grid - grid.detach()) * (decoded > 0)[:, None, :, None].to(grid.dtype)

    def _commitment(self, grid: Tensor, quantized: Quantized, steps: Tensor) -> Tensor:
        """The quantizer's loss, or the mean over scales of the distance of its streams from their sum so far."""
        if self.pyramid.config.straight_through == "scale":
            return torch.stack(quantized.losses).mean()
        streams = self.pyramid.streams
        sums = enumerate(quantized.sums)
        return torch.stack([commitment_loss(streams(grid, k), [streams(total, k)], steps) for k, total in sums]).mean()

    def _reconstruction(self, decoded: Tensor, made: Mixed) -> tuple[Tensor, dict[str, float]]:
        c = self.config
        inside = valid_steps(made.latent_lengths * c.stride, decoded.shape[1])
        loss, logs = reconstruction_loss(feature_errors(decoded, made.target, inside), self.explicit, c.explicit_weight)
        if c.velocity_weight:
            both = inside[:, 1:]
            moved = [x[:, 1:] - x[:, :-1] for x in (decoded, made.target)]
            velocity = feature_errors(moved[0], moved[1], both).mean()
            loss, logs["velocity"] = loss + c.velocity_weight * velocity, float(velocity.detach())
        return loss, logs
