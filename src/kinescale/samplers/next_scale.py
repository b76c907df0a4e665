"""Next-scale sampling with iterative refinement inside each scale: the least certain tokens are resampled.

MoScale (arXiv 2604.03799), sampling: inside a scale MaskGIT's schedule (Chang et al. 2022); between scales the sum of
the sampled scales is the next one's input. Classifier-free guidance, conditional and unconditional in one pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from kinescale.core.errors import InputError
from kinescale.samplers.base import (
    GuidanceScale,
    Keep,
    SamplerConfig,
    SampleRequest,
    SamplerOutput,
    Steps,
    sample_clips,
)
from kinescale.samplers.base.logits import apply_cfg, draw, filtered_probabilities, uniform_numbers
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import MASKED, PADDING, TokenMap


class Config(SamplerConfig):
    """Sampling settings.

    ``guidance_scale`` s (1: off): scale k has ``s + guidance_offset - guidance_fall * k``, at least 1;
    ``steps``: passes per scale, coarse first, the last one for all finer scales; ``temperature``,
    ``top_p`` and ``top_k`` (0: off) shape the distribution that is sampled, not the confidence.

    ``faithful``: the number of resampled positions counts a row's padding, as the reference does, so that short
    clips are mostly resampled; otherwise it counts the positions that the clip has to sample.
    """

    guidance_scale: GuidanceScale = 6.0
    guidance_offset: float = 0.25
    guidance_fall: float = 0.25
    steps: tuple[int, ...] = (1, 2, 5, 10)
    temperature: float = Field(default=1.0, gt=0.0, le=100.0)
    top_p: float = Field(default=0.9, ge=0.0, le=1.0)
    top_k: int = Field(default=0, ge=0)
    faithful: bool = False

    def guidance_at(self, scale: int) -> float:
        """Guidance scale of one scale of the pyramid."""
        if self.guidance_scale <= 1.0:
            return self.guidance_scale
        return max(1.0, self.guidance_scale + self.guidance_offset - self.guidance_fall * scale)

    def passes(self, scale: int) -> int:
        """Passes of one scale."""
        return self.steps[min(scale, len(self.steps) - 1)]


@torch.no_grad()
def sample(request: SampleRequest, config: Config) -> SamplerOutput:
    """Sample a token pyramid. Raises ``InputError`` when counts do not fit or a clip is longer than the layout."""
    if not config.steps or min(config.steps) < 1:
        raise InputError(f"steps are {config.steps}; expected at least one pass per scale, such as (1, 2, 5, 10).")
    return sample_clips(partial(_steps, config=config), request)


def _steps(request: SampleRequest, config: Config) -> Steps:
    """Scale by scale, all clips of the request in the same passes."""
    generator, codec, layout = request.generator, request.codec, request.layout
    running = codec.empty(layout, len(request.latent_lengths))
    latents = request.latent_lengths.to(running.device)
    copies = 1 if config.guidance_scale == 1.0 else 2
    text = request.text.to(running.device) if copies == 1 else request.with_uncond(running.device)
    state = generator.begin(text, layout, latents.repeat(copies))
    sampled = []
    for scale in range(len(layout.scales)):
        inputs = codec.scale_input(running, scale, layout, latents).repeat(copies, 1, 1, 1)
        row = _Row.start(layout, request.latent_lengths.cpu(), scale, request.keep, config.faithful, running.device)
        for step in range(config.passes(scale)):
            row, hidden = row.mask(step, config, scale)
            tokens, places = row.tokens.repeat(copies, 1, 1), hidden.places.repeat(copies, 1)
            logits, state = generator.step(state, scale, inputs, tokens, places)
            logits = logits.float()
            if copies == 2:
                cond, uncond = logits.chunk(2)
                logits = apply_cfg(cond, uncond, config.guidance_at(scale))
            row = row.choose(logits, hidden, config, request.rngs)
        if scale + 1 < len(layout.scales):
            state = generator.commit(state, scale, inputs, row.tokens.repeat(copies, 1, 1))
        running = running + codec.contribution(row.tokens, scale, layout)
        sampled.append(row.tokens)
        yield scale, row.tokens, running
    return SamplerOutput(TokenMap(layout, latents, tuple(sampled)), running)


FROZEN = 1e5
"""Score of positions that are given, final, or padding; above any probability."""


@dataclass(frozen=True, eq=False)
class _Hidden:
    """The positions of one pass: ``places``, flattened, the least certain first, as many as the clip that samples most
    needs; ``sampled``: which of them this pass does sample."""

    places: Int[Tensor, "B n"]
    sampled: Bool[Tensor, "B n"]


@dataclass(frozen=True, eq=False)
class _Row:
    """One scale during refinement: tokens, confidence, and which positions are sampled; all [B, bins, groups].

    ``asked`` is ``wanted`` on the CPU, where random numbers are drawn and counted, so that no pass waits for the
    device; ``total``, there too: how many positions of each clip the schedule shares out.
    """

    tokens: Int[Tensor, "B bins groups"]
    scores: Float[Tensor, "B bins groups"]
    wanted: Bool[Tensor, "B bins groups"]
    asked: Bool[Tensor, "B bins groups"]
    total: Float[Tensor, "B"]

    @staticmethod
    def start(
        layout: TokenLayout, latents: Tensor, scale: int, keep: Keep | None, faithful: bool, device: torch.device
    ) -> _Row:
        valid = layout.valid(latents, scale)
        wanted = valid
        tokens = torch.full(valid.shape, MASKED)
        if keep is not None:
            given = keep.given[scale].cpu() & valid
            tokens = torch.where(given, keep.tokens[scale].cpu(), tokens)
            wanted = valid & ~given
        tokens = tokens.masked_fill(~valid, PADDING)
        scores = torch.zeros(valid.shape).masked_fill(~wanted, FROZEN)
        total = torch.full((len(valid),), valid[0].numel()) if faithful else wanted.flatten(1).sum(1)
        return _Row(tokens.to(device), scores.to(device), wanted.to(device), wanted, total.float())

    def mask(self, step: int, config: Config, scale: int) -> tuple[_Row, _Hidden]:
        """The row with its least certain positions masked again, and which those are; the others are final."""
        passes = config.passes(scale)
        share = math.cos(math.pi / 2 * (step / (passes - 1) if passes > 1 else 0.0))
        count = (self.total * share).round().clamp(min=1)
        most = min(int(count.max()), self.tokens[0].numel())
        places = self.scores.flatten(1).argsort(stable=True, dim=1)[:, :most]
        sampled = torch.arange(most, device=places.device) < count.to(places.device)[:, None]
        sampled = sampled & self.wanted.flatten(1).gather(1, places)
        hidden = torch.zeros_like(self.wanted.flatten(1)).scatter(1, places, sampled).view_as(self.wanted)
        scores = self.scores.masked_fill(~hidden, FROZEN)
        return replace(self, tokens=self.tokens.masked_fill(hidden, MASKED), scores=scores), _Hidden(places, sampled)

    def choose(
        self, logits: Float[Tensor, "B n V"], hidden: _Hidden, config: Config, rngs: Sequence[torch.Generator]
    ) -> _Row:
        """The row with its masked positions sampled, from the logits of ``hidden.places``."""
        shaped = filtered_probabilities(logits, config.temperature, config.top_p, config.top_k)
        # a clip takes a number for each position it samples at all, whether in this pass or not
        numbers = uniform_numbers(self.asked, rngs).to(logits.device).flatten(1).gather(1, hidden.places)
        codes = draw(shaped, numbers)
        chance = logits.softmax(-1).gather(-1, codes.unsqueeze(-1)).squeeze(-1)
        return replace(self, tokens=_put(self.tokens, codes, hidden), scores=_put(self.scores, chance, hidden))


def _put(row: Tensor, values: Tensor, hidden: _Hidden) -> Tensor:
    """The row with values at the sampled ones of the hidden places."""
    flat = row.flatten(1)
    new = torch.where(hidden.sampled, values, flat.gather(1, hidden.places))
    return flat.scatter(1, hidden.places, new).view_as(row)


def resampled(
    layout: TokenLayout, latent_lengths: Int[Tensor, "B"], regions: Sequence[tuple[float, float]]
) -> tuple[Bool[Tensor, "B bins groups"], ...]:
    """Published edit mask: positions of each scale that an edit of some regions of each clip resamples.

    ``regions``: fractions [a, b] of a clip. Of the clip's n latents, steps ``round(a n)`` up to ``round(b n)`` count 1,
    the others 0 (halves round to even); a scale resamples the bins whose mean of that, pooled over the clip's own bins,
    is above one half. MoScale (arXiv 2604.03799), section 4.2 of its method notes.

    Raises ``InputError`` for a region that is not 0 <= a <= b <= 1.
    """
    for first, last in regions:
        if not 0.0 <= first <= last <= 1.0:
            raise InputError(f"a region from {first} to {last}; expected fractions of the clip, 0 <= from <= to <= 1.")
    masks = []
    for scale, spec in enumerate(layout.scales):
        mask = torch.zeros(len(latent_lengths), spec.bins, spec.groups, dtype=torch.bool)
        counts = layout.valid_bins(latent_lengths, scale).tolist()
        for clip, (steps, bins) in enumerate(zip(latent_lengths.tolist(), counts, strict=True)):
            fine = torch.zeros(1, steps)
            for first, last in regions:
                fine[:, round(first * steps) : round(last * steps)] = 1.0
            if bins:
                mask[clip, :bins] = (functional.adaptive_avg_pool1d(fine, bins)[0] > 0.5)[:, None]
        masks.append(mask)
    return tuple(masks)


def keep_outside(source: TokenMap, latent_lengths: Int[Tensor, "B"], regions: Sequence[tuple[float, float]]) -> Keep:
    """The published edit of encoded clips, for a request's ``keep``: the source's tokens outside ``resampled``.

    ``latent_lengths``: of each edited clip, in the source's layout; where that is longer than the source, the positions
    that the source does not fill are sampled as well.
    """
    inside = resampled(source.layout, latent_lengths, regions)
    given = tuple(~mask.to(row.device) & (row != PADDING) for mask, row in zip(inside, source.scales, strict=True))
    return Keep(source.scales, given)
