"""Residual pyramid over time and body parts: each scale averages bins of latents and groups of parts.

ScaleMoGen (arXiv 2605.11704), section 2.2 of its method notes. In the ``faithful`` setting bins are spread over the
whole capacity as in the reference; otherwise bin i covers the ``factor`` latents from ``i * factor`` on, means run over
the latents that a clip fills, and its last code is held, so that nothing depends on the padding that follows a clip.
"""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, arange, stack
from torch.nn import functional

from kinescale.nn.skeleton_graph import hold_steps, zero_steps
from kinescale.nn.steps import valid_steps
from kinescale.pyramid import loop
from kinescale.pyramid.interpolation import interpolate
from kinescale.pyramid.temporal import down, up
from kinescale.tokens.layout import Scale, TokenLayout


class Config(loop.Config):
    """``faithful``: see the module's docstring."""

    faithful: bool = False


class SkeletalPyramid(loop.ResidualPyramid):
    """For layouts whose scales name the parts of each group (``members``)."""

    config: Config

    def pool(
        self, residual: Float[Tensor, "B T P K"], scale: int, layout: TokenLayout, latent_lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B bins groups K"]:
        """Means over bins in time and groups of parts, of the filled steps."""
        spec = layout.scales[scale]
        inside = zero_steps(residual, valid_steps(latent_lengths, layout.capacity))
        return _grouped(self._bins(inside, spec, latent_lengths), spec)

    def _bins(self, grid: Tensor, spec: Scale, latent_lengths: Tensor) -> Tensor:
        if spec.factor == 1:
            return grid
        if self.config.faithful:
            return down(grid, spec.bins)
        missing = spec.bins * spec.factor - grid.shape[1]
        sums = functional.pad(grid, (0, 0, 0, 0, 0, missing)).unflatten(1, (spec.bins, spec.factor)).sum(2)
        starts = arange(spec.bins, device=grid.device)[None, :] * spec.factor
        count = (latent_lengths[:, None] - starts).clamp(min=1, max=spec.factor)
        return sums / count[:, :, None, None].to(grid.dtype)

    def upsample(
        self, rows: Float[Tensor, "B bins groups K"], scale: int, layout: TokenLayout, bins: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T P K"]:
        """Linear in time, a copy to every part of a group."""
        spec = layout.scales[scale]
        if not _single(spec, self.latent_parts):
            rows = rows[:, :, _group_of_part(spec, self.latent_parts)]
        if spec.factor == 1:
            return rows
        if self.config.faithful:
            return up(rows, layout.capacity)
        return interpolate(hold_steps(rows, bins.clamp(min=1)), spec.factor, layout.capacity)

    def scale_input(
        self,
        running: Float[Tensor, "B T P K"],
        scale: int,
        layout: TokenLayout,
        latent_lengths: Int[Tensor, "B"] | None = None,
    ) -> Float[Tensor, "B bins groups K"]:
        """F at the resolution of a scale: interpolated as in the reference, else the means of ``pool``."""
        if self.config.faithful:
            spec = layout.scales[scale]
            return _grouped(running if spec.factor == 1 else up(running, spec.bins), spec)
        return super().scale_input(running, scale, layout, latent_lengths)


def _grouped(rows: Tensor, spec: Scale) -> Tensor:
    """Plain means over each group's parts."""
    if _single(spec, rows.shape[2]):
        return rows
    return stack([rows[:, :, list(inside)].mean(2) for inside in spec.members], dim=2)


def _single(spec: Scale, parts: int) -> bool:
    """Whether group g is part g."""
    return spec.members == tuple((part,) for part in range(parts))


def _group_of_part(spec: Scale, parts: int) -> list[int]:
    return [next(g for g, inside in enumerate(spec.members) if part in inside) for part in range(parts)]
