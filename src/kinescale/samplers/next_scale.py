"""Scale by scale, coarse to fine, each scale in a few steps that draw its least certain positions again.

MoScale (arXiv 2604.03799), sampling: inside a scale MaskGIT's schedule (Chang et al. 2022); between scales the sum of
what was drawn is what the next one reads. Classifier-free guidance, conditional and unconditional in one pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.samplers.base import Drawn, Keep, OnScale, SampleRequest, ScaleGenerator, Steps, draw_clips
from kinescale.samplers.base.logits import draw, filtered_probabilities, guided, uniform_numbers
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import MASKED, PADDING, TokenMap


class Config(Record):
    """How to draw.

    ``guidance`` w: scale k is guided by ``w + guidance_offset - guidance_fall * k``, at least 0 (w = 0: not at all);
    ``steps``: passes a scale, coarse first, the last one standing for all finer scales; ``temperature``,
    ``top_p`` and ``top_k`` (0: off) shape the draw, not the confidence.

    ``faithful``: the number of positions drawn again counts a row's padding, as the reference does, so that short
    clips are mostly drawn anew; otherwise it counts the positions that the clip has to draw.
    """

    guidance: float = Field(default=5.0, ge=0.0, le=100.0)
    guidance_offset: float = 0.25
    guidance_fall: float = 0.25
    steps: tuple[int, ...] = (1, 2, 5, 10)
    temperature: float = Field(default=1.0, gt=0.0, le=100.0)
    top_p: float = Field(default=0.9, ge=0.0, le=1.0)
    top_k: int = Field(default=0, ge=0)
    faithful: bool = False

    def strength(self, scale: int) -> float:
        """Guidance of one scale."""
        if self.guidance == 0.0:
            return 0.0
        return max(0.0, self.guidance + self.guidance_offset - self.guidance_fall * scale)

    def passes(self, scale: int) -> int:
        """Steps of one scale."""
        return self.steps[min(scale, len(self.steps) - 1)]


@torch.no_grad()
def sample(
    generator: ScaleGenerator,
    codec: Codec,
    text: TextFeatures,
    unconditional: TextFeatures | None,
    layout: TokenLayout,
    latents: Int[Tensor, "B"],
    *,
    config: Config,
    rngs: Sequence[torch.Generator],
    keep: Keep | None = None,
    on_scale: OnScale | None = None,
    shared_passes: bool = False,
) -> Drawn:
    """Draw a pyramid.

    Parameters
    ----------
    text : a sentence a clip; ``unconditional``: what guidance leads away from (None: the generator's own).
    latents : latent steps of each clip.
    rngs : a CPU generator a clip.
    keep : positions that are given; the others are drawn.
    on_scale : called with a scale's index and F after it.
    shared_passes : one network pass for all clips instead of one for each: faster on an accelerator, but then a clip
        may depend on what else is drawn (``samplers.base``).

    Raises ``InputError`` when counts do not fit or a clip is longer than the layout.
    """
    if not config.steps or min(config.steps) < 1:
        raise InputError(f"steps are {config.steps}; expected at least one pass a scale, such as (1, 2, 5, 10).")
    request = SampleRequest(generator, codec, text, unconditional, layout, latents, rngs, keep)
    return draw_clips(partial(_steps, config=config), request, on_scale, shared_passes)


def _steps(request: SampleRequest, config: Config) -> Steps[Drawn]:
    """Scale by scale, all clips of the request in the same passes."""
    generator, codec, text, layout = request.generator, request.codec, request.text, request.layout
    running = codec.empty(layout, len(request.latents))
    latents = request.latents.to(running.device)
    away = generator.unconditional(text) if request.unconditional is None else request.unconditional
    both = TextFeatures.stack([text.to(running.device), away.to(running.device)])
    state = generator.begin(both, layout, latents.repeat(2))
    drawn = []
    for scale in range(len(layout.scales)):
        inputs = codec.scale_input(running, scale, layout, latents)
        twice = torch.cat([inputs, inputs])
        row = _Row.start(layout, latents, scale, request.keep)
        for step in range(config.passes(scale)):
            row, hidden = row.mask(step, config, scale)
            logits, state = generator.step(state, scale, twice, torch.cat([row.tokens, row.tokens]))
            logits = guided(*logits.float().chunk(2), config.strength(scale))
            row = row.choose(logits, hidden, config, request.rngs)
        state = generator.settle(state, scale, twice, torch.cat([row.tokens, row.tokens]))
        running = running + codec.contribution(row.tokens, scale, layout)
        drawn.append(row.tokens)
        yield scale, row.tokens, running
    return Drawn(TokenMap(layout, latents, tuple(drawn)), running)


FROZEN = 1e5
"""Score of positions that are given, drawn for good, or padding; above any probability."""


@dataclass(frozen=True, eq=False)
class _Row:
    """One scale on its way: tokens, confidence, and which positions are to be drawn; all [B, bins, groups]."""

    tokens: Int[Tensor, "B bins groups"]
    scores: Float[Tensor, "B bins groups"]
    wanted: Bool[Tensor, "B bins groups"]

    @staticmethod
    def start(layout: TokenLayout, latents: Tensor, scale: int, keep: Keep | None) -> _Row:
        valid = layout.valid(latents, scale)
        wanted = valid
        tokens = torch.full(valid.shape, MASKED, device=latents.device)
        if keep is not None:
            given = keep.given[scale].to(latents.device) & valid
            tokens = torch.where(given, keep.tokens[scale].to(latents.device), tokens)
            wanted = valid & ~given
        tokens = tokens.masked_fill(~valid, PADDING)
        return _Row(tokens, torch.zeros(valid.shape, device=latents.device).masked_fill(~wanted, FROZEN), wanted)

    def mask(self, step: int, config: Config, scale: int) -> tuple[_Row, Tensor]:
        """The row with its least certain positions hidden again, and which those are; the others stay for good."""
        passes = config.passes(scale)
        share = math.cos(math.pi / 2 * (step / (passes - 1) if passes > 1 else 0.0))
        positions = self.tokens[0].numel()
        total = torch.full((len(self.tokens),), positions) if config.faithful else self.wanted.flatten(1).sum(1)
        count = (total.to(self.scores.device).float() * share).round().clamp(min=1)
        rank = self.scores.flatten(1).argsort(stable=True, dim=1).argsort(1).view_as(self.scores)
        hidden = (rank < count[:, None, None]) & self.wanted
        tokens = self.tokens.masked_fill(hidden, MASKED)
        return _Row(tokens, self.scores.masked_fill(~hidden, FROZEN), self.wanted), hidden

    def choose(
        self, logits: Float[Tensor, "B L V"], hidden: Tensor, config: Config, rngs: Sequence[torch.Generator]
    ) -> _Row:
        """The row with its hidden positions drawn."""
        logits = logits.view(*self.tokens.shape, -1)
        shaped = filtered_probabilities(logits, config.temperature, config.top_p, config.top_k)
        codes = draw(shaped, uniform_numbers(self.wanted, rngs))
        chance = logits.softmax(-1).gather(-1, codes.unsqueeze(-1)).squeeze(-1)
        return _Row(torch.where(hidden, codes, self.tokens), torch.where(hidden, chance, self.scores), self.wanted)


def redrawn(
    layout: TokenLayout, latents: Int[Tensor, "B"], regions: Sequence[tuple[float, float]]
) -> tuple[Bool[Tensor, "B bins groups"], ...]:
    """Positions of each scale that an edit of some stretches of each clip redraws, by the published rule.

    ``regions``: fractions [a, b] of a clip. Of the clip's n latents, steps ``round(a n)`` up to ``round(b n)`` count 1,
    the others 0 (halves round to even); a scale redraws the bins whose mean of that, pooled over the clip's own bins,
    is above one half. MoScale (arXiv 2604.03799), section 4.2 of its method notes.

    Raises ``InputError`` for a region that is not 0 <= a <= b <= 1.
    """
    for first, last in regions:
        if not 0.0 <= first <= last <= 1.0:
            raise InputError(f"a region from {first} to {last}; expected fractions of the clip, 0 <= from <= to <= 1.")
    masks = []
    for scale, spec in enumerate(layout.scales):
        mask = torch.zeros(len(latents), spec.bins, spec.groups, dtype=torch.bool)
        counts = layout.valid_bins(latents, scale).tolist()
        for clip, (steps, bins) in enumerate(zip(latents.tolist(), counts, strict=True)):
            fine = torch.zeros(1, steps)
            for first, last in regions:
                fine[:, round(first * steps) : round(last * steps)] = 1.0
            if bins:
                mask[clip, :bins] = (functional.adaptive_avg_pool1d(fine, bins)[0] > 0.5)[:, None]
        masks.append(mask)
    return tuple(masks)


def keep_outside(source: TokenMap, latents: Int[Tensor, "B"], regions: Sequence[tuple[float, float]]) -> Keep:
    """The published edit of encoded clips, for ``sample``'s ``keep``: the source's tokens outside ``redrawn``.

    ``latents``: steps of each edited clip, in the source's layout; where that is longer than the source, the positions
    that the source does not fill are drawn as well.
    """
    again = redrawn(source.layout, latents, regions)
    given = tuple(~mask.to(row.device) & (row != PADDING) for mask, row in zip(again, source.scales, strict=True))
    return Keep(source.scales, given)
