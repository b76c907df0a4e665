"""Masking patterns of MSQ's generator in training: which tokens are predicted, and what the network sees instead.

Section 4 of the method notes (a reconstruction). The cosine schedule and the 88 to 10 to 2 corruption are MoMask's
(Guo et al. 2024), wrong tokens among the visible ones MoMask++'s; the patterns mirror the edits that the paper shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, model_validator
from torch import Tensor

from kinescale.core.records import Record
from kinescale.nn import global_batch
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import MASKED, PADDING

OVERLAP = 0.5
"""Share of a token's latents that must lie in a span for it to belong to it."""


class Masking(Record):
    """Shares of the four patterns, and of what stands where a token is asked for.

    ``tokens``: any tokens; ``streams``: whole streams first; ``scales``: whole scales, finest first; ``spans``: a
    stretch of time in all streams and scales. Of the chosen tokens a share ``masked`` is hidden, ``replaced`` shows a
    random code, the rest their own; of the others ``noise`` show a random code.
    """

    tokens: float = Field(default=0.5, ge=0.0, le=1.0)
    streams: float = Field(default=0.2, ge=0.0, le=1.0)
    scales: float = Field(default=0.15, ge=0.0, le=1.0)
    spans: float = Field(default=0.15, ge=0.0, le=1.0)
    masked: float = Field(default=0.88, ge=0.0, le=1.0)
    replaced: float = Field(default=0.10, ge=0.0, le=1.0)
    noise: float = Field(default=0.10, ge=0.0, le=1.0)

    @model_validator(mode="after")
    def _consistent(self) -> Masking:
        if abs(sum(self.shares) - 1.0) > 1e-6:
            raise ValueError(f"tokens, streams, scales and spans are {self.shares}; expected shares that add to 1")
        if self.masked + self.replaced > 1.0 + 1e-6:
            raise ValueError("masked and replaced add to more than 1; lower one")
        return self

    @property
    def shares(self) -> tuple[float, float, float, float]:
        """Of the patterns."""
        return self.tokens, self.streams, self.scales, self.spans


def stream_ids(groups: Sequence[int]) -> tuple[int, ...]:
    """Index of each scale's first stream: scales of the same number of groups are of the same streams."""
    firsts, taken = {}, 0
    for count in groups:
        if count not in firsts:
            firsts[count], taken = taken, taken + count
    return tuple(firsts[count] for count in groups)


def covers(layout: TokenLayout) -> Float[Tensor, "L 2"]:
    """First and past-the-last latent of each flattened position."""
    rows = []
    for scale in layout.scales:
        length = scale.factor or layout.capacity / scale.bins
        starts = torch.arange(scale.bins).repeat_interleave(scale.groups) * length
        rows.append(torch.stack([starts, starts + length], 1))
    return torch.cat(rows).float()


def labels_of(
    codec: Codec, latent: Float[Tensor, "B T P D"], layout: TokenLayout, latents: Int[Tensor, "B"]
) -> Int[Tensor, "B L"]:
    """The tokens of a latent grid, flattened."""
    running = codec.empty(layout, len(latent))
    labels = []
    for scale in range(len(layout.scales)):
        row = codec.quantize_scale(latent - running, scale, layout, latents)
        labels.append(row.flatten(1, 2))
        if scale + 1 < len(layout.scales):
            running = running + codec.contribution(row, scale, layout)
    return torch.cat(labels, 1)


def choose(
    layout: TokenLayout, latents: Int[Tensor, "B"], masking: Masking, rng: torch.Generator
) -> Bool[Tensor, "B L"]:
    """The positions asked for: a share cos(pi u / 2) of each clip's, u uniform, at least one, by one pattern a clip.

    A clip's span has that share of its length; the tokens it holds for half or more are asked for.
    """
    here = latents.cpu()
    batch, length = len(here), layout.positions
    valid = layout.valid_flat(here)
    share = torch.cos(math.pi / 2 * global_batch.rand((batch,), rng))
    bounds = torch.tensor(masking.shares).cumsum(0)
    pattern = torch.bucketize(global_batch.rand((batch,), rng), bounds[:-1], right=True)
    uniform = global_batch.rand((batch, length), rng)
    groups = [scale.groups for scale in layout.scales]
    firsts = stream_ids(groups)
    stream = torch.cat([torch.arange(s.groups).repeat(s.bins) + f for s, f in zip(layout.scales, firsts, strict=True)])
    order = global_batch.rand((batch, int(stream.max()) + 1), rng).argsort(1).argsort(1)
    scores = torch.stack([uniform, order[:, stream] + uniform, uniform - layout.scale_of_position(), uniform])
    score = scores[pattern, torch.arange(batch)].masked_fill(~valid, math.inf)
    count = (share * valid.sum(1)).ceil().clamp(min=1)
    ranked = score.argsort(1).argsort(1) < count[:, None]
    chosen = torch.where((pattern == 3)[:, None], _span(layout, here, share, rng), ranked) & valid
    return torch.where(chosen.any(1, keepdim=True), chosen, ranked & valid).to(latents.device)


def _span(
    layout: TokenLayout, latents: Int[Tensor, "B"], share: Float[Tensor, "B"], rng: torch.Generator
) -> Bool[Tensor, "B L"]:
    extent = share * latents
    start = global_batch.rand((len(latents),), rng) * (latents - extent)
    cover = covers(layout)
    # The last bin of a clip may reach past its end.
    ends = torch.minimum(cover[None, :, 1], latents[:, None].float())
    low = torch.maximum(cover[None, :, 0], start[:, None])
    high = torch.minimum(ends, (start + extent)[:, None])
    return (high - low) >= OVERLAP * (ends - cover[None, :, 0]).clamp(min=1e-6)


def show(
    labels: Int[Tensor, "B L"],
    chosen: Bool[Tensor, "B L"],
    codes: Int[Tensor, "L"],
    masking: Masking,
    rng: torch.Generator,
) -> Int[Tensor, "B L"]:
    """What the network sees: codes, ``MASKED`` or ``PADDING``. ``codes``: how many each position chooses from."""
    kind, other, noise = (global_batch.rand(labels.shape, rng).to(labels.device) for _ in range(3))
    drawn = (other * codes).long()
    hidden = chosen & (kind < masking.masked)
    replaced = chosen & (kind >= masking.masked) & (kind < masking.masked + masking.replaced)
    replaced |= ~chosen & (noise < masking.noise)
    shown = torch.where(replaced, drawn, labels).masked_fill(hidden, MASKED)
    return shown.masked_fill(labels == PADDING, PADDING)
