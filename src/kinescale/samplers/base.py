"""What all samplers share: what is asked of a generator that predicts scale by scale, what is given, what comes out.

A sampler's file offers ``Config`` (a Record) and a free function ``sample(generator, codec, text, unconditional,
layout, latents, *, config, rngs, keep=None, on_scale=None) -> Drawn``: ``rngs`` holds one CPU generator a clip, and a
clip's draws depend on its own alone, whatever shares its batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.text_features import TextFeatures
from kinescale.tokens.token_map import TokenMap


@runtime_checkable
class ScaleGenerator(Protocol):
    """What is asked of a generator. A state is the generator's own; it is handed back, never looked into."""

    def unconditional(self, text: TextFeatures) -> TextFeatures:
        """What stands for no text beside each sentence."""
        ...

    def begin(self, text: TextFeatures, layout: TokenLayout, latents: Tensor) -> Any:
        """The state before the coarsest scale."""
        ...

    def step(self, state: Any, scale: int, inputs: Tensor, tokens: Tensor) -> tuple[Tensor, Any]:
        """Logits [B, positions, V] of one scale, given F at its resolution and its tokens so far (``MASKED`` where
        unknown), and the state to go on with."""
        ...

    def settle(self, state: Any, scale: int, inputs: Tensor, tokens: Tensor) -> Any:
        """The state once a scale's tokens are final."""
        ...


@dataclass(frozen=True, eq=False)
class Keep:
    """Given positions: per scale, tokens [B, bins, groups] and where they are given (true) instead of drawn."""

    tokens: tuple[Tensor, ...]
    given: tuple[Tensor, ...]


@dataclass(frozen=True, eq=False)
class Drawn:
    """The tokens and F, the sum of what all scales add [B, T', P, D]."""

    tokens: TokenMap
    latent: Tensor


OnScale = Callable[[int, Tensor], None]


def check(
    text: TextFeatures,
    unconditional: TextFeatures | None,
    layout: TokenLayout,
    latents: Tensor,
    rngs: Sequence[torch.Generator],
    keep: Keep | None,
) -> None:
    """``InputError`` when a call's counts or kept tokens do not fit its layout."""
    clips = len(latents)
    layout.check(latents * layout.stride)
    sentences = len(text) if unconditional is None or len(unconditional) == len(text) else -1
    if sentences != clips or len(rngs) != clips:
        raise InputError(f"{clips} lengths, {len(text)} sentences and {len(rngs)} generators; give one of each a clip.")
    if keep is None:
        return
    shapes = [(clips, scale.bins, scale.groups) for scale in layout.scales]
    if [tuple(t.shape[:3]) for t in keep.tokens] != shapes or [tuple(g.shape) for g in keep.given] != shapes:
        raise InputError(f"the kept tokens do not have the layout's shapes {shapes}; encode them in this layout.")
    for scale, (tokens, given) in enumerate(zip(keep.tokens, keep.given, strict=True)):
        empty = tokens < 0 if tokens.ndim == 3 else (tokens < 0).any(-1)
        if bool((given & layout.valid(latents.to(given.device), scale) & empty).any()):
            raise InputError(f"scale {scale} keeps positions that hold no token; mark them as not given.")
