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

from kinescale.core.errors import InputError
from kinescale.nn.conv_stack import ResidualConvStack
from kinescale.nn.gated_attention import GatedAttention
from kinescale.nn.seeded import seeded
from kinescale.nn.steps import valid_steps, zero_after
from kinescale.pyramid import residual
from kinescale.quantizers import vq
from kinescale.tokenizers import base
from kinescale.tokenizers.base import Encoded, Reconstruction, StepLoss
from kinescale.tokens.layout import Scale, TokenLayout
from kinescale.tokens.token_map import TokenMap


class Config(base.FeatureConfig):
    """Sizes, rates and the two ways of treating padding.

    ``scales``: latents a bin of each scale, coarse to fine; ``blocks``: residual convolutions a level, dilated
    ``dilation_growth**(blocks-1)`` to 1; ``blend``: see ``pyramid.residual``; ``explicit_blocks``: see
    ``tokenizers.base.FeatureConfig``.

    ``faithful``: the reference's loss scaling and codebook revival. ``mask_padding``: activations past a clip's
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
    max_frames: int = Field(default=196, ge=1)
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    attention_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    ffn_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    blend: float = Field(default=0.0, ge=-1.0, le=1.0)
    commitment_weight: float = Field(default=0.02, ge=0.0)
    ema_decay: float = Field(default=0.99, ge=0.0, lt=1.0)
    assignment_temperature: float | None = Field(default=0.5, gt=0.0)
    faithful: bool = False
    mask_padding: bool = False

    @property
    def stride(self) -> int:
        """Frames a latent step stands for."""
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
            raise ValueError(f"width {self.width} over {self.heads} heads; expected an even whole width a head")
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
    """The published network, its codec, and its training objective."""

    token_kind = "codes"
    latent_parts = 1
    config: Config

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.vocabulary = config.codes
        self.latent_width = config.code_dim
        self.feature_width = config.feature_width
        self.explicit = config.explicit_columns()
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        book = vq.Config(
            codes=config.codes,
            width=config.code_dim,
            decay=config.ema_decay,
            temperature=config.assignment_temperature,
            faithful=config.faithful,
        )
        blending = residual.Config(
            scales=len(config.scales), width=config.code_dim, blend=config.blend, blends=4, hold=config.mask_padding
        )
        self.pyramid = residual.ResidualPyramid(blending, vq.Quantizer(book))
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                nn.init.xavier_normal_(module.weight)
            if isinstance(module, nn.Conv1d | nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def layout(self, frames: int | None = None) -> TokenLayout:
        """The pyramid for clips of at most ``frames`` frames: always the full one unless ``mask_padding`` is set."""
        c = self.config
        capacity = c.capacity
        if frames is not None and not c.stride <= frames <= c.max_frames:
            raise InputError(f"clips of {frames} frames; expected {c.stride} to {c.max_frames}.")
        if frames is not None and c.mask_padding:
            unit = c.stride * c.scales[0]
            capacity = -(-frames // unit) * c.scales[0]
        return TokenLayout(tuple(Scale(capacity // s, 1, s) for s in c.scales), capacity, c.stride)

    def encode(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"]) -> Encoded:
        """Features to tokens, in the layout of ``T`` frames. Raises ``InputError`` for a batch that does not fit."""
        layout, latents = self.checked(features, lengths)
        grid = self._grid(features, lengths, layout)
        with torch.autocast(grid.device.type, enabled=False):
            quantized = self.pyramid(grid, layout, latents)
        return Encoded(TokenMap(layout, latents, quantized.tokens), grid, quantized.total)

    def decode(self, tokens: TokenMap) -> Float[Tensor, "B T F"]:
        """Tokens to features; F is zeroed past each clip's length before the decoder."""
        return self.decode_latent(_zero_beyond(self.latent_sum(tokens), tokens.latents), tokens.latents)

    def decode_latent(self, latent: Float[Tensor, "B T P D"], latents: Int[Tensor, "B"]) -> Float[Tensor, "B T2 F"]:
        """A summed latent grid to features, as it is: past the length it is zeroed only with ``mask_padding``."""
        return self.decoder(latent.squeeze(2).transpose(1, 2), latents).transpose(1, 2)

    def training_loss(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], rng: torch.Generator
    ) -> StepLoss:
        """Smooth-L1 over filled frames, extra on ``explicit_blocks``, and commitment; MoScale notes, section 2.3.

        In ``train()`` mode codes are drawn and the codebook is updated; in ``eval()`` mode neither.
        """
        layout, latents = self.checked(features, lengths)
        with seeded(rng, features.device, self.training):
            grid = self._grid(features, lengths, layout)
            with torch.autocast(grid.device.type, enabled=False):
                grid = grid.float()
                quantized = self.pyramid(grid, layout, latents, rng if self.training else None)
            through = _zero_beyond(quantized.total + (grid - grid.detach()), latents)
            decoded = self.decode_latent(through, latents)
        commitment = self._commitment(grid, quantized.sums, latents)
        inside = valid_steps(latents * layout.stride, features.shape[1])
        target = features * inside[:, :, None]
        guess = decoded[:, : features.shape[1]].float() * inside[:, :, None]
        everything = _smooth_l1(guess, target, inside)
        loss = everything + self.config.commitment_weight * commitment
        logs = {"reconstruction": float(everything.detach()), "commitment": float(commitment.detach())}
        part = self.explicit
        if part is not None:
            explicit = _smooth_l1(guess[..., part], target[..., part], inside)
            loss = loss + self.config.explicit_weight * explicit
            logs["explicit"] = float(explicit.detach())
        codes = quantized.codes
        logs["perplexity"] = float(vq.perplexity(codes, self.vocabulary))
        logs["usage"] = float(vq.usage(codes, self.vocabulary))
        if self.training:
            self.pyramid.quantizer.observe(quantized.vectors, codes, rng)
        made = Reconstruction(guess, target, latents * layout.stride)
        return StepLoss(loss, {"loss": float(loss.detach()), **logs}, made)

    def _commitment(self, grid: Tensor, sums: tuple[Tensor, ...], latents: Tensor) -> Tensor:
        inside = valid_steps(latents, grid.shape[1])[:, :, None, None].to(grid.dtype)
        squared = sum(((grid - partial.detach()) * inside).square().sum() for partial in sums)
        # The reference divides by the time axis where the channels were meant.
        width = grid.shape[1] if self.config.faithful else grid.shape[3]
        return torch.as_tensor(squared) / (len(sums) * inside.sum() * width)

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
        """F pooled to the bins of ``scale``, the same whatever ``latents``."""
        return residual.down(running, layout.scales[scale].bins)

    def quantize_scale(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latents: Int[Tensor, "B"]
    ) -> Int[Tensor, "B bins groups"]:
        """Nearest codes of what is left at one scale."""
        return self.pyramid.quantize_scale(residual, scale, layout, latents)

    def _grid(self, features: Tensor, lengths: Tensor, layout: TokenLayout) -> Tensor:
        padded = functional.pad(features, (0, 0, 0, layout.max_frames - features.shape[1]))
        return self.encoder(padded.transpose(1, 2), lengths).transpose(1, 2).unsqueeze(2)


def _zero_beyond(grid: Tensor, latents: Tensor) -> Tensor:
    """The latent grid with the steps past each clip's length zeroed."""
    return grid * valid_steps(latents, grid.shape[1])[:, :, None, None].to(grid.dtype)


def _smooth_l1(guess: Tensor, target: Tensor, inside: Tensor) -> Tensor:
    """Mean over filled frames; both tensors are zero elsewhere."""
    total = functional.smooth_l1_loss(guess, target, reduction="sum")
    return total / (inside.sum() * guess.shape[-1])
