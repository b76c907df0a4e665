"""Two clips in one pyramid of tokens: some positions from the one, some from the other, what holds both drawn.

MSQ's composition of tokens in space (parts) and over scales; which position comes from where is a map of origins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.bundle.bundle import Bundle
from kinescale.core.records import Record
from kinescale.pipelines.editing import Mask, address
from kinescale.pipelines.editing.windows import Drawn, encode_window, window_by_window
from kinescale.samplers.base import Keep
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import TokenMap

FIRST, SECOND, DRAWN = 0, 1, 2

Origins = tuple[Int[Tensor, "_ _"], ...]
"""Of each scale, where its positions [bins, groups] come from: ``FIRST``, ``SECOND``, or ``DRAWN``."""


def origins_by_part(bundle: Bundle, roles: frozenset[str]) -> Callable[[TokenLayout], Origins]:
    """Groups that hold nothing but ``roles`` come from the first clip, those without any from the second."""

    def origins(layout: TokenLayout) -> Origins:
        found = address(layout, bundle.tokenizer.latent_roles, roles)
        maps = []
        for scale, spec in enumerate(layout.scales):
            origin = torch.full((spec.bins, spec.groups), SECOND)
            origin[:, list(found.touching[scale])] = DRAWN
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


class Mixing:
    """Mixes two clips' features of one length; call it with a random generator for each sample."""

    def __init__(
        self,
        bundle: Bundle,
        first: Float[Tensor, "T F"],
        second: Float[Tensor, "T F"],
        origins: Callable[[TokenLayout], Origins],
        config: Record,
        text: TextFeatures,
    ):
        self.bundle, self.first, self.second = bundle, first, second
        self.origins, self.config, self.text = origins, config, text

    def __call__(self, rng: torch.Generator) -> Drawn:
        return window_by_window(
            self.bundle,
            self.first,
            ((0, len(self.first)),),
            lambda features, start, spans: self._window(start, start + len(features), rng),
        )

    def _window(self, start: int, stop: int, rng: torch.Generator) -> tuple[Tensor, TokenMap, Mask]:
        bundle = self.bundle
        one, other = encode_window(bundle, self.first[start:stop]), encode_window(bundle, self.second[start:stop])
        layout, latents = one.tokens.layout, one.tokens.latents
        origins = [origin[None].to(bundle.device) for origin in self.origins(layout)]
        tokens = self._mixed(one.tokens, other.tokens, origins)
        given = tuple((origin != DRAWN) & tokens.valid(k) for k, origin in enumerate(origins))
        if any(bool((origin == DRAWN).any()) for origin in origins):
            seen = bundle.codec.from_native(tokens)
            tokens = bundle.plain(self._drawn(Keep(seen.scales, given), layout, latents, rng))
        decoded = bundle.tokenizer.decode(tokens)[0, : stop - start].float().cpu()
        return bundle.normalizer.undo(decoded), tokens, tuple(g[0].cpu() for g in given)

    def _mixed(self, one: TokenMap, other: TokenMap, origins: list[Tensor]) -> TokenMap:
        """What is drawn holds the second clip's tokens for the time being."""
        scales = []
        for ours, theirs, origin in zip(one.scales, other.scales, origins, strict=True):
            spread = (origin == FIRST).expand(ours.shape[:3])
            scales.append(torch.where(spread[..., None] if ours.ndim > spread.ndim else spread, ours, theirs))
        return TokenMap(one.layout, one.latents, tuple(scales))

    def _drawn(self, keep: Keep, layout: TokenLayout, latents: Tensor, rng: torch.Generator) -> TokenMap:
        sample, _ = self.bundle.sampler()
        options: dict[str, Any] = {"config": self.config, "rngs": [rng], "keep": keep}
        return sample(self.bundle.generator, self.bundle.codec, self.text, None, layout, latents, **options).tokens
