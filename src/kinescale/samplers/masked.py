"""Masked (MaskGIT) sampling: scales in rounds, each round in a few passes that resample its least certain tokens.

MaskGIT (Chang et al. 2022) over a token pyramid, as MoMask (Guo et al. 2024) and MSQ's reconstruction use it: a round
of all scales at once, or a base round and a pass for each finer scale. Classifier-free guidance, both halves in one
pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, field_validator
from torch import Tensor

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
    """Sampling settings. ``steps`` and ``guidance_scale`` have one number per round, the last one for the rest.

    ``guidance_scale``: 1 is off and 0 leaves the text out; ``keep_share``: share of the codes, the best,
    that may be sampled (1: all); ``temperature`` and ``top_p`` (0: off) shape the distribution that is sampled, not
    the confidence.

    ``schedule``: pass t of T samples a share cos(pi t / 2T) of the round's positions ("open"), or
    cos(pi t / 2(T - 1)), so that the last pass resamples a single one ("closed", MoMask). ``coarse_first``: one
    round per scale, whatever the generator says.
    """

    FORMER_OFF: ClassVar[float] = 1.0

    steps: tuple[int, ...] = (18,)
    guidance_scale: tuple[GuidanceScale, ...] = (4.0,)
    temperature: float = Field(default=1.0, gt=0.0, le=100.0)
    keep_share: float = Field(default=0.1, gt=0.0, le=1.0)
    top_p: float = Field(default=0.0, ge=0.0, le=1.0)
    schedule: Literal["open", "closed"] = "open"
    coarse_first: bool = False

    @field_validator("steps", "guidance_scale", mode="before")
    @classmethod
    def _one_for_all(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int | float) and not isinstance(value, bool) else value

    @field_validator("guidance_scale")
    @classmethod
    def _not_empty(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value:
            raise ValueError("guidance_scale is empty; expected one number or more")
        return value

    def passes(self, place: int) -> int:
        """Passes of one round."""
        return self.steps[min(place, len(self.steps) - 1)]

    def guidance_at(self, place: int) -> float:
        """Guidance scale of one round."""
        return self.guidance_scale[min(place, len(self.guidance_scale) - 1)]

    def share(self, step: int, passes: int) -> float:
        """Share of a round's positions that one of its passes samples."""
        whole = passes if self.schedule == "open" else max(1, passes - 1)
        return math.cos(math.pi / 2 * step / whole)

    def best(self, codes: int) -> int:
        """How many codes may be sampled."""
        return max(1, math.ceil(self.keep_share * codes - 1e-6))


@torch.no_grad()
def sample(request: SampleRequest, config: Config) -> SamplerOutput:
    """Sample a token pyramid; ``on_scale`` is called once a scale's round is over.

    Raises ``InputError`` when counts do not fit or a clip is longer than the layout.
    """
    if not config.steps or min(config.steps) < 1:
        raise InputError(f"steps are {config.steps}; expected at least one pass per round, such as (18,).")
    return sample_clips(partial(_steps, config=config), request)


def _steps(request: SampleRequest, config: Config) -> Steps:
    """Round by round, all clips of the request in the same passes."""
    generator, codec, layout = request.generator, request.codec, request.layout
    running = codec.empty(layout, len(request.latent_lengths))
    latents = request.latent_lengths.to(running.device)
    rounds = tuple((k,) for k in range(len(layout.scales))) if config.coarse_first else generator.rounds(layout)
    if sorted(k for scales in rounds for k in scales) != list(range(len(layout.scales))):
        raise InputError(f"rounds of the scales {rounds} for {len(layout.scales)} scales; expected each of them once.")
    both = any(config.guidance_at(place) != 1.0 for place in range(len(rounds)))
    text = request.with_uncond(running.device) if both else request.text.to(running.device)
    state = generator.begin(text, layout, latents.repeat(2) if both else latents)
    tokens = _blank(layout, latents, request.keep)
    for place, scales in enumerate(rounds):
        part = _Round.start(tokens, scales)
        for step in range(config.passes(place)):
            part = part.mask(config.share(step, config.passes(place)))
            if not bool(part.hidden.any()):
                break
            tokens = part.into(tokens)
            shown = tuple(torch.cat([row, row]) for row in tokens) if both else tokens
            logits, state = generator.logits(state, scales, shown)
            guided = [_guided(row.float(), config.guidance_at(place), both) for row in logits]
            part = part.choose(guided, config, request.rngs)
        tokens = part.into(tokens)
        for scale in scales:
            running = running + codec.contribution(tokens[scale], scale, layout)
            yield scale, tokens[scale], running
    return SamplerOutput(TokenMap(layout, latents, tokens), running)


