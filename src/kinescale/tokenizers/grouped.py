"""Grouped tokenizer: patches of frames, convolutions at the latent rate, a residual pyramid of grouped codebooks.

Kinescale's own choice on the axes that the published systems share: MoScale's residual pyramid in time (arXiv
2604.03799), where every scale quantizes a latent as several groups of numbers, each with a codebook of its own
(product quantization, Jégou et al. 2011), and the finest resolution may be quantized more than once (residual
quantization, as in MoMask, arXiv 2312.00063). Nearly all arithmetic runs at the latent rate, so that a processor
trains it in an hour; convolutions alone see no further than some seconds, and know no absolute place in time.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn import global_batch
from kinescale.nn.steps import valid_steps, zero_after
from kinescale.pyramid import Quantized
from kinescale.pyramid.temporal import Config as PyramidConfig
from kinescale.pyramid.temporal import TemporalPyramid
from kinescale.tokenizers import base
from kinescale.tokenizers.base import Reconstruction, StepLoss
from kinescale.tokenizers.base.losses import commitment_loss, feature_errors, reconstruction_loss
from kinescale.tokens.layout import Scale, TokenLayout

DILATIONS = (1, 3, 9)
"""Dilations of the residual convolutions, in turn."""

RESIDUAL_GAIN = 0.3
"""Initial scale of a residual branch, so that a deep stack starts near the identity."""


class Config(base.Config):
    """Sizes and rates.

    ``width`` of the network at the latent rate, ``frame_width`` at the frame rate; ``stride`` frames per latent;
    ``encoder_blocks`` and ``decoder_blocks`` at the latent rate; ``groups`` of ``code_dim`` numbers per latent,
    ``codes`` in each of their codebooks; ``scales``: latents per bin of each scale, coarse to fine, the last one
    repeated for a deeper residual; ``scale_dropout``: chance that a training batch is decoded from the first scales
    alone; ``continuous_steps``: over so many first training steps the share of clips that are decoded from their
    latents as they are falls from 1 to 0, while the codebooks already learn.
    """

    feature_width: int = Field(default=272, ge=1)
    max_frames: int = Field(default=256, ge=1)
    width: int = Field(default=256, ge=1)
    frame_width: int = Field(default=96, ge=1)
    stride: int = Field(default=4, ge=2, multiple_of=2)
    encoder_blocks: int = Field(default=4, ge=0)
    decoder_blocks: int = Field(default=6, ge=0)
    groups: int = Field(default=4, ge=1)
    code_dim: int = Field(default=32, ge=1)
    codes: int = Field(default=512, ge=2)
    scales: tuple[int, ...] = (8, 4, 2, 1)
    commitment_weight: float = Field(default=0.1, ge=0.0)
    scale_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    continuous_steps: int = Field(default=0, ge=0)

    @property
    def unit(self) -> int:
        """Frames of the coarsest bin."""
        return self.stride * self.scales[0]

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        falls = all(a >= b for a, b in pairwise(self.scales))
        if not self.scales or self.scales[-1] != 1 or not falls or any(self.scales[0] % s for s in self.scales):
            raise ValueError(
                f"scales are {self.scales}; expected factors that never rise, divide the first one and end with 1, "
                "such as (8, 4, 2, 1, 1)"
            )
        if self.max_frames % self.unit:
            raise ValueError(f"max_frames is {self.max_frames}; expected a multiple of {self.unit}")
        return self


class ResidualConv(nn.Module):
    """``x + Conv1(GELU(Conv3(GELU(x))))``, the wide convolution dilated; steps past the end are kept at zero."""

    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.wide = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        with torch.no_grad():
            self.mix.weight.mul_(RESIDUAL_GAIN)
            nn.init.zeros_(self.mix.bias)  # type: ignore[arg-type]

    def forward(self, x: Float[Tensor, "B C T"], valid: Bool[Tensor, "B T"]) -> Float[Tensor, "B C T"]:
        """Same shape."""
        return zero_after(x + self.mix(functional.gelu(self.wide(functional.gelu(x)))), valid)


def _stack(width: int, blocks: int) -> nn.ModuleList:
    return nn.ModuleList(ResidualConv(width, DILATIONS[index % len(DILATIONS)]) for index in range(blocks))


class Encoder(nn.Module):
    """[B, T, F] to [B, T / stride, G, D]."""

    def __init__(self, config: Config):
        super().__init__()
        c = config
        self.shape = (c.groups, c.code_dim)
        self.stride = c.stride
        self.enter = nn.Conv1d(c.feature_width, c.frame_width, 1)
        self.frames = _stack(c.frame_width, 1)
        self.down = nn.Conv1d(c.frame_width, c.width, 2 * c.stride, stride=c.stride, padding=c.stride // 2)
        self.blocks = _stack(c.width, c.encoder_blocks)
        self.leave = nn.Conv1d(c.width, c.groups * c.code_dim, 1)

    def forward(self, x: Float[Tensor, "B T F"], latent_lengths: Int[Tensor, "B"]) -> Float[Tensor, "B T2 G D"]:
        """Latents of clips that fill ``latent_lengths`` latent steps."""
        inside = valid_steps(latent_lengths * self.stride, x.shape[1])
        valid = valid_steps(latent_lengths, x.shape[1] // self.stride)
        rows = zero_after(self.enter(x.transpose(1, 2)), inside)
        for block in self.frames:
            rows = block(rows, inside)
        rows = zero_after(self.down(rows), valid)
        for block in self.blocks:
            rows = block(rows, valid)
        return zero_after(self.leave(rows), valid).transpose(1, 2).unflatten(2, self.shape)


class Decoder(nn.Module):
    """[B, T', G, D] to [B, T' * stride, F]."""

    def __init__(self, config: Config):
        super().__init__()
        c = config
        self.stride = c.stride
        self.enter = nn.Conv1d(c.groups * c.code_dim, c.width, 1)
        self.blocks = _stack(c.width, c.decoder_blocks)
        self.up = nn.ConvTranspose1d(c.width, c.frame_width, 2 * c.stride, stride=c.stride, padding=c.stride // 2)
        self.frames = _stack(c.frame_width, 2)
        self.leave = nn.Conv1d(c.frame_width, c.feature_width, 1)

    def forward(self, x: Float[Tensor, "B T G D"], latent_lengths: Int[Tensor, "B"]) -> Float[Tensor, "B T2 F"]:
        """Features of clips that fill ``latent_lengths`` latent steps."""
        valid = valid_steps(latent_lengths, x.shape[1])
        inside = valid_steps(latent_lengths * self.stride, x.shape[1] * self.stride)
        rows = zero_after(self.enter(zero_after(x.flatten(2).transpose(1, 2), valid)), valid)
        for block in self.blocks:
            rows = block(rows, valid)
        rows = zero_after(self.up(rows), inside)
        for block in self.frames:
            rows = block(rows, inside)
        return self.leave(functional.gelu(rows)).transpose(1, 2)


class Tokenizer(base.Tokenizer):
    """Network and training objective.

    A clip's tokens and decoded frames do not depend on what follows it, and ``layout(frames)`` is as small as the
    clip allows. Every group decodes to the whole body.
    """

    config: Config
    steps_seen: Tensor

    def __init__(self, config: Config):
        super().__init__()
        self.config = c = config
        self.feature_width = c.feature_width
        self.encoder, self.decoder = Encoder(c), Decoder(c)
        offered = {"width": c.code_dim, "codes": c.codes, "temperature": None}
        quantizers = [c.build_quantizer(groups=c.groups, **offered) for _ in c.scales]
        capacity = c.max_frames // c.stride
        scales = tuple(Scale(capacity // factor, c.groups, factor) for factor in c.scales)
        layout = TokenLayout(scales, capacity, c.stride, "up", unit=c.scales[0])
        settings = PyramidConfig(hold=True, scale_input="filled")
        self.pyramid = TemporalPyramid(quantizers, layout, (c.groups, c.code_dim), settings)
        self.register_buffer("steps_seen", torch.zeros((), dtype=torch.int64))

    def latents(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], layout: TokenLayout
    ) -> Float[Tensor, "B T2 G D"]:
        """The encoder's latent grid."""
        padded = functional.pad(features, (0, 0, 0, layout.max_frames - features.shape[1]))
        return self.encoder(padded, layout.latents(lengths))

    def decode_latent(
        self, latent: Float[Tensor, "B T G D"], latent_lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T2 F"]:
        """A summed latent grid to features."""
        return self.decoder(latent, latent_lengths)

    def training_loss(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], rng: torch.Generator
    ) -> StepLoss:
        """Smooth-L1 over coded frames and commitment to every partial sum.

        In ``train()`` mode some clips skip the codebooks at first, scales are left out and codebooks are updated.
        """
        layout, latent_lengths = self.checked(features, lengths)
        grid = self.latents(features, lengths, layout)
        with torch.autocast(grid.device.type, enabled=False):
            grid = grid.float()
            quantized = self.pyramid(grid, layout, latent_lengths, rng if self.training else None)
        through = self._through(grid, quantized, rng)
        decoded = self.decode_latent(through, latent_lengths)[:, : features.shape[1]].float()
        coded = latent_lengths * layout.stride
        errors = feature_errors(decoded, features, valid_steps(coded, features.shape[1]))
        loss, logs = reconstruction_loss(errors, None, 0.0)
        commitment = commitment_loss(grid, quantized.sums, valid_steps(latent_lengths, layout.capacity))
        loss = loss + self.config.commitment_weight * commitment
        if self.training:
            self.pyramid.update(quantized, rng)
            global_batch.settle(lambda: self.steps_seen.add_(1))
        logs |= {"commitment": float(commitment.detach()), **self.pyramid.token_usage(quantized)}
        return StepLoss(loss, {"loss": float(loss.detach()), **logs}, Reconstruction(decoded, features, coded))

    def _through(self, grid: Tensor, quantized: Quantized, rng: torch.Generator) -> Tensor:
        """The latents decoded in a training step, with the gradient passed straight to the encoder."""
        c = self.config
        total = quantized.total
        chance, depth = torch.rand(2, generator=rng).tolist()
        clips = global_batch.rand((len(grid),), rng)
        if self.training and chance < c.scale_dropout:
            total = quantized.sums[int(depth * len(quantized.added))]
        straight = total + (grid - grid.detach())
        if not self.training or int(self.steps_seen) >= c.continuous_steps:
            return straight
        skip = clips >= int(self.steps_seen) / c.continuous_steps
        return torch.where(skip.to(grid.device)[:, None, None, None], grid, straight)
