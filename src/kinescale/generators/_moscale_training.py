"""What MoScale's generator is trained on: tokens encoded around deliberate mistakes, then partly hidden.

MoScale (arXiv 2604.03799), hierarchical refinement. The hiding is in ``_masking``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import PADDING


@dataclass(frozen=True, eq=False)
class Refined:
    """``labels`` [B, L]: nearest codes of the residual left at each scale (``PADDING`` where nothing is filled);
    ``inputs``: F brought to each scale from the second on; ``total``: F of all scales, mistakes included."""

    labels: Tensor
    inputs: list[Tensor]
    total: Tensor


def refine(
    codec: Codec,
    latent: Float[Tensor, "B T P D"],
    layout: TokenLayout,
    latents: Int[Tensor, "B"],
    choose: Callable[[Tensor, int], Tensor],
) -> Refined:
    """Encode scale by scale, where ``choose(labels, scale)`` says which codes are added instead of the right ones.

    The residual is what is left after the codes added, so finer labels repair coarser mistakes; a scale's own labels
    are not touched by its own mistakes.
    """
    residual = latent
    total = codec.empty(layout, len(latent))
    labels, inputs = [], []
    for scale in range(len(layout.scales)):
        if scale:
            inputs.append(codec.scale_input(total, scale, layout))
        right = codec.quantise_scale(residual, scale, layout, latents)
        labels.append(right.flatten(1, 2))
        used = choose(right, scale).masked_fill(~layout.valid(latents, scale), PADDING)
        added = codec.contribution(used, scale, layout)
        residual = residual - added
        total = total + added
    return Refined(torch.cat(labels, 1), inputs, total)
