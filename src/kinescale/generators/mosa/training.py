"""Teacher forcing of MoSa's generator: a clip's own tokens as targets, sums with many random tokens as inputs.

MoSa (arXiv 2511.01200), section 3 of its method notes (keep rate ``pkeep``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.nn import global_batch
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout

Replace = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True, eq=False)
class Lesson:
    """``labels`` [B, positions] a scale (``PADDING`` where nothing is filled); ``inputs``: the sum of the coarser
    scales' tokens, some replaced, brought to each scale from the second on."""

    labels: tuple[Tensor, ...]
    inputs: tuple[Tensor, ...]


def teach(
    codec: Codec,
    latent: Float[Tensor, "B T P D"],
    layout: TokenLayout,
    latents: Int[Tensor, "B"],
    replace: Replace | None,
) -> Lesson:
    """Encode scale by scale; ``replace(tokens, scale)`` says what stands in the inputs instead of a scale's tokens."""
    left, shown = latent, codec.empty(layout, len(latent))
    labels, inputs = [], []
    last = len(layout.scales) - 1
    for scale in range(last + 1):
        if scale:
            inputs.append(codec.scale_input(shown, scale, layout, latents))
        tokens = codec.quantize_scale(left, scale, layout, latents)
        labels.append(tokens.flatten(1, 2))
        if scale == last:
            break
        added = codec.contribution(tokens, scale, layout)
        left = left - added
        other = None if replace is None else replace(tokens, scale)
        shown = shown + (added if other is None else codec.contribution(other, scale, layout))
    return Lesson(tuple(labels), tuple(inputs))


def keeping(share: float, vocabularies: tuple[int, ...], rng: torch.Generator) -> Replace | None:
    """Each token stays with probability ``share``, else becomes a random code of its scale; padding stays."""
    if share >= 1.0:
        return None

    def replace(tokens: Tensor, scale: int) -> Tensor:
        stay = (global_batch.rand(tokens.shape, rng) < share).to(tokens.device)
        drawn = global_batch.randint(0, vocabularies[scale], tokens.shape, rng).to(tokens.device)
        return torch.where(stay | (tokens < 0), tokens, drawn)

    return replace
