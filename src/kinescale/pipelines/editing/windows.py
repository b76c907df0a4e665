"""Window-by-window processing of long stretches: each window builds on what earlier ones made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.bundle.bundle import Bundle
from kinescale.pipelines.editing.masks import Mask
from kinescale.pipelines.editing.region import Span
from kinescale.tokens.token_map import TokenMap

FADE_FRAMES = 8
"""Frames over which a window is cross-faded with the one before, in features."""


@dataclass(frozen=True, eq=False)
class Filled:
    """A stretch with its spans filled.

    Parameters
    ----------
    features : of the whole stretch, not normalized.
    decoded : the frames that were decoded.
    tokens, kept : of each window, its tokens and which positions were given instead of sampled.
    """

    features: Float[Tensor, "T F"]
    decoded: Bool[Tensor, "T"]
    tokens: tuple[TokenMap, ...] = ()
    kept: tuple[Mask, ...] = ()


def windows(length: int, spans: Sequence[Span], capacity: int, stride: int) -> list[tuple[Span, tuple[Span, ...]]]:
    """Windows of at most ``capacity`` frames and the spans that each fills; later ones build on earlier ones.

    A span that one window holds has as much around it as fits, the same on both sides; a longer one is filled piece by
    piece, each with the last quarter of a window before it.
    """
    if length <= capacity:
        return [((0, length), tuple(spans))]
    plan = []
    for first, wanted in spans:
        at, last = first, min(wanted, length)
        while at < last:
            around = max(capacity // 4, (capacity - (last - at)) // 2)
            # whole latent steps before a piece, so that it begins with one
            start = max(0, at - around // stride * stride)
            start = max(0, min(start, length - capacity))
            stop = min(length, start + capacity)
            plan.append(((start, stop), ((at, min(last, stop)),)))
            at = min(last, stop)
    return plan


OfWindow = Callable[[Tensor, int, tuple[Span, ...]], tuple[Tensor, TokenMap, Mask]]
"""(a window's features, its first frame, spans in it) to (features, tokens, kept positions)."""


def window_by_window(bundle: Bundle, whole: Float[Tensor, "T F"], spans: Sequence[Span], fill: OfWindow) -> Filled:
    """Apply ``fill`` to each window in turn; a window is cross-faded with earlier ones just before its own span."""
    features = whole.clone()
    done = torch.zeros(len(features), dtype=torch.bool)
    tokens, kept = [], []
    for (start, stop), inside in windows(len(features), spans, bundle.max_frames, bundle.stride):
        inner = tuple((a - start, b - start) for a, b in inside)
        decoded, sampled, mask = fill(features[start:stop], start, inner)
        weight = torch.ones(stop - start)
        if bool(done[start:stop].any()):
            fade = min(FADE_FRAMES, inner[0][0])
            weight[: inner[0][0] - fade] = 0
            weight[inner[0][0] - fade : inner[0][0]] = torch.arange(1, fade + 1) / (fade + 1)
        features[start:stop] = torch.lerp(features[start:stop], decoded, weight[:, None])
        done[start:stop] = True
        tokens.append(sampled)
        kept.append(mask)
    return Filled(features, done, tuple(tokens), tuple(kept))
