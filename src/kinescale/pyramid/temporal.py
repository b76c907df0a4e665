"""Residual pyramid in time: area pooling to each scale's bins, linear interpolation back; parts are kept as they are.

MoScale, section 2.2 of its method notes; MoSa, section 2.1 (a codebook and a convolution stack per scale).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.skeleton_graph import hold_steps
from kinescale.nn.steps import valid_steps
from kinescale.pyramid import loop
from kinescale.quantizers.base import Quantizer
from kinescale.tokens.layout import TokenLayout


class Config(loop.Config):
    """``blend`` q: an upsampled row h becomes (1-|q|) h + |q| Conv3(h), by one of ``blends`` convolutions shared among
    neighboring scales (0: h itself, the published setting).

    ``hold``: positions after a clip's last token take that token before upsampling, so that what a clip adds to F does
    not depend on how much padding follows (else zeros, as in the reference).
    ``scale_input``: F is averaged over all latents of a bin, or over the filled ones of it.
    """

    blend: float = Field(default=0.0, ge=-1.0, le=1.0)
    blends: int = Field(default=4, ge=1)
    hold: bool = False
    scale_input: Literal["all", "filled"] = "all"


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


class TemporalPyramid(loop.ResidualPyramid):
    """See the module's docstring.

    ``phis``: nothing, or a module per scale that the upsampled rows [B P, D, T'] go through before they are added; its
    second argument is the steps to keep ([B P, T'], with ``hold``) or None, and it zeroes the others.
    """

    config: Config

    def __init__(
        self,
        quantizers: Sequence[Quantizer],
        layout: TokenLayout,
        shape: tuple[int, int],
        config: Config,
        phis: Sequence[nn.Module] = (),
    ):
        super().__init__(quantizers, layout, shape, config)
        count, width = config.blends if config.blend else 0, shape[1]
        self.blends = nn.ModuleList(nn.Conv1d(width, width, 3) for _ in range(count))
        self.phis = nn.ModuleList(phis)

    def pool(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latent_lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B bins P D"]:
        """The residual of the filled steps, averaged; where bins that are filled in part count, over what is filled."""
        inside = loop.filled(layout, latent_lengths)[:, :, None, None].to(residual.dtype)
        bins = layout.scales[scale].bins
        pooled = down(residual * inside, bins)
        return pooled / down(inside, bins).clamp(min=1e-6) if layout.rounding == "up" else pooled

    def upsample(
        self, rows: Float[Tensor, "B bins P D"], scale: int, layout: TokenLayout, bins: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T P D"]:
        """Rows interpolated to all latents, blended with a convolution, then through the scale's ``phis``."""
        if self.config.hold:
            rows = hold_steps(rows, bins.clamp(min=1))
        steps, parts = layout.capacity, rows.shape[2]
        kept = None
        if self.config.hold and len(self.phis):
            # the steps that the filled bins reach: the same whatever number of bins follows
            reached = (bins * steps + rows.shape[1] - 1) // rows.shape[1]
            kept = valid_steps(reached.repeat_interleave(parts), steps)
        rows = self._blend(scale, up(rows, steps))
        return _unlined(self.phis[scale](_lined(rows), kept), parts) if len(self.phis) else rows

    def scale_input(
        self,
        running: Float[Tensor, "B T P D"],
        scale: int,
        layout: TokenLayout,
        latent_lengths: Int[Tensor, "B"] | None = None,
    ) -> Float[Tensor, "B bins P D"]:
        """F averaged to the bins of a scale."""
        if latent_lengths is None or self.config.scale_input == "all":
            return down(running, layout.scales[scale].bins)
        return self.pool(running, scale, layout, latent_lengths)

    def _blend(self, scale: int, rows: Float[Tensor, "B T P D"]) -> Float[Tensor, "B T P D"]:
        if not self.config.blend:
            return rows
        count = self.config.blends
        low = 1.0 / 3.0 / count
        ticks = torch.linspace(low, 1.0 - low, count) if count > 1 else torch.tensor([0.5])
        share = scale / max(1, len(self.full_layout.scales) - 1)
        convolution = self.blends[int((ticks - share).abs().argmin())]
        # With `hold` the step after the end equals the end itself, in the tensor or beyond it.
        padding = "replicate" if self.config.hold else "constant"
        mixed = _unlined(convolution(functional.pad(_lined(rows), (1, 1), mode=padding)), rows.shape[2])
        weight = abs(self.config.blend)
        return rows * (1.0 - weight) + mixed * weight


def _lined(rows: Float[Tensor, "B T P D"]) -> Float[Tensor, "BP D T"]:
    return rows.permute(0, 2, 3, 1).flatten(0, 1)


def _unlined(line: Float[Tensor, "BP D T"], parts: int) -> Float[Tensor, "B T P D"]:
    return line.unflatten(0, (-1, parts)).permute(0, 3, 1, 2)