FROZEN = 1e5
"""Score of positions that are given, final, or padding; above any probability."""


def _blank(layout: TokenLayout, latents: Tensor, keep: Keep | None) -> tuple[Tensor, ...]:
    """Tokens before the first pass: given ones, ``PADDING``, and ``MASKED`` for all that is sampled."""
    rows = []
    for scale in range(len(layout.scales)):
        valid = layout.valid(latents, scale)
        row = torch.full(valid.shape, MASKED, device=latents.device)
        if keep is not None:
            row = torch.where(keep.given[scale].to(latents.device), keep.tokens[scale].to(latents.device), row)
        rows.append(row.masked_fill(~valid, PADDING))
    return tuple(rows)


def _guided(logits: Float[Tensor, "N bins groups V"], scale: float, both: bool) -> Float[Tensor, "B bins groups V"]:
    if not both:
        return logits
    cond, uncond = logits.chunk(2)
    return apply_cfg(cond, uncond, scale)


@dataclass(frozen=True, eq=False)
class _Round:
    """The scales of one round, flattened to one row per clip: tokens, confidence, and which positions are
    sampled at all (``wanted``) and in this pass (``hidden``); all [B, L]."""

    scales: tuple[int, ...]
    tokens: Int[Tensor, "B L"]
    scores: Float[Tensor, "B L"]
    wanted: Bool[Tensor, "B L"]
    hidden: Bool[Tensor, "B L"]

    @staticmethod
    def start(tokens: tuple[Tensor, ...], scales: tuple[int, ...]) -> _Round:
        row = torch.cat([tokens[scale].flatten(1) for scale in scales], 1)
        wanted = row == MASKED
        return _Round(
            scales, row, torch.zeros(row.shape, device=row.device).masked_fill(~wanted, FROZEN), wanted, wanted
        )

    def mask(self, share: float) -> _Round:
        """The least certain positions masked again, a share of all that the clip samples; the others are final."""
        count = (self.wanted.sum(1).float() * share).round().clamp(min=1)
        rank = self.scores.argsort(stable=True, dim=1).argsort(1)
        hidden = (rank < count[:, None]) & self.wanted
        tokens = self.tokens.masked_fill(hidden, MASKED)
        return replace(self, tokens=tokens, scores=self.scores.masked_fill(~hidden, FROZEN), hidden=hidden)

    def choose(self, logits: Sequence[Tensor], config: Config, rngs: Sequence[torch.Generator]) -> _Round:
        """Masked positions sampled; their confidence is the sampled code's probability before any filter."""
        codes, chances = [], []
        sizes = [row.shape[1] * row.shape[2] for row in logits]
        for row, numbers in zip(logits, uniform_numbers(self.wanted, rngs).split(sizes, 1), strict=True):
            flat = row.flatten(1, 2)
            best = config.best(flat.shape[-1])
            code = draw(filtered_probabilities(flat, config.temperature, config.top_p, best), numbers)
            codes.append(code)
            chances.append(flat.softmax(-1).gather(-1, code.unsqueeze(-1)).squeeze(-1))
        tokens = torch.where(self.hidden, torch.cat(codes, 1), self.tokens)
        return replace(self, tokens=tokens, scores=torch.where(self.hidden, torch.cat(chances, 1), self.scores))

    def into(self, tokens: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """All tokens with this round's in their places."""
        parts = self.tokens.split([tokens[scale][0].numel() for scale in self.scales], 1)
        fresh = {k: part.view_as(tokens[k]) for k, part in zip(self.scales, parts, strict=True)}
        return tuple(fresh.get(scale, row) for scale, row in enumerate(tokens))
