"""MoMask's tokenizer: a convolutional autoencoder around a stack of residual codebooks at one resolution (RVQ-VAE).

Guo et al. 2024 (MoMask, arXiv 2312.00063), section 3.1. One latent vector every ``2**levels`` frames, explained by six
codes of six books, each quantizing what the ones before it left: a pyramid whose scales are all of full length. The
defaults are the published network.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from kinescale.core.errors import InputError
from kinescale.nn.conv_stack import ResidualConvStack
from kinescale.nn.seeded import seeded
from kinescale.nn.steps import valid_steps, zero_after
from kinescale.pyramid import residual
from kinescale.quantizers import vq
from kinescale.tokenizers import base
from kinescale.tokenizers.base import Encoded, Reconstruction, StepLoss
from kinescale.tokens.layout import Scale, TokenLayout
from kinescale.tokens.token_map import TokenMap


class Config(base.FeatureConfig):
    """Sizes and rates.

    ``books``: how many codebooks, none shared; ``book_dropout``: chance that a training batch is decoded from a random
    number of them; ``temperature`` of the soft assignment in training; ``blocks``: residual convolutions a level,
    dilated ``dilation_growth**(blocks-1)`` to 1; ``explicit_blocks``: see
    ``tokenizers.base.FeatureConfig``.

    ``mask_padding``: activations past a clip's length are zeroed after every convolution, so that a clip's tokens and
    decoded frames do not depend on how much padding follows (the reference trains on windows that have none).
    """

    width: int = Field(default=512, ge=1)
    code_dim: int = Field(default=512, ge=1)
    codes: int = Field(default=512, ge=2)
    books: int = Field(default=6, ge=1, le=64)
    levels: int = Field(default=2, ge=1, le=6)
    blocks: int = Field(default=3, ge=1)
    dilation_growth: int = Field(default=3, ge=1)
    max_frames: int = Field(default=196, ge=1)
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)
    book_dropout: float = Field(default=0.2, ge=0.0, le=1.0)
    commitment_weight: float = Field(default=0.02, ge=0.0)
    ema_decay: float = Field(default=0.99, ge=0.0, lt=1.0)
    temperature: float | None = Field(default=0.5, gt=0.0)
    mask_padding: bool = False

    @property
    def stride(self) -> int:
        """Frames a latent step stands for."""
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
            codes=config.codes, width=config.code_dim, decay=config.ema_decay, temperature=config.temperature
        )
        pyramid = residual.Config(scales=config.books, width=config.code_dim)
        self.pyramid = residual.ResidualPyramid(pyramid, [vq.Quantizer(book) for _ in range(config.books)])

    def layout(self, frames: int | None = None) -> TokenLayout:
        """A row of full length for each book, as long as clips of ``frames`` frames need."""
        c = self.config
        frames = c.max_frames if frames is None else frames
        if not c.stride <= frames <= c.max_frames:
            raise InputError(f"clips of {frames} frames; expected {c.stride} to {c.max_frames}.")
        capacity = -(-frames // c.stride)
        return TokenLayout((Scale(capacity, 1, 1),) * c.books, capacity, c.stride)

    def encode(self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"]) -> Encoded:
        """Features to tokens, in the layout of ``T`` frames. Raises ``InputError`` for a batch that does not fit."""
        layout, latents = self.checked(features, lengths)
        grid = self._grid(features, lengths, layout)
        with torch.autocast(grid.device.type, enabled=False):
            quantized = self.pyramid(grid, layout, latents)
        return Encoded(TokenMap(layout, latents, quantized.tokens), grid, quantized.total)

    def decode_latent(self, latent: Float[Tensor, "B T P D"], latents: Int[Tensor, "B"]) -> Float[Tensor, "B T2 F"]:
        """A summed latent grid to features."""
        return self.decoder(latent.squeeze(2).transpose(1, 2), latents).transpose(1, 2)

    def training_loss(
        self, features: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"], rng: torch.Generator
    ) -> StepLoss:
        """Smooth-L1 over filled frames, extra on ``explicit_blocks``, and commitment of every book (section 3.1).

        In ``train()`` mode codes are drawn, books dropped and the books updated; in ``eval()`` mode none of these.
        """
        c = self.config
        layout, latents = self.checked(features, lengths)
        with seeded(rng, features.device, self.training):
            grid = self._grid(features, lengths, layout)
            used = self._books(layout, rng)
            with torch.autocast(grid.device.type, enabled=False):
                grid = grid.float()
                quantized = self.pyramid(grid, used, latents, rng if self.training else None)
            inside = valid_steps(latents, layout.capacity)[:, :, None, None].to(grid.dtype)
            decoded = self.decode_latent((quantized.total + (grid - grid.detach())) * inside, latents)
        missed = sum(((grid - partial.detach()) * inside).square().sum() for partial in quantized.sums)
        commitment = torch.as_tensor(missed) / (len(quantized.sums) * inside.sum() * grid.shape[3])
        frames = valid_steps(latents * layout.stride, features.shape[1])
        error = functional.smooth_l1_loss(decoded[:, : features.shape[1]].float(), features, reduction="none")
        error = error * frames[:, :, None]
        everything = error.sum() / (frames.sum() * error.shape[2])
        loss = everything + c.commitment_weight * commitment
        logs = {"reconstruction": float(everything.detach()), "commitment": float(commitment.detach())}
        if self.explicit is not None:
            part = error[..., self.explicit]
            explicit = part.sum() / (frames.sum() * part.shape[-1])
            loss = loss + c.explicit_weight * explicit
            logs["explicit"] = float(explicit.detach())
        logs["perplexity"] = float(vq.perplexity(quantized.codes, self.vocabulary))
        logs["usage"] = float(vq.usage(quantized.codes, self.vocabulary))
        if self.training:
            self.pyramid.observe(quantized, rng)
        made = Reconstruction(decoded[:, : features.shape[1]].float(), features, latents * layout.stride)
        return StepLoss(loss, {"loss": float(loss.detach()), **logs}, made)

    def _books(self, layout: TokenLayout, rng: torch.Generator) -> TokenLayout:
        """The layout of the books that a training batch uses: all, or by chance the first few."""
        chance, count = torch.rand(2, generator=rng).tolist()
        if not self.training or chance >= self.config.book_dropout:
            return layout
        kept = 1 + int(count * len(layout.scales))
        return TokenLayout(layout.scales[:kept], layout.capacity, layout.stride)

    def empty(self, layout: TokenLayout, batch: int) -> Float[Tensor, "B T P D"]:
        """F before any book: zeros."""
        return torch.zeros(batch, layout.capacity, 1, self.latent_width, device=self.decoder.enter.weight.device)

    def contribution(
        self, tokens: Int[Tensor, "B bins groups"], scale: int, layout: TokenLayout
    ) -> Float[Tensor, "B T P D"]:
        """What one book's codes add to F."""
        return self.pyramid.contribution(tokens, scale, layout)

    def scale_input(
        self,
        running: Float[Tensor, "B T P D"],
        scale: int,
        layout: TokenLayout,
        latents: Int[Tensor, "B"] | None = None,
    ) -> Float[Tensor, "B bins groups D"]:
        """F itself: all rows are of full length."""
        return running

    def quantize_scale(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latents: Int[Tensor, "B"]
    ) -> Int[Tensor, "B bins groups"]:
        """Nearest codes of one book for what is left."""
        return self.pyramid.quantize_scale(residual, scale, layout, latents)

    def _grid(self, features: Tensor, lengths: Tensor, layout: TokenLayout) -> Tensor:
        padded = functional.pad(features, (0, 0, 0, layout.max_frames - features.shape[1]))
        return self.encoder(padded.transpose(1, 2), lengths).transpose(1, 2).unsqueeze(2)
