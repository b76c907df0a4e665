"""MoScale's tokenizer: convolutions and gated attention around a residual pyramid with one codebook (HRVQVAE).

Zheng et al. 2026 (MoScale, arXiv 2604.03799), tokenizer section. One latent vector every ``2**levels`` frames,
quantized over e.g. 6, 12, 24 and 49 bins in time. The defaults are the published network.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.conv_stack import ResidualConvStack
from kinescale.nn.gated_attention import GatedAttention
from kinescale.nn.seeded import seeded
from kinescale.nn.steps import valid_steps, zero_after
from kinescale.pyramid.temporal import Config as PyramidConfig
from kinescale.pyramid.temporal import TemporalPyramid
from kinescale.tokenizers import base
from kinescale.tokenizers.base import Reconstruction, StepLoss
from kinescale.tokenizers.base.losses import commitment_loss, feature_errors, reconstruction_loss
from kinescale.tokens.layout import Scale, TokenLayout
from kinescale.tokens.token_map import TokenMap


class Config(base.FeatureConfig):
    """Sizes, rates and the two ways of treating padding.

    ``scales``: latents per bin of each scale, coarse to fine; ``blocks``: residual convolutions per level, dilated
    ``dilation_growth**(blocks-1)`` to 1; ``blend``: see ``pyramid.temporal``.

    ``faithful``: the reference's loss scaling and codebook reset. ``mask_padding``: activations past a clip's
    length are zeroed after every convolution, so that a clip's tokens and decoded frames do not depend on how much
    padding follows; ``layout(frames)`` is then as small as the clip allows. The two exclude each other.
    """

    width: int = Field(default=512, ge=1)
    code_dim: int = Field(default=512, ge=1)
    codes: int = Field(default=512, ge=2)
    levels: int = Field(default=2, ge=1, le=6)
    blocks: int = Field(default=3, ge=1)
    dilation_growth: int = Field(default=3, ge=1)
    heads: int = Field(default=8, ge=1)
    ffn_ratio: int = Field(default=4, ge=1)
    scales: tuple[int, ...] = (8, 4, 2, 1)
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    attention_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    ffn_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    blend: float = Field(default=0.0, ge=-1.0, le=1.0)
    commitment_weight: float = Field(default=0.02, ge=0.0)
    assignment_temperature: float | None = Field(default=0.5, gt=0.0)
    faithful: bool = False
    mask_padding: bool = False

    @property
    def stride(self) -> int:
        """Frames per latent step."""
        return 2**self.levels

    @property
    def capacity(self) -> int:
        """Latent steps of the longest clip."""
        return self.max_frames // self.stride

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        falling = all(a > b for a, b in zip(self.scales, self.scales[1:], strict=False))
        if not self.scales or self.scales[-1] != 1 or not falling:
            raise ValueError(
                f"scales are {self.scales}; expected falling factors that end with 1, such as (8, 4, 2, 1)"
            )
        if self.max_frames % self.stride or self.capacity < self.scales[0]:
            raise ValueError(
                f"max_frames is {self.max_frames}; expected a multiple of {self.stride}, "
                f"at least {self.stride * self.scales[0]}"
            )
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise ValueError(f"width {self.width} over {self.heads} heads; expected an even whole width per head")
        if self.mask_padding and self.faithful:
            raise ValueError("faithful and mask_padding exclude each other; switch one off")
        unit = self.stride * self.scales[0]
        if self.mask_padding and (self.max_frames % unit or any(self.scales[0] % s for s in self.scales)):
            raise ValueError(
                f"max_frames is {self.max_frames} and scales are {self.scales}; with mask_padding expected a multiple "
                f"of {unit} frames, and scales that divide the coarsest"
            )
        return self


class Encoder(nn.Module):
    """[B, F, T] to [B, D, T / 2**levels]."""

    def __init__(self, config: Config):
        super().__init__()
        c, levels = config, range(config.levels)
        self.enter = nn.Conv1d(c.feature_width, c.width, 3, padding=1)
        self.narrow = nn.ModuleList(nn.Conv1d(c.width, c.width, 4, stride=2, padding=1) for _ in levels)
        self.stacks = nn.ModuleList(ResidualConvStack(c.width, c.blocks, c.dilation_growth, c.dropout) for _ in levels)
        self.attentions = nn.ModuleList(_attention(c) for _ in levels)
        self.leave = nn.Conv1d(c.width, c.code_dim, 3, padding=1)
        self.mask_padding = c.mask_padding

    def forward(self, x: Float[Tensor, "B F T"], lengths: Int[Tensor, "B"]) -> Float[Tensor, "B D T2"]:
        """Latents of clips of ``lengths`` frames."""
        kept = valid_steps(lengths, x.shape[2]) if self.mask_padding else None
        x = zero_after(functional.relu(self.enter(zero_after(x, kept))), kept)
        for narrow, stack, attention in zip(self.narrow, self.stacks, self.attentions, strict=True):
            x = narrow(x)
            lengths = torch.div(lengths, 2, rounding_mode="floor")
            valid = valid_steps(lengths, x.shape[2])
            kept = valid if self.mask_padding else None
            x = stack(zero_after(x, kept), kept)
            x = zero_after(attention(x.transpose(1, 2), valid).transpose(1, 2), kept)
        return zero_after(self.leave(x), kept)


class Decoder(nn.Module):
    """[B, D, T'] to [B, F, T' * 2**levels]."""

    def __init__(self, config: Config):
        super().__init__()
        c, levels = config, range(config.levels)
        self.enter = nn.Conv1d(c.code_dim, c.width, 3, padding=1)
        self.stacks = nn.ModuleList(ResidualConvStack(c.width, c.blocks, c.dilation_growth, c.dropout) for _ in levels)
        self.widen = nn.ModuleList(nn.Conv1d(c.width, c.width, 3, padding=1) for _ in levels)
        self.attentions = nn.ModuleList(_attention(c) for _ in levels)
        self.gather = nn.Conv1d(c.width, c.width, 3, padding=1)
        self.leave = nn.Conv1d(c.width, c.feature_width, 3, padding=1)
        self.mask_padding = c.mask_padding

    def forward(self, x: Float[Tensor, "B D T"], latents: Int[Tensor, "B"]) -> Float[Tensor, "B F T2"]:
        """Features of clips of ``latents`` steps."""
        kept = valid_steps(latents, x.shape[2]) if self.mask_padding else None
        x = zero_after(functional.relu(self.enter(zero_after(x, kept))), kept)
        for stack, widen, attention in zip(self.stacks, self.widen, self.attentions, strict=True):
            x = widen(stack(x, kept).repeat_interleave(2, dim=2))
            latents = latents * 2
            valid = valid_steps(latents, x.shape[2])
            kept = valid if self.mask_padding else None
            x = zero_after(attention(zero_after(x, kept).transpose(1, 2), valid).transpose(1, 2), kept)
        return self.leave(zero_after(functional.relu(self.gather(x)), kept))


def _attention(c: Config) -> GatedAttention:
    return GatedAttention(c.width, c.heads, c.ffn_ratio, c.attention_dropout, c.ffn_dropout)


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
        quantizer = config.build_quantizer(
            width=config.code_dim,
            codes=config.codes,
            temperature=config.assignment_temperature,
            faithful=config.faithful,
        )
        scales = tuple(Scale(config.capacity // factor, 1, factor) for factor in config.scales)
        unit = config.scales[0] if config.mask_padding else 0
        layout = TokenLayout(scales, config.capacity, config.stride, unit=unit)
        settings = PyramidConfig(blend=config.blend, hold=config.mask_padding)
        self.pyramid = TemporalPyramid([quantizer], layout, (1, config.code_dim), settings)
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                nn.init.xavier_normal_(module.weight)
            if isinstance(module, nn.Conv1d | nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def latents(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], layout: TokenLayout
    ) -> Float[Tensor, "B T2 P D"]:
        """The encoder's latent grid."""
        padded = functional.pad(features, (0, 0, 0, layout.max_frames - features.shape[1]))
        return self.encoder(padded.transpose(1, 2), lengths).transpose(1, 2).unsqueeze(2)

    def decode(self, tokens: TokenMap) -> Float[Tensor, "B T F"]:
        """Tokens to features; F is zeroed past each clip's length before the decoder."""
        return self.decode_latent(
            _zero_beyond(self.codec.latent_sum(tokens), tokens.latent_lengths), tokens.latent_lengths
        )

    def decode_latent(
        self, latent: Float[Tensor, "B T P D"], latent_lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T2 F"]:
        """A summed latent grid to features, as it is: past the length it is zeroed only with ``mask_padding``."""
        return self.decoder(latent.squeeze(2).transpose(1, 2), latent_lengths).transpose(1, 2)

    def training_loss(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], rng: torch.Generator
    ) -> StepLoss:
        """Smooth-L1 over filled frames, extra on ``explicit_blocks``, and commitment; MoScale notes, section 2.3.

        In ``train()`` mode codes are drawn and the codebook is updated; in ``eval()`` mode neither.
        """
        c = self.config
        layout, latent_lengths = self.checked(features, lengths)
        with seeded(rng, features.device, self.training):
            grid = self.latents(features, lengths, layout)
            with torch.autocast(grid.device.type, enabled=False):
                grid = grid.float()
                quantized = self.pyramid(grid, layout, latent_lengths, rng if self.training else None)
            through = _zero_beyond(quantized.total + (grid - grid.detach()), latent_lengths)
            decoded = self.decode_latent(through, latent_lengths)[:, : features.shape[1]].float()
        coded = latent_lengths * layout.stride
        inside = valid_steps(coded, features.shape[1])
        guess, target = decoded * inside[:, :, None], features * inside[:, :, None]
        errors = feature_errors(guess, target, inside)
        loss, logs = reconstruction_loss(errors, self.explicit, c.explicit_weight)
        commitment = commitment_loss(grid, quantized.sums, valid_steps(latent_lengths, layout.capacity))
        if c.faithful:
            # The reference divides by the time axis where the channels were meant.
            commitment = commitment * (grid.shape[3] / grid.shape[1])
        loss = loss + c.commitment_weight * commitment
        if self.training:
            self.pyramid.update(quantized, rng)
        logs |= {"commitment": float(commitment.detach()), **self.pyramid.token_usage(quantized)}
        return StepLoss(loss, {"loss": float(loss.detach()), **logs}, Reconstruction(guess, target, coded))


def _zero_beyond(grid: Tensor, latent_lengths: Tensor) -> Tensor:
    """The latent grid with the steps past each clip's length zeroed."""
    return grid * valid_steps(latent_lengths, grid.shape[1])[:, :, None, None].to(grid.dtype)
