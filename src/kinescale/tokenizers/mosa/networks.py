"""MoSa's encoder, decoder and scale convolutions: convolutions at every level, attention at the coarsest.

MoSa (arXiv 2511.01200), CAQ-VAE. ``latents`` are the latent lengths of clips; with None every step belongs to the clip.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.group_norm import GroupNorm
from kinescale.nn.norm_conv import EPS, NormConv
from kinescale.nn.steps import valid_steps, zero_after
from kinescale.nn.time_attention import TimeAttention

GROUPS = 4
"""Groups of every group norm."""


class Level(nn.Module):
    """Residual convolutions at one resolution, each followed by attention where ``attend`` is set."""

    def __init__(self, source: int, width: int, blocks: int, attend: bool):
        super().__init__()
        self.blocks = nn.ModuleList(NormConv(source if k == 0 else width, width, GROUPS) for k in range(blocks))
        self.attentions = nn.ModuleList(TimeAttention(width, GROUPS) for _ in range(blocks if attend else 0))

    def forward(self, x: Float[Tensor, "B C T"], valid: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B W T"]:
        """Steps not ``valid`` stay zero."""
        for k, block in enumerate(self.blocks):
            x = block(x, valid)
            if len(self.attentions):
                x = self.attentions[k](x, valid)
        return x


class Middle(nn.Module):
    """Convolutions, attention where ``attend`` is set, convolutions, at the coarsest resolution."""

    def __init__(self, width: int, attend: bool):
        super().__init__()
        self.before = NormConv(width, width, GROUPS)
        self.attention = TimeAttention(width, GROUPS) if attend else None
        self.after = NormConv(width, width, GROUPS)

    def forward(self, x: Float[Tensor, "B C T"], valid: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B C T"]:
        """Steps not ``valid`` stay zero."""
        x = self.before(x, valid)
        return self.after(x if self.attention is None else self.attention(x, valid), valid)


class Encoder(nn.Module):
    """[B, F, T] to [B, D, T / 2**(levels-1)]; ``widths`` are the channels of each level, finest first."""

    def __init__(self, features: int, widths: Sequence[int], blocks: int, code_dim: int, attend: bool = True):
        super().__init__()
        sources = (widths[0], *widths[:-1])
        deepest = len(widths) - 1
        self.enter = nn.Conv1d(features, widths[0], 3, padding=1)
        self.levels = nn.ModuleList(
            Level(source, width, blocks, attend and k == deepest)
            for k, (source, width) in enumerate(zip(sources, widths, strict=True))
        )
        self.narrow = nn.ModuleList(nn.Conv1d(width, width, 3, stride=2) for width in widths[:-1])
        self.middle = Middle(widths[-1], attend)
        self.norm = GroupNorm(GROUPS, widths[-1], eps=EPS)
        self.leave = nn.Conv1d(widths[-1], code_dim, 3, padding=1)

    def forward(self, x: Float[Tensor, "B F T"], lengths: Int[Tensor, "B"] | None = None) -> Float[Tensor, "B D T2"]:
        """Latents; with ``lengths`` (frames) they do not depend on what follows a clip's end."""
        valid = None if lengths is None else valid_steps(lengths, x.shape[2])
        x = zero_after(self.enter(zero_after(x, valid)), valid)
        for k, level in enumerate(self.levels):
            if k:
                x = self.narrow[k - 1](functional.pad(x, (0, 1)))
                valid = None if lengths is None else valid_steps((lengths + (1 << k) - 1) >> k, x.shape[2])
                x = zero_after(x, valid)
            x = level(x, valid)
        x = functional.silu(self.norm(self.middle(x, valid), valid))
        return zero_after(self.leave(zero_after(x, valid)), valid)


class Decoder(nn.Module):
    """[B, D, T'] to [B, F, T' * 2**(levels-1)]; one residual block per level more than the encoder."""

    def __init__(self, features: int, widths: Sequence[int], blocks: int, code_dim: int, attend: bool = True):
        super().__init__()
        falling = tuple(reversed(widths))
        sources = (falling[0], *falling[:-1])
        self.enter = nn.Conv1d(code_dim, falling[0], 3, padding=1)
        self.middle = Middle(falling[0], attend)
        self.levels = nn.ModuleList(
            Level(source, width, blocks + 1, attend and k == 0)
            for k, (source, width) in enumerate(zip(sources, falling, strict=True))
        )
        self.widen = nn.ModuleList(nn.Conv1d(width, width, 3, padding=1) for width in falling[:-1])
        self.norm = GroupNorm(GROUPS, falling[-1], eps=EPS)
        self.leave = nn.Conv1d(falling[-1], features, 3, padding=1)

    def forward(self, x: Float[Tensor, "B D T"], latents: Int[Tensor, "B"] | None = None) -> Float[Tensor, "B F T2"]:
        """Features; with ``latents`` those of a clip's steps do not depend on what follows them."""
        valid = None if latents is None else valid_steps(latents, x.shape[2])
        x = self.middle(zero_after(self.enter(zero_after(x, valid)), valid), valid)
        for k, level in enumerate(self.levels):
            if k:
                wide = x.repeat_interleave(2, dim=2)
                valid = None if latents is None else valid_steps(latents << k, wide.shape[2])
                x = zero_after(self.widen[k - 1](wide), valid)
            x = level(x, valid)
        return self.leave(zero_after(functional.silu(self.norm(x, valid)), valid))


class ScaleConvs(nn.Module):
    """Phi of one scale: ``depth`` times a convolution of three steps and a ReLU. What it adds is never negative."""

    def __init__(self, width: int, depth: int):
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv1d(width, width, 3, padding=1) for _ in range(depth))

    def forward(self, x: Float[Tensor, "B D T"], kept: Bool[Tensor, "B T"] | None = None) -> Float[Tensor, "B D T"]:
        """Same shape; steps not ``kept`` are zeroed before and after each layer."""
        x = zero_after(x, kept)
        for layer in self.layers:
            x = zero_after(functional.relu(layer(x)), kept)
        return x
