"""MoMask's tokenizer: a convolutional autoencoder around a stack of residual codebooks at one resolution (RVQ-VAE).

Guo et al. 2024 (MoMask, arXiv 2312.00063), section 3.1. One latent vector every ``2**levels`` frames, the sum of codes
of six codebooks, each quantizing the residual of the ones before it: a pyramid whose scales are all of full length. The
defaults are the published network.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.conv_stack import ResidualConvStack
from kinescale.nn.seeded import seeded
from kinescale.nn.steps import valid_steps, zero_after
from kinescale.pyramid.temporal import Config as PyramidConfig
from kinescale.pyramid.temporal import TemporalPyramid
from kinescale.tokenizers import base
from kinescale.tokenizers.base import Reconstruction, StepLoss
from kinescale.tokenizers.base.losses import commitment_loss, feature_errors, reconstruction_loss
from kinescale.tokens.layout import Scale, TokenLayout


class Config(base.FeatureConfig):
    """Sizes and rates.

    ``codebooks``: how many, none shared; ``codebook_dropout``: chance that a training batch is decoded from a random
    number of them; ``temperature`` of the soft assignment in training; ``blocks``: residual convolutions per level,
    dilated ``dilation_growth**(blocks-1)`` to 1.

    ``mask_padding``: activations past a clip's length are zeroed after every convolution, so that a clip's tokens and
    decoded frames do not depend on how much padding follows (the reference trains on windows that have none).
    """

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"books": "codebooks", "book_dropout": "codebook_dropout"}

    width: int = Field(default=512, ge=1)
    code_dim: int = Field(default=512, ge=1)
    codes: int = Field(default=512, ge=2)
    codebooks: int = Field(default=6, ge=1, le=64)
    levels: int = Field(default=2, ge=1, le=6)
    blocks: int = Field(default=3, ge=1)
    dilation_growth: int = Field(default=3, ge=1)
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    codebook_dropout: float = Field(default=0.2, ge=0.0, le=1.0)
    commitment_weight: float = Field(default=0.02, ge=0.0)
    temperature: float | None = Field(default=0.5, gt=0.0)
    mask_padding: bool = False

    @property
    def stride(self) -> int:
        """Frames per latent step."""
        return 2**self.levels

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if self.max_frames % self.stride:
            raise ValueError(f"max_frames is {self.max_frames}; expected a multiple of {self.stride}")
        return self


class Encoder(nn.Module):
    """[B, F, T] to [B, D, T / 2**levels]."""

    def __init__(self, config: Config):
        super().__init__()
        c, levels = config, range(config.levels)
        self.enter = nn.Conv1d(c.feature_width, c.width, 3, padding=1)
        self.narrow = nn.ModuleList(nn.Conv1d(c.width, c.width, 4, stride=2, padding=1) for _ in levels)
        self.stacks = nn.ModuleList(ResidualConvStack(c.width, c.blocks, c.dilation_growth, c.dropout) for _ in levels)
        self.leave = nn.Conv1d(c.width, c.code_dim, 3, padding=1)
        self.mask_padding = c.mask_padding

    def forward(self, x: Float[Tensor, "B F T"], lengths: Int[Tensor, "B"]) -> Float[Tensor, "B D T2"]:
        """Latents of clips of ``lengths`` frames."""
        kept = valid_steps(lengths, x.shape[2]) if self.mask_padding else None
        x = zero_after(functional.relu(self.enter(zero_after(x, kept))), kept)
        for narrow, stack in zip(self.narrow, self.stacks, strict=True):
            x = narrow(x)
            lengths = torch.div(lengths, 2, rounding_mode="floor")
            kept = valid_steps(lengths, x.shape[2]) if self.mask_padding else None
            x = stack(zero_after(x, kept), kept)
        return zero_after(self.leave(x), kept)


class Decoder(nn.Module):
    """[B, D, T'] to [B, F, T' * 2**levels]."""

    def __init__(self, config: Config):
        super().__init__()
        c, levels = config, range(config.levels)
        self.enter = nn.Conv1d(c.code_dim, c.width, 3, padding=1)
        self.stacks = nn.ModuleList(ResidualConvStack(c.width, c.blocks, c.dilation_growth, c.dropout) for _ in levels)
        self.widen = nn.ModuleList(nn.Conv1d(c.width, c.width, 3, padding=1) for _ in levels)
        self.gather = nn.Conv1d(c.width, c.width, 3, padding=1)
        self.leave = nn.Conv1d(c.width, c.feature_width, 3, padding=1)
        self.mask_padding = c.mask_padding

    def forward(self, x: Float[Tensor, "B D T"], latents: Int[Tensor, "B"]) -> Float[Tensor, "B F T2"]:
        """Features of clips of ``latents`` steps."""
        kept = valid_steps(latents, x.shape[2]) if self.mask_padding else None
        x = zero_after(functional.relu(self.enter(zero_after(x, kept))), kept)
        for stack, widen in zip(self.stacks, self.widen, strict=True):
            x = stack(x, kept).repeat_interleave(2, dim=2)
            latents = latents * 2
            kept = valid_steps(latents, x.shape[2]) if self.mask_padding else None
            x = zero_after(widen(x), kept)
        return self.leave(zero_after(functional.relu(self.gather(x)), kept))


class Tokenizer(base.Tokenizer):
    """The published network and its training objective."""

    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.feature_width = config.feature_width
        self.explicit = config.explicit_columns()
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        offered = {"width": config.code_dim, "codes": config.codes, "temperature": config.temperature}
        quantizers = [config.build_quantizer(**offered) for _ in range(config.codebooks)]
        capacity = config.max_frames // config.stride
        layout = TokenLayout((Scale(capacity, 1, 1),) * config.codebooks, capacity, config.stride, unit=1)
        self.pyramid = TemporalPyramid(quantizers, layout, (1, config.code_dim), PyramidConfig())

    def latents(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], layout: TokenLayout
    ) -> Float[Tensor, "B T2 P D"]:
        """The encoder's latent grid."""
        padded = functional.pad(features, (0, 0, 0, layout.max_frames - features.shape[1]))
        return self.encoder(padded.transpose(1, 2), lengths).transpose(1, 2).unsqueeze(2)

    def decode_latent(
        self, latent: Float[Tensor, "B T P D"], latent_lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T2 F"]:
        """A summed latent grid to features."""
        return self.decoder(latent.squeeze(2).transpose(1, 2), latent_lengths).transpose(1, 2)

    def training_loss(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], rng: torch.Generator
    ) -> StepLoss:
        """Smooth-L1 over filled frames, extra on ``explicit_blocks``, and commitment of every codebook (section 3.1).

        In ``train()`` mode codes are drawn, codebooks dropped and updated; in ``eval()`` mode none of these.
        """
        c = self.config
        layout, latent_lengths = self.checked(features, lengths)
        with seeded(rng, features.device, self.training):
            grid = self.latents(features, lengths, layout)
            used = self._used(layout, rng)
            with torch.autocast(grid.device.type, enabled=False):
                grid = grid.float()
                quantized = self.pyramid(grid, used, latent_lengths, rng if self.training else None)
            steps = valid_steps(latent_lengths, layout.capacity)
            through = (quantized.total + (grid - grid.detach())) * steps[:, :, None, None].to(grid.dtype)
            decoded = self.decode_latent(through, latent_lengths)[:, : features.shape[1]].float()
        coded = latent_lengths * layout.stride
        errors = feature_errors(decoded, features, valid_steps(coded, features.shape[1]))
        loss, logs = reconstruction_loss(errors, self.explicit, c.explicit_weight)
        commitment = commitment_loss(grid, quantized.sums, steps)
        loss = loss + c.commitment_weight * commitment
        if self.training:
            self.pyramid.update(quantized, rng)
        logs |= {"commitment": float(commitment.detach()), **self.pyramid.token_usage(quantized)}
        return StepLoss(loss, {"loss": float(loss.detach()), **logs}, Reconstruction(decoded, features, coded))

    def _used(self, layout: TokenLayout, rng: torch.Generator) -> TokenLayout:
        """The layout of the codebooks that a training batch uses: all, or by chance the first few."""
        chance, count = torch.rand(2, generator=rng).tolist()
        if not self.training or chance >= self.config.codebook_dropout:
            return layout
        return replace(layout, scales=layout.scales[: 1 + int(count * len(layout.scales))])
