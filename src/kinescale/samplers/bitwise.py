"""Bitwise next-scale sampling: one pass per scale, every bit sampled independently.

ScaleMoGen (arXiv 2605.11704), section 4 of its method notes: guidance that rises linearly from off at the coarsest
scale, a temperature, and zero-shot editing (``Rewrite``): a second generation that keeps most bits of a first one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.samplers.base import (
    GuidanceScale,
    Keep,
    SamplerConfig,
    SampleRequest,
    SamplerOutput,
    Steps,
    drained,
    sample_clips,
)
from kinescale.samplers.base.logits import OUT, apply_cfg
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import MASKED, PADDING, TokenMap


class Config(SamplerConfig):
    """Sampling settings.

    ``guidance_scale`` s: scale v of V + 1 has ``1 + (s - 1) v / V`` (s = 1: off, and in half the time);
    ``temperature`` divides the logits; ``greedy``: the likelier value of every bit; ``top_k`` 1 is the same by the
    filter (0 and 2 or more: off); ``top_p``: a value whose probability is at most ``1 - top_p`` is not sampled (0:
    off); ``stop``: sample only so many scales (0: all).
    """

    guidance_scale: GuidanceScale = 8.0
    temperature: float = Field(default=1.3, gt=0.0, le=100.0)
    greedy: bool = False
    top_k: int = Field(default=0, ge=0)
    top_p: float = Field(default=0.0, ge=0.0, le=1.0)
    stop: int = Field(default=0, ge=0)

    def guidance_at(self, scale: int, count: int) -> float:
        """Guidance scale of one of ``count`` scales."""
        return 1.0 + (self.guidance_scale - 1.0) * scale / max(1, count - 1)


@dataclass(frozen=True, eq=False)
class Rewrite(Keep):
    """An edit: bits of a source, and where they may change.

    Per scale: ``tokens``, the source's bits; ``given``, where they stay; ``probabilities``, P(bit = 1) when the source
    was sampled; ``free`` [B, bins, groups], where bits are resampled. Elsewhere a sampled bit replaces the source's
    where the source's has become less likely by more than ``threshold``.
    """

    probabilities: tuple[Tensor, ...]
    free: tuple[Tensor, ...]
    threshold: float = 0.1


Numbers = Callable[[int, Tensor, int], Tensor]
"""(scale, wanted [B, bins, groups], K) to a number from [0, 1) for every bit [B, bins, groups, K]."""


@torch.no_grad()
def sample(request: SampleRequest, config: Config) -> SamplerOutput:
    """Sample a pyramid of bits; ``keep`` may be an edit (``Rewrite``).

    Raises ``InputError`` when counts do not fit or a clip is longer than the layout.
    """
    _scales(request.layout, config)
    return sample_clips(partial(_steps, config=config), request)


def _steps(request: SampleRequest, config: Config) -> Steps:
    """Scale by scale, all clips of the request in the same passes."""

    def numbers(scale: int, wanted: Tensor, bits: int) -> Tensor:
        return _uniform(wanted, bits, request.rngs)

    return _pyramid(request, config, numbers)


@torch.no_grad()
def sample_by_numbers(request: SampleRequest, config: Config, numbers: Numbers) -> SamplerOutput:
    """``sample`` in shared passes and by given random numbers; the request's ``rngs`` are not used."""
    return drained(_pyramid(request, config, numbers))


def _pyramid(request: SampleRequest, config: Config, numbers: Numbers) -> Steps:
    generator, codec, layout = request.generator, request.codec, request.layout
    scales = _scales(layout, config)
    running = codec.empty(layout, len(request.latent_lengths))
    latents = request.latent_lengths.to(running.device)
    copies = 1 if config.guidance_scale == 1.0 else 2
    text = request.text.to(running.device) if copies == 1 else request.with_uncond(running.device)
    state = generator.begin(text, layout, latents.repeat(copies))
    sampled, chances, chosen = [], [], []
    for scale in range(scales):
        valid = layout.valid(latents, scale)
        inputs = codec.scale_input(running, scale, layout, latents).repeat(copies, 1, 1, 1)
        blank = torch.full_like(inputs, MASKED, dtype=torch.long)
        logits, state = generator.step(state, scale, inputs, blank)
        logits = _guided(logits.float(), config.guidance_at(scale, len(layout.scales)), copies)
        logits = logits.view(*valid.shape, *logits.shape[-2:]) / config.temperature
        chance = bit_chances(logits, config.top_k, config.top_p)
        bits = _choose(logits, chance, valid, scale, config, numbers, request.keep)
        tokens = bits.masked_fill(~valid[..., None], PADDING)
        if scale + 1 < scales:
            state = generator.commit(state, scale, inputs, tokens.repeat(copies, 1, 1, 1))
        running = running + codec.contribution(tokens, scale, layout)
        sampled.append(tokens)
        chances.append(chance)
        chosen.append(bits)
        yield scale, tokens, running
    return SamplerOutput(TokenMap(layout, latents, tuple(sampled)), running, tuple(chances), tuple(chosen))


def _scales(layout: TokenLayout, config: Config) -> int:
    if config.stop > len(layout.scales):
        raise InputError(f"stop is {config.stop}; expected 0 to {len(layout.scales)} scales.")
    return config.stop or len(layout.scales)


def _guided(logits: Tensor, scale: float, copies: int) -> Tensor:
    if copies == 1:
        return logits
    cond, uncond = logits.chunk(2)
    return apply_cfg(cond, uncond, scale)


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
    """A scale's bits, sampled, given or rewritten. An edit samples the unfiltered distribution, as the reference."""
    device, bits = chance.device, chance.shape[-1]
    if isinstance(keep, Rewrite):
        given, free = keep.given[scale].to(device), keep.free[scale].to(device)
        # A scale of which all is kept takes no random number; else every bit does, even if only padding is resampled.
        wanted = (~given).flatten(1).any(1)[:, None, None] & valid
        plain = bit_chances(logits)
        new = _sampled(logits, plain, wanted, scale, config, numbers)
        source = keep.tokens[scale].to(device).clamp(min=0)
        changed = rewritten(new, plain, source, keep.probabilities[scale].to(device), free, keep.threshold)
        return torch.where(given[..., None], source, changed)
    if keep is None:
        return _sampled(logits, chance, valid, scale, config, numbers)
    given = keep.given[scale].to(device) & valid
    new = _sampled(logits, chance, valid & ~given, scale, config, numbers)
    return torch.where(given[..., None].expand(*given.shape, bits), keep.tokens[scale].to(device), new)


def _sampled(
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

    ``chance`` and ``source_chance`` are P(bit = 1) now and when the source was sampled.
    """
    before = torch.where(source == 1, source_chance, 1.0 - source_chance)
    now = torch.where(source == 1, chance, 1.0 - chance)
    return torch.where((before - now > threshold) | free[..., None], new, source)


def region(
    layout: TokenLayout, frames: tuple[int, int] | None = None, parts: Sequence[int] | None = None
) -> tuple[Bool[Tensor, "_ _"], ...]:
    """Published edit region: positions of each scale that an edit resamples, from a frame range and a set of parts.

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
    source: SamplerOutput, inside: Sequence[Bool[Tensor, "_ _"]], early: int = 3, threshold: float = 0.1
) -> Rewrite:
    """The published edit of an earlier output, for a request's ``keep``.

    The first ``early`` scales keep the source outside ``inside`` and are resampled in it; at the finer ones a sampled
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
