"""The multi-scale residual pyramid around any quantiser: each scale quantises what the coarser ones left.

MoScale, section 2.2 of its method notes; VAR (Tian et al. 2024), algorithm 1. In time only: parts are kept as they are.

Written here rather than taken from vector-quantize-pytorch, whose residual quantisers run at one resolution, know no
clips of different length in a batch, and update a book of their own at every step.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from kinescale.core.records import Record
from kinescale.quantizers.base import Quantizer
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import PADDING


class Config(Record):
    """How the scales are blended.

    ``scales``: how many; ``width``: D; ``blend`` q: each upsampled row h becomes (1-|q|) h + |q| Conv3(h), by one of
    ``blends`` convolutions shared among neighbouring scales (0: h itself, the published setting);
    ``hold``: places after a clip's last token take that token before upsampling, so that what a clip adds to F does
    not depend on how much padding follows (else zeros, as the reference does).
    """

    scales: int = Field(4, ge=1)
    width: int = Field(512, ge=1)
    blend: float = Field(0.0, ge=-1.0, le=1.0)
    blends: int = Field(default=4, ge=1)
    hold: bool = False


@dataclass(frozen=True, eq=False)
class Quantised:
    """What the pyramid made of a latent grid.

    ``tokens``: one [B, bins, P] a scale; ``sums``: F after each scale, [B, T', P, D];
    ``vectors`` [N, D] and ``codes`` [N]: the valid places of all scales, coarse first, what a codebook learns from.
    """

    tokens: tuple[Tensor, ...]
    sums: tuple[Tensor, ...]
    vectors: Tensor
    codes: Tensor

    @property
    def total(self) -> Tensor:
        """F, the sum of all scales."""
        return self.sums[-1]


def down(grid: Float[Tensor, "B T P D"], bins: int) -> Float[Tensor, "B bins P D"]:
    """Area pooling in time (the mean over the latents a bin touches)."""
    if grid.shape[1] == bins:
        return grid
    pooled = functional.adaptive_avg_pool1d(grid.flatten(2).transpose(1, 2), bins)
    return pooled.transpose(1, 2).unflatten(2, grid.shape[2:])


def up(rows: Float[Tensor, "B bins P D"], steps: int) -> Float[Tensor, "B T P D"]:
    """Linear interpolation in time, bin centres to latent centres, ends held."""
    if rows.shape[1] == steps:
        return rows
    spread = functional.interpolate(rows.flatten(2).transpose(1, 2), size=steps, mode="linear", align_corners=False)
    return spread.transpose(1, 2).unflatten(2, rows.shape[2:])


def hold_last(tokens: Int[Tensor, "B bins P"]) -> Int[Tensor, "B bins P"]:
    """Trailing ``PADDING`` replaced by the last token before it; rows of nothing but padding stay."""
    last = (tokens != PADDING).sum(1, keepdim=True) - 1
    places = torch.arange(tokens.shape[1], device=tokens.device)[None, :, None]
    return tokens.gather(1, torch.minimum(places, last).clamp(min=0))


class ResidualPyramid(nn.Module):
    """The loop r -> down -> quantise -> up -> r - up, for grids [B, T', P, D]."""

    def __init__(self, config: Config, quantizer: Quantizer):
        super().__init__()
        self.config = config
        self.quantizer = quantizer
        count = config.blends if config.blend else 0
        self.blends = nn.ModuleList(nn.Conv1d(config.width, config.width, 3) for _ in range(count))

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
        rows = self.quantizer.dequantise(hold_last(tokens) if self.config.hold else tokens)
        return self._blend(scale, up(rows, layout.capacity))

    def pooled(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latents: Int[Tensor, "B"]
    ) -> Float[Tensor, "B bins P D"]:
        """What one scale is asked to quantise: the residual of the filled steps, pooled."""
        inside = torch.arange(layout.capacity, device=latents.device)[None, :] < latents[:, None]
        return down(residual * inside[:, :, None, None].to(residual.dtype), layout.scales[scale].bins)

    def quantise_scale(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latents: Int[Tensor, "B"]
    ) -> Int[Tensor, "B bins P"]:
        """Nearest tokens of one scale; ``PADDING`` where nothing is filled."""
        tokens = self.quantizer.quantise(self.pooled(residual, scale, layout, latents))
        return tokens.masked_fill(~layout.valid(latents, scale), PADDING)

    def forward(
        self,
        grid: Float[Tensor, "B T P D"],
        layout: TokenLayout,
        latents: Int[Tensor, "B"],
        rng: torch.Generator | None = None,
    ) -> Quantised:
        """All scales. With ``rng`` the quantiser assigns as it does in training (and is begun if it was not).

        Only the blend convolutions, where there are any, get a gradient from this.
        """
        residual = grid.detach()
        running = torch.zeros_like(residual)
        tokens, sums, vectors, codes = [], [], [], []
        for scale in range(len(layout.scales)):
            asked = self.pooled(residual, scale, layout, latents)
            valid = layout.valid(latents, scale)
            asked_valid = asked[valid]
            if rng is not None and scale == 0:
                self.quantizer.begin(asked_valid if len(asked_valid) else _filled(residual, latents), rng)
            row = self.quantizer.quantise(asked) if rng is None else self.quantizer.assign(asked, rng)
            row = row.masked_fill(~valid, PADDING)
            added = self.contribution(row, scale, layout)
            residual = residual - added.detach()
            running = running + added
            tokens.append(row)
            sums.append(running)
            vectors.append(asked_valid)
            codes.append(row[valid])
        return Quantised(tuple(tokens), tuple(sums), torch.cat(vectors), torch.cat(codes))


def _filled(grid: Tensor, latents: Tensor) -> Tensor:
    inside = torch.arange(grid.shape[1], device=latents.device)[None, :] < latents[:, None]
    return grid[inside].flatten(0, -2)
