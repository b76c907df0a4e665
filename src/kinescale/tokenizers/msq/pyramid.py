"""MSQ's quantization: every stream pooled to several lengths in time, looked up, spread again, scale after scale.

Section 3 of the method notes (a reconstruction). Unlike ``pyramid.residual`` a scale belongs to the streams of one
granularity, each with quantizers of its own, gradients may flow through the look-up, and bins are a whole number of
latents from the clip's start, whatever its length: so clips can be cut and joined at multiples of the coarsest bin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.steps import valid_steps
from kinescale.pyramid.residual import hold_last
from kinescale.quantizers import fsq
from kinescale.quantizers.base import Quantizer
from kinescale.tokenizers.msq.parts import Stage
from kinescale.tokens.layout import Scale, TokenLayout
from kinescale.tokens.token_map import PADDING

Spread = Literal["linear", "nearest", "cubic"]

SMALLEST_GAIN = 1e-4
CUBIC_SHARPNESS = -0.75
"""Free number of the cubic kernel (Keys 1981), as torch's interpolation has it."""


@dataclass(frozen=True, eq=False)
class Quantized:
    """What the pyramid made of a latent grid.

    ``tokens``: one [B, bins, groups] a scale; ``added``: what each scale adds to its own streams, [B, T', groups, d];
    ``commitment``: mean squared distance of the streams from their sums so far, filled steps only;
    ``seen``: per scale and group the valid vectors and their tokens, what a codebook learns from.
    """

    tokens: tuple[Tensor, ...]
    added: tuple[Tensor, ...]
    commitment: Tensor
    seen: tuple[tuple[tuple[Tensor, Tensor], ...], ...]


def pool(
    rows: Float[Tensor, "B T G d"], bins: int, factor: int, latents: Int[Tensor, "B"]
) -> Float[Tensor, "B bins G d"]:
    """Mean over the filled latents of each bin, ``factor`` latents a bin; zero where none is filled."""
    steps = rows.shape[1]
    inside = valid_steps(latents, steps).to(rows.dtype)[:, :, None, None]
    wanted = bins * factor
    rows, inside = (
        functional.pad(x, (0, 0, 0, 0, 0, max(0, wanted - steps)))[:, :wanted] for x in (rows * inside, inside)
    )
    return rows.unflatten(1, (bins, factor)).sum(2) / inside.unflatten(1, (bins, factor)).sum(2).clamp(min=1.0)


@lru_cache(maxsize=512)
def spread_weights(bins: int, factor: int, steps: int, kind: Spread) -> Float[Tensor, "T bins"]:
    """How much of each bin goes to each latent step: interpolation between bin centers, ends held."""
    steps_at = (torch.arange(steps, dtype=torch.float64) + 0.5) / factor - 0.5
    first = steps_at.floor()
    rest = steps_at - first
    taps: dict[int, Tensor] = _TAPS[kind](rest)
    weights = torch.zeros(steps, bins, dtype=torch.float64)
    for shift, weight in taps.items():
        places = (first + shift).clamp(0, bins - 1).long()
        weights[torch.arange(steps), places] += weight
    return weights.float()


def _cubic(rest: Tensor) -> dict[int, Tensor]:
    a = CUBIC_SHARPNESS

    def near(x: Tensor) -> Tensor:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Tensor) -> Tensor:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return {-1: far(rest + 1), 0: near(rest), 1: near(1 - rest), 2: far(2 - rest)}


_TAPS: dict[str, Callable[[Tensor], dict[int, Tensor]]] = {
    "linear": lambda rest: {0: 1 - rest, 1: rest},
    "nearest": lambda rest: {0: (rest < 0.5).double(), 1: (rest >= 0.5).double()},
    "cubic": _cubic,
}


