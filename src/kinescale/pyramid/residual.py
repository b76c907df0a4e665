"""The multi-scale residual pyramid around any quantizer: each scale quantizes what the coarser ones left.

MoScale, section 2.2 of its method notes; MoSa, section 2.1 (a book and a convolution stack of its own for each scale);
VAR (Tian et al. 2024), algorithm 1. In time only: parts are kept as they are.

Written here rather than taken from vector-quantize-pytorch, whose residual quantizers run at one resolution, know no
clips of different length in a batch, and update a book of their own at every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from kinescale.core.records import Record
from kinescale.nn.steps import valid_steps
from kinescale.quantizers.base import Quantizer
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import PADDING


class Config(Record):
    """How the scales are blended.

    ``scales``: how many; ``width``: D; ``blend`` q: each upsampled row h becomes (1-|q|) h + |q| Conv3(h), by one of
    ``blends`` convolutions shared among neighboring scales (0: h itself, the published setting);
    ``hold``: places after a clip's last token take that token before upsampling, so that what a clip adds to F does
    not depend on how much padding follows (else zeros, as the reference does);
    ``learn``: a book learns from the pooled residual it was asked for, or from a second look-up on the residual at
    full length (MoSa).
    """

    scales: int = Field(default=4, ge=1)
    width: int = Field(default=512, ge=1)
    blend: float = Field(default=0.0, ge=-1.0, le=1.0)
    blends: int = Field(default=4, ge=1)
    hold: bool = False
    learn: Literal["pooled", "full"] = "pooled"


@dataclass(frozen=True, eq=False)
class Quantized:
    """What the pyramid made of a latent grid.

    ``tokens``: one [B, bins, P] a scale; ``sums``: F after each scale, [B, T', P, D];
    ``asked`` and ``taken``: per scale, what its book learns from: vectors [N, D] and the codes [N] they took.
    """

    tokens: tuple[Tensor, ...]
    sums: tuple[Tensor, ...]
    asked: tuple[Tensor, ...]
    taken: tuple[Tensor, ...]

    @property
    def total(self) -> Tensor:
        """F, the sum of all scales."""
        return self.sums[-1]

    @property
    def vectors(self) -> Tensor:
        """``asked`` of all scales, coarse first."""
        return torch.cat(self.asked)

    @property
    def codes(self) -> Tensor:
        """``taken`` of all scales, coarse first."""
        return torch.cat(self.taken)


def down(grid: Float[Tensor, "B T P D"], bins: int) -> Float[Tensor, "B bins P D"]:
    """Area pooling in time (the mean over the latents a bin touches)."""
    if grid.shape[1] == bins:
        return grid
    pooled = functional.adaptive_avg_pool1d(grid.flatten(2).transpose(1, 2), bins)
    return pooled.transpose(1, 2).unflatten(2, grid.shape[2:])


def up(rows: Float[Tensor, "B bins P D"], steps: int) -> Float[Tensor, "B T P D"]:
    """Linear interpolation in time, bin centers to latent centers, ends held."""
    if rows.shape[1] == steps:
        return rows
    spread = functional.interpolate(rows.flatten(2).transpose(1, 2), size=steps, mode="linear", align_corners=False)
    return spread.transpose(1, 2).unflatten(2, rows.shape[2:])


def hold_last(tokens: Int[Tensor, "B bins P"]) -> Int[Tensor, "B bins P"]:
    """Trailing ``PADDING`` replaced by the last token before it; rows of nothing but padding stay."""
    last = (tokens != PADDING).sum(1, keepdim=True) - 1
    places = torch.arange(tokens.shape[1], device=tokens.device)[None, :, None]
    return tokens.gather(1, torch.minimum(places, last).clamp(min=0))


def filled(layout: TokenLayout, latents: Int[Tensor, "B"]) -> Bool[Tensor, "B T"]:
    """Latent steps that are coded: a clip's own, or all of them where what follows its end is coded too."""
    if layout.rounding == "all":
        latents = torch.full_like(latents, layout.capacity)
    return valid_steps(latents, layout.capacity)


class ResidualPyramid(nn.Module):
    """The loop r -> down -> quantize -> up -> r - up, for grids [B, T', P, D].

    Parameters
    ----------
    quantizer : the one that all scales share, or one for each scale.
    phis : nothing, or a module for each scale that the upsampled rows [B P, D, T'] go through before they are added;
        it is also given which steps to keep ([B P, T'], with ``hold``) or None, and zeroes the others.
    """

    def __init__(self, config: Config, quantizer: Quantizer | Sequence[Quantizer], phis: Sequence[nn.Module] = ()):
        super().__init__()
        self.config = config
        if isinstance(quantizer, Quantizer):
            self.quantizer = quantizer
        else:
            self.quantizers = nn.ModuleList(quantizer)
        count = config.blends if config.blend else 0
        self.blends = nn.ModuleList(nn.Conv1d(config.width, config.width, 3) for _ in range(count))
        self.phis = nn.ModuleList(phis)

    def book(self, scale: int) -> Quantizer:
        """The quantizer of one scale."""
        found = self.quantizers[scale] if hasattr(self, "quantizers") else self.quantizer
        assert isinstance(found, Quantizer)
        return found

    def observe(self, quantized: Quantized, rng: torch.Generator) -> None:
        """Let every book learn from what it was asked: a shared one from all scales, else each from its own."""
        if hasattr(self, "quantizers"):
            for scale, (vectors, codes) in enumerate(zip(quantized.asked, quantized.taken, strict=True)):
                self.book(scale).observe(vectors, codes, rng)
        else:
            self.book(0).observe(quantized.vectors, quantized.codes, rng)

    def _blend(self, scale: int, rows: Tensor) -> Tensor:
        if not self.config.blend:
            return rows
        count = self.config.blends
        low = 1.0 / 3.0 / count
        ticks = torch.linspace(low, 1.0 - low, count) if count > 1 else torch.tensor([0.5])
        share = scale / max(1, self.config.scales - 1)
        convolution = self.blends[int((ticks - share).abs().argmin())]
        batch, steps, parts, width = rows.shape
        line = rows.permute(0, 2, 3, 1).reshape(batch * parts, width, steps)
        # With `hold` the step after the end equals the end itself, in the tensor or beyond it.
        mixed = convolution(functional.pad(line, (1, 1), mode="replicate" if self.config.hold else "constant"))
        mixed = mixed.view(batch, parts, width, steps).permute(0, 3, 1, 2)
        weight = abs(self.config.blend)
        return rows * (1.0 - weight) + mixed * weight

    def contribution(
        self, tokens: Int[Tensor, "B bins P"], scale: int, layout: TokenLayout
    ) -> Float[Tensor, "B T P D"]:
        """What one scale's tokens add to F."""
        rows = self.book(scale).dequantize(hold_last(tokens) if self.config.hold else tokens)
        rows = self._blend(scale, up(rows, layout.capacity))
        if not len(self.phis):
            return rows
        batch, steps, parts, width = rows.shape
        kept = self._reached(tokens, steps) if self.config.hold else None
        line = self.phis[scale](rows.permute(0, 2, 3, 1).reshape(batch * parts, width, steps), kept)
        return line.view(batch, parts, width, steps).permute(0, 3, 1, 2)

    def _reached(self, tokens: Tensor, steps: int) -> Tensor:
        """Steps [B P, T'] that the bins with a token reach: the same whatever number of bins follows."""
        bins = tokens.shape[1]
        count = (tokens != PADDING).sum(1).flatten()
        return valid_steps((count * steps + bins - 1) // bins, steps)

    def pooled(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latents: Int[Tensor, "B"]
    ) -> Float[Tensor, "B bins P D"]:
        """What one scale is asked to quantize: the residual of the filled steps, pooled.

        Where bins that are filled in part count, it is the mean over the steps that are filled.
        """
        inside = filled(layout, latents)[:, :, None, None].to(residual.dtype)
        bins = layout.scales[scale].bins
        pooled = down(residual * inside, bins)
        return pooled / down(inside, bins).clamp(min=1e-6) if layout.rounding == "up" else pooled

    def quantize_scale(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latents: Int[Tensor, "B"]
    ) -> Int[Tensor, "B bins P"]:
        """Nearest tokens of one scale; ``PADDING`` where nothing is filled."""
        tokens = self.book(scale).quantize(self.pooled(residual, scale, layout, latents))
        return tokens.masked_fill(~layout.valid(latents, scale), PADDING)

    def forward(
        self,
        grid: Float[Tensor, "B T P D"],
        layout: TokenLayout,
        latents: Int[Tensor, "B"],
        rng: torch.Generator | None = None,
    ) -> Quantized:
        """All scales. With ``rng`` the quantizer assigns as it does in training (and is begun if it was not).

        Only the convolutions, where there are any, get a gradient from this.
        """
        residual = grid.detach()
        running = torch.zeros_like(residual)
        full = self.config.learn == "full"
        tokens, sums, asked, taken = [], [], [], []
        for scale in range(len(layout.scales)):
            book, valid = self.book(scale), layout.valid(latents, scale)
            wanted = self.pooled(residual, scale, layout, latents)
            learned = wanted[valid]
            if rng is not None and (full or not len(learned)):
                learned = residual[filled(layout, latents)].flatten(0, -2)
            if rng is not None:
                book.begin(learned, rng)
            row = book.quantize(wanted) if rng is None else book.assign(wanted, rng)
            row = row.masked_fill(~valid, PADDING)
            if rng is not None and full:
                asked.append(learned)
                taken.append(book.assign(learned, rng))
            else:
                asked.append(wanted[valid])
                taken.append(row[valid])
            added = self.contribution(row, scale, layout)
            tokens.append(row)
            residual = residual - added.detach()
            running = running + added
            sums.append(running)
        return Quantized(tuple(tokens), tuple(sums), tuple(asked), tuple(taken))
