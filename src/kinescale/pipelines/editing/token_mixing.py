"""Token mixing of two clips in one pyramid: some positions from one, some from the other, the rest sampled.

MSQ's composition of tokens in space (parts) and over scales; an origin map gives the source of each position.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.bundle.bundle import Bundle
from kinescale.pipelines import runtime
from kinescale.pipelines.editing.fill import FillContext, seen_tokens
from kinescale.pipelines.editing.masks import Mask, address
from kinescale.pipelines.editing.region import Span
from kinescale.pipelines.editing.windows import Filled, window_by_window
from kinescale.samplers.base import Keep
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import TokenMap

FIRST, SECOND, SAMPLED = 0, 1, 2

Origins = tuple[Int[Tensor, "_ _"], ...]
"""Of each scale, the source of its positions [bins, groups]: ``FIRST``, ``SECOND``, or ``SAMPLED``."""


def origins_by_part(bundle: Bundle, roles: frozenset[str]) -> Callable[[TokenLayout], Origins]:
    """Groups that hold nothing but ``roles`` come from the first clip, those without any from the second."""

    def origins(layout: TokenLayout) -> Origins:
        found = address(layout, bundle.tokenizer.latent_roles, roles)
        maps = []
        for scale, spec in enumerate(layout.scales):
            origin = torch.full((spec.bins, spec.groups), SECOND)
            origin[:, list(found.touching[scale])] = SAMPLED
            origin[:, list(found.inside[scale])] = FIRST
            maps.append(origin)
        return tuple(maps)

    return origins


def origins_by_scale(coarse: int) -> Callable[[TokenLayout], Origins]:
    """The ``coarse`` coarsest scales come from the first clip, the others from the second."""

    def origins(layout: TokenLayout) -> Origins:
        return tuple(
            torch.full((spec.bins, spec.groups), FIRST if scale < coarse else SECOND)
            for scale, spec in enumerate(layout.scales)
        )

    return origins


def fill_mixed(
    context: FillContext,
    rng: torch.Generator,
    second: Float[Tensor, "T F"],
    origins: Callable[[TokenLayout], Origins],
) -> Filled:
    """A filler that mixes the tokens of the context's stretch with those of ``second``, of the same length."""
    features = context.stretch.features
    window = partial(_window, context, rng, features, second, origins)
    return window_by_window(context.bundle, features, ((0, len(features)),), window)


def _window(
    context: FillContext,
    rng: torch.Generator,
    first: Float[Tensor, "T F"],
    second: Float[Tensor, "T F"],
    origins: Callable[[TokenLayout], Origins],
    window: Float[Tensor, "W F"],
    start: int,
    _spans: tuple[Span, ...],
) -> tuple[Tensor, TokenMap, Mask]:
    bundle, stop = context.bundle, start + len(window)
    one = runtime.encode(bundle, first[start:stop]).tokens
    other = runtime.encode(bundle, second[start:stop]).tokens
    maps = [origin[None].to(bundle.device) for origin in origins(one.layout)]
    tokens = _mixed(one, other, maps)
    given = tuple((origin != SAMPLED) & tokens.valid(k) for k, origin in enumerate(maps))
    if any(bool((origin == SAMPLED).any()) for origin in maps):
        keep = Keep(seen_tokens(bundle, tokens).scales, given)
        sampled = runtime.sample(
            bundle, context.text, one.layout, one.latent_lengths, config=context.config, rngs=[rng], keep=keep
        )
        tokens = bundle.plain(sampled.tokens)
    return runtime.decode(bundle, tokens, len(window)), tokens, tuple(g[0].cpu() for g in given)


def _mixed(one: TokenMap, other: TokenMap, origins: list[Tensor]) -> TokenMap:
    """Positions that are sampled hold the second clip's tokens for the time being."""
    scales = []
    for ours, theirs, origin in zip(one.scales, other.scales, origins, strict=True):
        spread = (origin == FIRST).expand(ours.shape[:3])
        scales.append(torch.where(spread[..., None] if ours.ndim > spread.ndim else spread, ours, theirs))
    return TokenMap(one.layout, one.latent_lengths, tuple(scales))