class PartPyramid(nn.Module):
    """The scales of all streams.

    Parameters
    ----------
    stages : the scales, coarse to fine.
    widths : d of each granularity; streams occupy the first d channels of their latent parts.
    build : makes the quantizer for vectors of a width.
    share : one quantizer a stream for all its scales, else one for each.
    spread, blend : interpolation in time, and the share of a convolution blended into it (0: none).
    """

    begun: Tensor

    def __init__(
        self,
        stages: Sequence[Stage],
        widths: Sequence[int],
        build: Callable[[int], Quantizer],
        *,
        share: bool,
        spread: Spread,
        blend: float,
    ):
        super().__init__()
        self.stages, self.widths, self.spread, self.blend = tuple(stages), tuple(widths), spread, blend
        self.parts = 1 + max(stage.members[-1] for stage in self.stages)
        self.width = max(self.widths[stage.granularity] for stage in self.stages)
        owners = [stage.granularity if share else scale for scale, stage in enumerate(self.stages)]
        self.books_of = tuple(sorted(set(owners)).index(owner) for owner in owners)
        firsts = [owners.index(owner) for owner in sorted(set(owners))]
        self.books = nn.ModuleList(
            nn.ModuleList(build(self.widths[self.stages[k].granularity]) for _ in self.stages[k].members)
            for k in firsts
        )
        self.log_gains = nn.ParameterList()
        if isinstance(self.book(0, 0), fsq.Quantizer):
            self.log_gains = nn.ParameterList(nn.Parameter(torch.zeros(stage.groups)) for stage in self.stages)
        self.blends = nn.ModuleList(
            nn.Conv1d(self._width(k), self._width(k), 3) for k in range(len(self.stages) if blend else 0)
        )
        self.register_buffer("begun", torch.tensor(False))

    def book(self, scale: int, group: int) -> Quantizer:
        """The quantizer of one stream at one scale."""
        books: Any = self.books[self.books_of[scale]]
        return books[group]

    def layout(self, capacity: int, stride: int) -> TokenLayout:
        """The pyramid for clips of at most ``capacity`` latents; every clip fills at least one bin of a scale."""
        scales = tuple(Scale(max(1, capacity // s.factor), s.groups, s.factor, _alone(s)) for s in self.stages)
        return TokenLayout(scales, capacity, stride, least=1)

    def streams(self, grid: Float[Tensor, "B T P D"], scale: int) -> Float[Tensor, "B T G d"]:
        """What of a latent grid one scale codes."""
        members = self.stages[scale].members
        return grid[:, :, members[0] : members[-1] + 1, : self._width(scale)]

    def into_grid(self, added: Float[Tensor, "B T G d"], scale: int) -> Float[Tensor, "B T P D"]:
        """The inverse of ``streams``: zeros elsewhere."""
        members = self.stages[scale].members
        after = self.parts - 1 - members[-1]
        return functional.pad(added, (0, self.width - added.shape[-1], members[0], after))

    def contribution(
        self, tokens: Int[Tensor, "B bins groups"], scale: int, layout: TokenLayout
    ) -> Float[Tensor, "B T P D"]:
        """What one scale's tokens add to F: after a clip's last token, that token."""
        held = hold_last(tokens)
        rows = torch.stack([self.book(scale, g).dequantize(held[:, :, g]) for g in range(held.shape[2])], 2)
        return self.into_grid(self._up(self._scaled(rows, scale), scale, layout), scale)

    def pooled(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latents: Int[Tensor, "B"]
    ) -> Float[Tensor, "B bins G d"]:
        """What one scale is asked to quantize."""
        spec = layout.scales[scale]
        return pool(self.streams(residual, scale), spec.bins, spec.factor, latents)

    def quantize_scale(
        self, residual: Float[Tensor, "B T P D"], scale: int, layout: TokenLayout, latents: Int[Tensor, "B"]
    ) -> Int[Tensor, "B bins groups"]:
        """Tokens of one scale from what is left; ``PADDING`` where nothing is filled."""
        asked = self._unscaled(self.pooled(residual, scale, layout, latents), scale)
        tokens = torch.stack([self.book(scale, g).quantize(asked[:, :, g]) for g in range(asked.shape[2])], 2)
        return tokens.masked_fill(~layout.valid(latents, scale), PADDING)

    def forward(
        self,
        grid: Float[Tensor, "B T P D"],
        layout: TokenLayout,
        latents: Int[Tensor, "B"],
        rng: torch.Generator | None = None,
    ) -> Quantized:
        """All scales. With ``rng`` quantizers assign as they do in training, and are begun if they were not."""
        sums: dict[int, Tensor] = {}
        tokens, added, distances, seen = [], [], [], []
        inside = valid_steps(latents, layout.capacity)[:, :, None, None].to(grid.dtype)
        for scale, stage in enumerate(self.stages):
            streams, spec = self.streams(grid, scale), layout.scales[scale]
            left = streams - sums[stage.members[0]] if stage.members[0] in sums else streams
            asked = pool(left, spec.bins, spec.factor, latents)
            valid = layout.valid(latents, scale)
            if rng is not None and not bool(self.begun):
                self._begin(asked, scale, valid, rng)
            row, rows = self._look_up(self._unscaled(asked, scale), scale, valid, rng)
            change = self._up(self._scaled(rows, scale), scale, layout)
            total = change + sums.get(stage.members[0], 0.0)
            sums[stage.members[0]] = total
            distances.append(((streams - total.detach()) * inside).square().mean((2, 3)).sum() / inside.sum())
            tokens.append(row)
            added.append(change)
            groups = range(stage.groups)
            seen.append(tuple((asked[:, :, g][valid[:, :, g]].detach(), row[:, :, g][valid[:, :, g]]) for g in groups))
        if rng is not None:
            self.begun.fill_(True)
        return Quantized(tuple(tokens), tuple(added), torch.stack(distances).mean(), tuple(seen))

    def total(
        self, quantized: Quantized, grid: Float[Tensor, "B T P D"], kept: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B T P D"]:
        """F of the scales ``kept`` for each clip (all without it), with a gradient to ``grid``."""
        total = torch.zeros_like(grid)
        straight = len(self.log_gains) == 0
        for scale, added in enumerate(quantized.added):
            here = self.into_grid(added.to(grid.dtype), scale)
            total = total + (here if kept is None else here * kept[:, scale, None, None, None].to(here.dtype))
        if straight:
            # A codebook passes no gradient: it goes past it, to the streams that are decoded at all.
            through = grid - grid.detach()
            total = total + (through if kept is None else through * self._decoded(kept)[:, None, :, None])
        return total

    def observe(self, quantized: Quantized, rng: torch.Generator) -> None:
        """Let the quantizers learn from a training batch."""
        for index, books in enumerate(self.books):
            scales = [k for k, owner in enumerate(self.books_of) if owner == index]
            for group in range(len(books)):  # type: ignore[arg-type]
                vectors, codes = zip(*(quantized.seen[k][group] for k in scales), strict=True)
                self.book(scales[0], group).observe(torch.cat(vectors), torch.cat(codes), rng)

    def _width(self, scale: int) -> int:
        return self.widths[self.stages[scale].granularity]

    def _decoded(self, kept: Bool[Tensor, "B S"]) -> Float[Tensor, "B P"]:
        parts = torch.zeros(len(kept), self.parts, device=kept.device)
        for scale, stage in enumerate(self.stages):
            parts[:, list(stage.members)] += kept[:, scale, None].float()
        return (parts > 0).float()

    def _scaled(self, rows: Float[Tensor, "B bins G d"], scale: int) -> Float[Tensor, "B bins G d"]:
        return rows * self.log_gains[scale].exp()[:, None] if len(self.log_gains) else rows

    def _unscaled(self, rows: Float[Tensor, "B bins G d"], scale: int) -> Float[Tensor, "B bins G d"]:
        return rows * (-self.log_gains[scale]).exp()[:, None] if len(self.log_gains) else rows

    def _look_up(
        self,
        asked: Float[Tensor, "B bins G d"],
        scale: int,
        valid: Bool[Tensor, "B bins G"],
        rng: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """Tokens, and the vectors they stand for with those after a clip's end held; differentiable with FSQ."""
        codes, rows = [], []
        for group in range(asked.shape[2]):
            book, vectors = self.book(scale, group), asked[:, :, group]
            if isinstance(book, fsq.Quantizer):
                row, code = book.through(vectors)
                rows.append(row)
            else:
                code = book.quantize(vectors) if rng is None else book.assign(vectors, rng)
                rows.append(book.dequantize(code))
            codes.append(code)
        tokens = torch.stack(codes, 2).masked_fill(~valid, PADDING)
        last = (valid[:, :, :1].sum(1, keepdim=True) - 1).clamp(min=0)
        places = torch.minimum(torch.arange(tokens.shape[1], device=tokens.device)[None, :, None], last)
        found = torch.stack(rows, 2)
        return tokens, found.gather(1, places[..., None].expand(-1, -1, *found.shape[2:]))

    @torch.no_grad()
    def _begin(self, asked: Tensor, scale: int, valid: Tensor, rng: torch.Generator) -> None:
        """First statistics: a gain is the root mean square of what its scale is asked for; a codebook takes vectors."""
        groups = range(asked.shape[2])
        if len(self.log_gains):
            sizes = [fsq.size(asked[:, :, group][valid[:, :, group]]) for group in groups]
            self.log_gains[scale].copy_(torch.stack(sizes).clamp(min=SMALLEST_GAIN).log())
            return
        for group in groups:
            self.book(scale, group).begin(asked[:, :, group][valid[:, :, group]], rng)

    def _up(self, rows: Float[Tensor, "B bins G d"], scale: int, layout: TokenLayout) -> Float[Tensor, "B T G d"]:
        """Bins to latent steps, with the convolution's share where there is one."""
        steps = layout.capacity
        if not self.blend:
            return self._interpolated(rows, scale, steps)
        # One step more, so that what the convolution reads past the end does not depend on the tensor's length.
        wide = self._interpolated(rows, scale, steps + 1)
        line = wide.permute(0, 2, 3, 1).flatten(0, 1)
        line = torch.cat([line[:, :, :1], line], 2)
        mixed = self.blends[scale](line).unflatten(0, (len(rows), -1)).permute(0, 3, 1, 2)
        return wide[:, :steps] * (1.0 - self.blend) + mixed * self.blend

    def _interpolated(self, rows: Float[Tensor, "B bins G d"], scale: int, steps: int) -> Float[Tensor, "B T G d"]:
        factor = self.stages[scale].factor
        if factor == 1 and rows.shape[1] == steps:
            return rows
        weights = spread_weights(rows.shape[1], factor, steps, self.spread).to(rows)
        return torch.einsum("ti,bigd->btgd", weights, rows)


def _alone(stage: Stage) -> tuple[tuple[int, ...], ...]:
    return tuple((member,) for member in stage.members)
