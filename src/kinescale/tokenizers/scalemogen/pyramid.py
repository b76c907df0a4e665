"""The skeletal-temporal pyramid: each scale pools time and body parts of what the coarser ones left.

ScaleMoGen (arXiv 2605.11704), section 2.2 of its method notes. In the faithful setting bins are spread over the whole
capacity as in the reference; otherwise bin i covers the ``factor`` latents from ``i * factor`` on, means run over the
latents that a clip fills, and its last code is held, so that nothing depends on what follows a clip. What a token is,
is the book's business: K bits as published, or an index.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.skeleton_graph import hold_steps, zero_steps
from kinescale.nn.steps import valid_steps
from kinescale.quantizers import fsq
from kinescale.quantizers.base import Quantizer
from kinescale.tokenizers.scalemogen.codebooks import Book, book_of
from kinescale.tokens.layout import Scale, TokenLayout
from kinescale.tokens.token_map import PADDING


@dataclass(frozen=True, eq=False)
class Quantized:
    """``tokens``: one [B, bins, groups] or [B, bins, groups, K] a scale; ``total``: F; ``losses``: the quantizer's, of
    the scales kept; ``asked``: the valid vectors of each scale [N, D]."""

    tokens: tuple[Tensor, ...]
    total: Tensor
    losses: tuple[Tensor, ...]
    asked: tuple[Tensor, ...]


class SkeletalPyramid(nn.Module):
    """The loop r -> down -> quantize -> up -> r - up, for grids [B, T', P, K]; only the book's numbers are learned."""

    begun: Tensor

    def __init__(self, quantizer: Quantizer, parts: int, faithful: bool, scales: int = 1):
        super().__init__()
        self.quantizer = quantizer
        self.parts = parts
        self.faithful = faithful
        self.log_gains = None
        if isinstance(quantizer, fsq.Quantizer):
            self.log_gains = nn.Parameter(torch.zeros(scales))
            self.register_buffer("begun", torch.tensor(False))

    @property
    def book(self) -> Book:
        """The quantizer as the pyramid uses it."""
        return book_of(self.quantizer, self.log_gains, None if self.log_gains is None else self.begun)

    def down(
        self, grid: Float[Tensor, "B T P K"], spec: Scale, latents: Int[Tensor, "B"]
    ) -> Float[Tensor, "B bins groups K"]:
        """Means over bins in time and groups of parts; ``grid`` is zero where it is not filled."""
        return _merge(self._bins(grid, spec, latents), spec)

    def _bins(self, grid: Tensor, spec: Scale, latents: Tensor) -> Tensor:
        if spec.factor == 1:
            return grid
        if self.faithful:
            rows = grid.flatten(2).transpose(1, 2)
            return functional.adaptive_avg_pool1d(rows, spec.bins).transpose(1, 2).unflatten(2, grid.shape[2:])
        missing = spec.bins * spec.factor - grid.shape[1]
        sums = functional.pad(grid, (0, 0, 0, 0, 0, missing)).unflatten(1, (spec.bins, spec.factor)).sum(2)
        starts = torch.arange(spec.bins, device=grid.device)[None, :] * spec.factor
        count = (latents[:, None] - starts).clamp(min=1, max=spec.factor)
        return sums / count[:, :, None, None].to(grid.dtype)

    def up(
        self, codes: Float[Tensor, "B bins groups K"], spec: Scale, capacity: int, bins: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T P K"]:
        """Linear in time, a copy to every part of a group; ``bins`` of each clip hold codes, the others are zero."""
        rows = codes if _alone(spec, self.parts) else codes[:, :, self._group_of_part(spec)]
        if spec.factor == 1:
            return rows
        if self.faithful:
            flat = rows.flatten(2).transpose(1, 2)
            spread = functional.interpolate(flat, size=capacity, mode="linear", align_corners=False)
            return spread.transpose(1, 2).unflatten(2, rows.shape[2:])
        held = hold_steps(rows, bins.clamp(min=1))
        place = (torch.arange(capacity, device=rows.device) + 0.5) / spec.factor - 0.5
        low = place.floor()
        share = (place - low)[None, :, None, None].to(rows.dtype)
        index = low.long()
        first, second = index.clamp(0, spec.bins - 1), (index + 1).clamp(0, spec.bins - 1)
        return held[:, first] * (1.0 - share) + held[:, second] * share

    def _group_of_part(self, spec: Scale) -> list[int]:
        return [next(g for g, inside in enumerate(spec.members) if part in inside) for part in range(self.parts)]

    def contribution(
        self, tokens: Int[Tensor, "B bins groups ..."], scale: int, layout: TokenLayout
    ) -> Float[Tensor, "B T P K"]:
        """What one scale's tokens add to F."""
        bins = (tokens.flatten(2)[:, :, 0] != PADDING).sum(1)
        return self.up(self.book.dequantize(tokens, scale), layout.scales[scale], layout.capacity, bins)

    def scale_input(
        self,
        running: Float[Tensor, "B T P K"],
        scale: int,
        layout: TokenLayout,
        latents: Int[Tensor, "B"] | None = None,
    ) -> Float[Tensor, "B bins groups K"]:
        """F at the resolution of a scale: interpolated as in the reference, else the means of ``down``."""
        spec = layout.scales[scale]
        if not self.faithful:
            if latents is None:
                latents = torch.full((len(running),), layout.capacity, device=running.device)
            return self.down(zero_steps(running, valid_steps(latents, layout.capacity)), spec, latents)
        if spec.factor == 1:
            return _merge(running, spec)
        rows = running.flatten(2).transpose(1, 2)
        spread = functional.interpolate(rows, size=spec.bins, mode="linear", align_corners=False)
        return _merge(spread.transpose(1, 2).unflatten(2, running.shape[2:]), spec)

    def quantize_scale(
        self, residual: Float[Tensor, "B T P K"], scale: int, layout: TokenLayout, latents: Int[Tensor, "B"]
    ) -> Int[Tensor, "B bins groups ..."]:
        """Tokens of one scale; ``PADDING`` where nothing is filled."""
        inside = zero_steps(residual, valid_steps(latents, layout.capacity))
        tokens = self.book.quantize(self.down(inside, layout.scales[scale], latents), scale)
        return _padded(tokens, layout.valid(latents, scale))

    @torch.no_grad()
    def begin(
        self, grid: Float[Tensor, "B T P K"], layout: TokenLayout, latents: Int[Tensor, "B"], rng: torch.Generator
    ) -> None:
        """Let the book set up its statistics from a first training batch; nothing later."""
        if self.book.ready:
            return
        inside = zero_steps(grid, valid_steps(latents, layout.capacity))
        rows = (self.down(inside, spec, latents) for spec in layout.scales)
        self.book.begin([row[layout.valid(latents, scale)] for scale, row in enumerate(rows)], rng)

    def observe(self, quantized: Quantized, rng: torch.Generator) -> None:
        """Let the book learn from a training batch."""
        taken = [row[row != PADDING] if row.ndim == 3 else row.flatten(0, 2) for row in quantized.tokens]
        self.book.observe(quantized.asked, taken, rng)

    def forward(
        self, grid: Float[Tensor, "B T P K"], layout: TokenLayout, latents: Int[Tensor, "B"], dropped: tuple[bool, ...]
    ) -> Quantized:
        """All scales, differentiable; those ``dropped`` add nothing to F and have no loss."""
        book, inside = self.book, valid_steps(latents, layout.capacity)
        residual, running = grid, torch.zeros_like(grid)
        tokens, losses, vectors = [], [], []
        for scale, spec in enumerate(layout.scales):
            residual = zero_steps(residual, inside)
            asked = self.down(residual, spec, latents)
            valid = layout.valid(latents, scale)
            tokens.append(_padded(book.quantize(asked, scale), valid))
            vectors.append(asked[valid].detach())
            if dropped[scale]:
                continue
            codes, loss = book.through(asked, valid, scale)
            losses.append(loss)
            codes = codes * valid[..., None].to(codes.dtype)
            added = self.up(codes, spec, layout.capacity, layout.valid_bins(latents, scale))
            residual = residual - added
            running = running + added
        return Quantized(tuple(tokens), running, tuple(losses), tuple(vectors))


def _padded(tokens: Tensor, valid: Tensor) -> Tensor:
    """``PADDING`` where a position is not filled, in all bits of a token."""
    return tokens.masked_fill(~(valid if tokens.ndim == 3 else valid[..., None]), PADDING)


def _merge(rows: Tensor, spec: Scale) -> Tensor:
    """Plain means over each group's parts."""
    if _alone(spec, rows.shape[2]):
        return rows
    return torch.stack([rows[:, :, list(inside)].mean(2) for inside in spec.members], dim=2)


def _alone(spec: Scale, parts: int) -> bool:
    """Whether group g is part g."""
    return spec.members == tuple((part,) for part in range(parts))
