"""Scales drawn together in rounds, each round in a few passes that draw its least certain tokens again.

MaskGIT (Chang et al. 2022) over a token pyramid, as MoMask (Guo et al. 2024) and MSQ's reconstruction use it: a round
of all scales at once, or a base round and a pass for each finer scale. Classifier-free guidance, both halves in one
pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field, field_validator
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.samplers.base import Drawn, Keep, OnScale, SampleRequest, Steps, draw_clips
from kinescale.samplers.base.logits import draw, filtered_probabilities, guided, uniform_numbers
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import MASKED, PADDING, TokenMap


@runtime_checkable
class MaskedGenerator(Protocol):
    """What is asked of a generator. A state is the generator's own; it is handed back, never looked into."""

    def unconditional(self, text: TextFeatures) -> TextFeatures:
        """What stands for no text beside each sentence."""
        ...

    def begin(self, text: TextFeatures, layout: TokenLayout, latents: Tensor, codec: Codec) -> Any:
        """The state before anything is drawn."""
        ...

    def rounds(self, layout: TokenLayout) -> tuple[tuple[int, ...], ...]:
        """The scales drawn together, round by round; each scale once."""
        ...

    def logits(self, state: Any, scales: tuple[int, ...], tokens: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], Any]:
        """Logits [B, bins, groups, V] of the asked scales, in their order, and the state to go on with.

        ``tokens``: one [B, bins, groups] for each scale of the layout; codes, ``MASKED`` where unknown, ``PADDING``.
        """
        ...


class Config(Record):
    """How to draw. ``steps`` and ``guidance`` are a number a round, the last standing for the rest.

    ``guidance`` w: ``u + w (c - u)``, so 1 is none and 0 leaves the text out; ``keep_share``: of the codes, the best
    that may be drawn (1: all); ``temperature`` and ``top_p`` (0: off) shape the draw, not the confidence.

    ``schedule``: pass t of T draws a share cos(pi t / 2T) of the round's positions ("open"), or
    cos(pi t / 2(T - 1)), so that the last pass draws a single one again ("closed", MoMask). ``coarse_first``: a
    round for each scale, whatever the generator says.
    """

    steps: tuple[int, ...] = (18,)
    guidance: tuple[float, ...] = (4.0,)
    temperature: float = Field(default=1.0, gt=0.0, le=100.0)
    keep_share: float = Field(default=0.1, gt=0.0, le=1.0)
    top_p: float = Field(default=0.0, ge=0.0, le=1.0)
    schedule: Literal["open", "closed"] = "open"
    coarse_first: bool = False

    @field_validator("steps", "guidance", mode="before")
    @classmethod
    def _one_for_all(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int | float) and not isinstance(value, bool) else value

    @field_validator("guidance")
    @classmethod
    def _in_range(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or not all(0.0 <= w <= 100.0 for w in value):
            raise ValueError(f"guidance is {value}; expected one number or more from 0 to 100")
        return value

    def passes(self, place: int) -> int:
        """Steps of one round."""
        return self.steps[min(place, len(self.steps) - 1)]

    def strength(self, place: int) -> float:
        """Guidance of one round."""
        return self.guidance[min(place, len(self.guidance) - 1)]

    def share(self, step: int, passes: int) -> float:
        """How much of a round is drawn in one of its passes."""
        whole = passes if self.schedule == "open" else max(1, passes - 1)
        return math.cos(math.pi / 2 * step / whole)

    def best(self, codes: int) -> int:
        """How many codes may be drawn."""
        return max(1, math.ceil(self.keep_share * codes - 1e-6))


@torch.no_grad()
def sample(
    generator: MaskedGenerator,
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
    on_scale : called with a scale's index and F after it, once the scale's round is over.
    shared_passes : one network pass for all clips instead of one for each: faster on an accelerator, but then a clip
        may depend on what else is drawn (``samplers.base``).

    Raises ``InputError`` when counts do not fit or a clip is longer than the layout.
    """
    if not config.steps or min(config.steps) < 1:
        raise InputError(f"steps are {config.steps}; expected at least one pass a round, such as (18,).")
    request = SampleRequest(generator, codec, text, unconditional, layout, latents, rngs, keep)
    return draw_clips(partial(_steps, config=config), request, on_scale, shared_passes)


def _steps(request: SampleRequest, config: Config) -> Steps[Drawn]:
    """Round by round, all clips of the request in the same passes."""
    generator, codec, text, layout = request.generator, request.codec, request.text, request.layout
    running = codec.empty(layout, len(request.latents))
    latents = request.latents.to(running.device)
    rounds = tuple((k,) for k in range(len(layout.scales))) if config.coarse_first else generator.rounds(layout)
    if sorted(k for scales in rounds for k in scales) != list(range(len(layout.scales))):
        raise InputError(f"rounds of the scales {rounds} for {len(layout.scales)} scales; expected each of them once.")
    both = any(config.strength(place) != 1.0 for place in range(len(rounds)))
    read = text.to(running.device)
    if both:
        away = generator.unconditional(text) if request.unconditional is None else request.unconditional
        read = TextFeatures.stack([read, away.to(running.device)])
    state = generator.begin(read, layout, latents.repeat(2) if both else latents, codec)
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
            led = [_led(row.float(), config.strength(place), both) for row in logits]
            part = part.choose(led, config, request.rngs)
        tokens = part.into(tokens)
        for scale in scales:
            running = running + codec.contribution(tokens[scale], scale, layout)
            yield scale, tokens[scale], running
    return Drawn(TokenMap(layout, latents, tokens), running)


FROZEN = 1e5
"""Score of positions that are given, drawn for good, or padding; above any probability."""


def _blank(layout: TokenLayout, latents: Tensor, keep: Keep | None) -> tuple[Tensor, ...]:
    """Tokens before the first pass: given ones, ``PADDING``, and ``MASKED`` for all that is to be drawn."""
    rows = []
    for scale in range(len(layout.scales)):
        valid = layout.valid(latents, scale)
        row = torch.full(valid.shape, MASKED, device=latents.device)
        if keep is not None:
            row = torch.where(keep.given[scale].to(latents.device), keep.tokens[scale].to(latents.device), row)
        rows.append(row.masked_fill(~valid, PADDING))
    return tuple(rows)


def _led(logits: Float[Tensor, "N bins groups V"], strength: float, both: bool) -> Float[Tensor, "B bins groups V"]:
    if not both:
        return logits
    conditional, away = logits.chunk(2)
    return guided(conditional, away, strength - 1.0)


@dataclass(frozen=True, eq=False)
class _Round:
    """The scales of one round on their way, flattened to one row a clip: tokens, confidence, and which positions are
    to be drawn at all (``wanted``) and in this pass (``hidden``); all [B, L]."""

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
        """The least certain positions hidden again, a share of all that the clip draws; the others stay for good."""
        count = (self.wanted.sum(1).float() * share).round().clamp(min=1)
        rank = self.scores.argsort(stable=True, dim=1).argsort(1)
        hidden = (rank < count[:, None]) & self.wanted
        tokens = self.tokens.masked_fill(hidden, MASKED)
        return replace(self, tokens=tokens, scores=self.scores.masked_fill(~hidden, FROZEN), hidden=hidden)

    def choose(self, logits: Sequence[Tensor], config: Config, rngs: Sequence[torch.Generator]) -> _Round:
        """Hidden positions drawn; their confidence is the drawn code's probability before any filter."""
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
