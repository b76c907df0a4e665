"""Scale by scale, coarse to fine, one pass a scale, every bit drawn by itself.

ScaleMoGen (arXiv 2605.11704), section 4 of its method notes: guidance that rises linearly from nothing at the coarsest
scale, a temperature, and zero-shot editing (``Rewrite``): a second generation that keeps most bits of a first one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.samplers.base import Drawn, Keep, OnScale, SampleRequest, ScaleGenerator, Steps, drained, draw_clips
from kinescale.samplers.base.logits import OUT, guided
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import MASKED, PADDING, TokenMap


class Config(Record):
    """How to draw.

    ``guidance`` w: scale v of V + 1 is guided by ``w * v / V`` (w = 0: not at all, and in half the time);
    ``temperature`` divides the logits; ``greedy``: the likelier value of every bit; ``top_k`` 1 is the same by the
    filter (0 and 2 or more: off); ``top_p``: a value whose probability is at most ``1 - top_p`` is not drawn (0: off);
    ``stop``: draw only so many scales (0: all).
    """

    guidance: float = Field(default=7.0, ge=0.0, le=100.0)
    temperature: float = Field(default=1.3, gt=0.0, le=100.0)
    greedy: bool = False
    top_k: int = Field(default=0, ge=0)
    top_p: float = Field(default=0.0, ge=0.0, le=1.0)
    stop: int = Field(default=0, ge=0)

    def strength(self, scale: int, scales: int) -> float:
        """Guidance of one of so many scales."""
        return self.guidance * scale / max(1, scales - 1)


@dataclass(frozen=True, eq=False)
class Rewrite(Keep):
    """An edit: bits of a source, and what may take their place.

    Per scale: ``tokens``, the source's bits; ``given``, where they stay; ``probabilities``, P(bit = 1) when the source
    was drawn; ``free`` [B, bins, groups], where bits are drawn anew. Elsewhere a drawn bit replaces the source's
    where the source's has become less likely by more than ``threshold``.
    """

    probabilities: tuple[Tensor, ...]
    free: tuple[Tensor, ...]
    threshold: float = 0.1


@dataclass(frozen=True, eq=False)
class DrawnBits(Drawn):
    """Also, per scale: P(bit = 1), and the bits chosen with what stands at padding; both [B, bins, groups, K]."""

    probabilities: tuple[Tensor, ...]
    chosen: tuple[Tensor, ...]


Numbers = Callable[[int, Tensor, int], Tensor]
"""(scale, wanted [B, bins, groups], K) to a number from [0, 1) for every bit [B, bins, groups, K]."""


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
) -> DrawnBits:
    """Draw a pyramid.

    Parameters
    ----------
    text : a sentence a clip; ``unconditional``: what guidance leads away from (None: the generator's own).
    latents : latent steps of each clip.
    rngs : a CPU generator a clip.
    keep : positions that are given, or an edit (``Rewrite``); the others are drawn.
    on_scale : called with a scale's index and F after it.
    shared_passes : one network pass for all clips instead of one for each: faster on an accelerator, but then a clip
        may depend on what else is drawn (``samplers.base``).

    Raises ``InputError`` when counts do not fit or a clip is longer than the layout.
    """
    _scales(layout, config)
    request = SampleRequest(generator, codec, text, unconditional, layout, latents, rngs, keep)
    return draw_clips(partial(_steps, config=config), request, on_scale, shared_passes)


def _steps(request: SampleRequest, config: Config) -> Steps[DrawnBits]:
    """Scale by scale, all clips of the request in the same passes."""

    def numbers(scale: int, wanted: Tensor, bits: int) -> Tensor:
        return _uniform(wanted, bits, request.rngs)

    return _pyramid(replace(request, text=_both(request, config)), config, numbers)


def _both(request: SampleRequest, config: Config) -> TextFeatures:
    """The sentences, and unless guidance is off what it leads away from."""
    if config.guidance == 0.0:
        return request.text
    away = request.generator.unconditional(request.text) if request.unconditional is None else request.unconditional
    return TextFeatures.stack([request.text.to(away.tokens.device), away])


@torch.no_grad()
def draw_pyramid(
    generator: ScaleGenerator,
    codec: Codec,
    text: TextFeatures,
    layout: TokenLayout,
    latents: Int[Tensor, "B"],
    config: Config,
    numbers: Numbers,
    keep: Keep | None = None,
) -> DrawnBits:
    """``sample`` by given random numbers; ``text`` holds the sentences, then (if there is guidance) the others."""
    return drained(_pyramid(SampleRequest(generator, codec, text, None, layout, latents, (), keep), config, numbers))


def _pyramid(request: SampleRequest, config: Config, numbers: Numbers) -> Steps[DrawnBits]:
    """The drawing itself; the request's ``text`` is that of ``draw_pyramid``."""
    generator, codec, text, layout = request.generator, request.codec, request.text, request.layout
    scales = _scales(layout, config)
    running = codec.empty(layout, len(request.latents))
    latents = request.latents.to(running.device)
    times = len(text) // len(latents)
    state = generator.begin(text.to(running.device), layout, latents.repeat(times))
    drawn, chances, chosen = [], [], []
    for scale in range(scales):
        valid = layout.valid(latents, scale)
        inputs = codec.scale_input(running, scale, layout, latents).repeat(times, 1, 1, 1)
        blank = torch.full_like(inputs, MASKED, dtype=torch.long)
        logits, state = generator.step(state, scale, inputs, blank)
        logits = _guided(logits.float(), config.strength(scale, len(layout.scales)), times)
        logits = logits.view(*valid.shape, *logits.shape[-2:]) / config.temperature
        chance = bit_chances(logits, config.top_k, config.top_p)
        bits = _choose(logits, chance, valid, scale, config, numbers, request.keep)
        tokens = bits.masked_fill(~valid[..., None], PADDING)
        if scale + 1 < scales:
            state = generator.settle(state, scale, inputs, tokens.repeat(times, 1, 1, 1))
        running = running + codec.contribution(tokens, scale, layout)
        drawn.append(tokens)
        chances.append(chance)
        chosen.append(bits)
        yield scale, tokens, running
    return DrawnBits(TokenMap(layout, latents, tuple(drawn)), running, tuple(chances), tuple(chosen))


def _scales(layout: TokenLayout, config: Config) -> int:
    if config.stop > len(layout.scales):
        raise InputError(f"stop is {config.stop}; expected 0 to {len(layout.scales)} scales.")
    return config.stop or len(layout.scales)


def _guided(logits: Tensor, strength: float, times: int) -> Tensor:
    if times == 1:
        return logits
    conditional, unconditional = logits.chunk(2)
    return guided(conditional, unconditional, strength)


def bit_chances(logits: Float[Tensor, "*b 2"], top_k: int = 0, top_p: float = 0.0) -> Float[Tensor, "*b"]:
    """P(bit = 1) from the logits of 0 and 1, after the filters of ``Config``; the likelier value always stays."""
    if top_k == 1:
        logits = logits.masked_fill(logits < logits.amax(-1, keepdim=True), OUT)
    if 0.0 < top_p < 1.0:
        chance = logits.softmax(-1)
        rare = (chance <= 1.0 - top_p) & (chance < chance.amax(-1, keepdim=True))
        logits = logits.masked_fill(rare, OUT)
    return logits.softmax(-1)[..., 1]


def draw_bits(chance: Float[Tensor, "*b"], uniform: Float[Tensor, "*b"]) -> Int[Tensor, "*b"]:
    """1 where the number from [0, 1) is at least the probability of 0."""
    return (uniform >= 1.0 - chance).long()


def _choose(
    logits: Float[Tensor, "B bins groups K 2"],
    chance: Float[Tensor, "B bins groups K"],
    valid: Bool[Tensor, "B bins groups"],
    scale: int,
    config: Config,
    numbers: Numbers,
    keep: Keep | None,
) -> Int[Tensor, "B bins groups K"]:
    """A scale's bits, drawn, given or rewritten. An edit draws from the unfiltered distribution, as the reference."""
    device, bits = chance.device, chance.shape[-1]
    if isinstance(keep, Rewrite):
        given, free = keep.given[scale].to(device), keep.free[scale].to(device)
        # A scale of which all is kept draws no number; else every bit does, also where only padding is drawn anew.
        wanted = (~given).flatten(1).any(1)[:, None, None] & valid
        plain = bit_chances(logits)
        new = _drawn(logits, plain, wanted, scale, config, numbers)
        source = keep.tokens[scale].to(device).clamp(min=0)
        changed = rewritten(new, plain, source, keep.probabilities[scale].to(device), free, keep.threshold)
        return torch.where(given[..., None], source, changed)
    if keep is None:
        return _drawn(logits, chance, valid, scale, config, numbers)
    given = keep.given[scale].to(device) & valid
    new = _drawn(logits, chance, valid & ~given, scale, config, numbers)
    return torch.where(given[..., None].expand(*given.shape, bits), keep.tokens[scale].to(device), new)


def _drawn(
    logits: Tensor, chance: Tensor, wanted: Tensor, scale: int, config: Config, numbers: Numbers
) -> Int[Tensor, "B bins groups K"]:
    if config.greedy:
        return (logits[..., 1] > logits[..., 0]).long()
    return draw_bits(chance, numbers(scale, wanted, chance.shape[-1]).to(chance.device))


def rewritten(
    new: Int[Tensor, "B bins groups K"],
    chance: Float[Tensor, "B bins groups K"],
    source: Int[Tensor, "B bins groups K"],
    source_chance: Float[Tensor, "B bins groups K"],
    free: Bool[Tensor, "B bins groups"],
    threshold: float,
) -> Int[Tensor, "B bins groups K"]:
    """New bits where ``free``, or where the source's bit was likelier by more than ``threshold`` than it is now.

    ``chance`` and ``source_chance`` are P(bit = 1) now and when the source was drawn.
    """
    before = torch.where(source == 1, source_chance, 1.0 - source_chance)
    now = torch.where(source == 1, chance, 1.0 - chance)
    return torch.where((before - now > threshold) | free[..., None], new, source)


def region(
    layout: TokenLayout, frames: tuple[int, int] | None = None, parts: Sequence[int] | None = None
) -> tuple[Bool[Tensor, "_ _"], ...]:
    """Positions of each scale that an edit redraws, from a range of frames and a set of latent parts.

    ``frames`` (first, past the last): the bins ``first // stride // factor`` up to ``last // stride // factor``, kept
    inside the scale; None: all. ``parts``: every group whose parts are all among them, within those bins.
    With both, the published rule is the union of the range (all groups) and the groups inside the range, which is the
    range itself; with neither, nothing is inside. ScaleMoGen (arXiv 2605.11704), section 4.2 of its method notes.
    """
    masks = []
    for spec in layout.scales:
        mask = torch.zeros(spec.bins, spec.groups, dtype=torch.bool)
        first, stop = 0, spec.bins
        if frames is not None:
            latents_a_bin = spec.factor or -(-layout.capacity // spec.bins)
            first, stop = (min(max(0, edge // layout.stride // latents_a_bin), spec.bins) for edge in frames)
            mask[first:stop] = True
        if parts is not None:
            members = spec.members or tuple((part,) for part in range(spec.groups))
            mask[first:stop, [set(inside) <= set(parts) for inside in members]] = True
        masks.append(mask)
    return tuple(masks)


def rewrite(
    source: DrawnBits, inside: Sequence[Bool[Tensor, "_ _"]], early: int = 3, threshold: float = 0.1
) -> Rewrite:
    """The published edit of what was drawn before, for ``sample``'s ``keep``.

    The first ``early`` scales keep the source outside ``inside`` and are drawn anew in it; at the finer ones a drawn
    bit is also accepted elsewhere, by ``threshold``. Raises ``InputError`` when ``source`` lacks scales.
    """
    scales = len(source.tokens.layout.scales)
    if len(source.chosen) != scales or len(inside) != scales:
        raise InputError(f"a source of {len(source.chosen)} scales, a region of {len(inside)}; expected {scales}.")
    free = tuple(mask.to(row.device).expand(row.shape[:3]) for mask, row in zip(inside, source.chosen, strict=True))
    given = tuple(~mask if scale < early else torch.zeros_like(mask) for scale, mask in enumerate(free))
    return Rewrite(source.chosen, given, source.probabilities, free, threshold)


def _uniform(wanted: Bool[Tensor, "B bins groups"], bits: int, rngs: Sequence[torch.Generator]) -> Tensor:
    """Numbers from [0, 1); a clip takes as many as it has wanted positions, whatever padding its batch brings."""
    numbers = torch.zeros(*wanted.shape, bits)
    for clip, places, rng in zip(numbers, wanted.cpu(), rngs, strict=True):
        clip[places] = torch.rand(int(places.sum()), bits, generator=rng)
    return numbers
