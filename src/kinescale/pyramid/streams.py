"""Residual pyramid of streams: a scale quantizes the latent parts of its own streams only, pooled in time.

MSQ, section 3 of its method notes (a reconstruction). Bins are a whole number of latents from the clip's start,
whatever its length, so that clips can be cut and joined at multiples of the coarsest bin.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.skeleton_graph import hold_steps
from kinescale.nn.steps import valid_steps
from kinescale.pyramid import loop
from kinescale.pyramid.interpolation import Kind, interpolate
from kinescale.quantizers.base import Quantizer
from kinescale.tokens.layout import TokenLayout


class Config(loop.Config):
    """``widths`` d of each scale's streams, which are the first d channels of their latent parts; ``spread``: kind of
    interpolation in time; ``blend``: share of a convolution in what a scale adds (0: none)."""

    widths: tuple[int, ...]
    spread: Kind = "linear"
    blend: float = Field(default=0.0, ge=0.0, le=1.0)


def pool(
    rows: Float[Tensor, "B T G d"], bins: int, factor: int, latent_lengths: Int[Tensor, "B"]
) -> Float[Tensor, "B bins G d"]:
    """Mean over the filled latents of each bin, ``factor`` latents per bin; zero where none is filled."""
    steps = rows.shape[1]
    inside = valid_steps(latent_lengths, steps).to(rows.dtype)[:, :, None, None]
    wanted = bins * factor
    rows, inside = (
        functional.pad(x, (0, 0, 0, 0, 0, max(0, wanted - steps)))[:, :wanted] for x in (rows * inside, inside)
    )
    return rows.unflatten(1, (bins, factor)).sum(2) / inside.unflatten(1, (bins, factor)).sum(2).clamp(min=1.0)


class StreamPyramid(loop.ResidualPyramid):
    """For layouts whose scales name the latent part of each stream (``members``), a run of neighboring parts."""

    config: Config

    def __init__(
        self,
        quantizers: Sequence[Quantizer],
        layout: TokenLayout,
        shape: tuple[int, int],
        config: Config,
        owners: Sequence[int],
    ):
        super().__init__(quantizers, layout, shape, config, owners)
        self.blends = nn.ModuleList(nn.Conv1d(width, width, 3) for width in config.widths if config.blend)

    def streams(self, grid: Float[Tensor, "B T P D"], scale: int) -> Float[Tensor, "B T G d"]:
        """The streams of one scale."""
        members = self.full_layout.scales[scale].members
        return grid[:, :, members[0][0] : members[-1][0] + 1, : self.config.widths[scale]]

    def pool(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latent_lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B bins G d"]:
        """Means of the scale's streams over the filled latents of each bin."""
        spec = layout.scales[scale]
        return pool(self.streams(residual, scale), spec.bins, spec.factor, latent_lengths)

    def upsample(
        self, rows: Float[Tensor, "B bins G d"], scale: int, layout: TokenLayout, bins: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T P D"]:
        """Rows interpolated to all latents, after a clip's last token that token; zeros in the other streams."""
        held, steps = hold_steps(rows, bins.clamp(min=1)), layout.capacity
        if self.config.blend:
            # One step more, so that what the convolution reads past the end does not depend on the tensor's length.
            wide = self._interpolated(held, scale, steps + 1)
            line = wide.permute(0, 2, 3, 1).flatten(0, 1)
            mixed = self.blends[scale](torch.cat([line[:, :, :1], line], 2))
            mixed = mixed.unflatten(0, (len(rows), -1)).permute(0, 3, 1, 2)
            added = wide[:, :steps] * (1.0 - self.config.blend) + mixed * self.config.blend
        else:
            added = self._interpolated(held, scale, steps)
        members = layout.scales[scale].members
        after = self.latent_parts - 1 - members[-1][0]
        return functional.pad(added, (0, self.latent_width - added.shape[-1], members[0][0], after))

    def scale_input(
        self,
        running: Float[Tensor, "B T P D"],
        scale: int,
        layout: TokenLayout,
        latent_lengths: Int[Tensor, "B"] | None = None,
    ) -> Float[Tensor, "B bins G D"]:
        """F of the scale's streams pooled to its bins, filled up with zero channels."""
        rows = super().scale_input(running, scale, layout, latent_lengths)
        return functional.pad(rows, (0, self.latent_width - rows.shape[-1]))

    def _interpolated(self, rows: Float[Tensor, "B bins G d"], scale: int, steps: int) -> Float[Tensor, "B T G d"]:
        factor = self.full_layout.scales[scale].factor
        return rows if factor == 1 and rows.shape[1] == steps else interpolate(rows, factor, steps, self.config.spread)
