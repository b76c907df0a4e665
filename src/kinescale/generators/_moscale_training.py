"""What MoScale's generator is trained on: tokens encoded around deliberate mistakes, then partly hidden.

MoScale (arXiv 2604.03799): hierarchical refinement (``refine``) and temporal refinement (``mask_tokens``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import MASKED, PADDING


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


@dataclass(frozen=True)
class Masking:
    """Rates of ``mask_tokens``; ``padding_too``: padding takes part in the draw, like in the reference (a short
    clip then has fewer positions masked than its share)."""

    vocabulary: int
    masked_share: float = 0.8
    random_share: float = 0.1
    token_noise: float = 0.1
    padding_too: bool = False


def mask_tokens(
    labels: Int[Tensor, "B L"], valid: Bool[Tensor, "B L"], rates: Masking, rng: torch.Generator
) -> tuple[Int[Tensor, "B L"], Bool[Tensor, "B L"]]:
    """What the token stream shows (codes, ``MASKED``, ``PADDING``), and which positions are scored.

    A share cos(pi u / 2), u uniform, of each clip's positions is scored, at least one; most of them are hidden, some
    show a random code, some their own. Positions that are not hidden show a random code with a small probability.
    """
    batch, length = labels.shape
    device = labels.device

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=rng).to(device)

    scores = uniform(batch, length)
    if rates.padding_too:
        among = torch.full((batch,), length, device=device)
    else:
        among = valid.sum(1)
        scores = scores.masked_fill(~valid, 2.0)
    wanted = (among * torch.cos(math.pi / 2 * uniform(batch))).round().clamp(min=1)
    chosen = (scores.argsort(1).argsort(1) < wanted[:, None]) & valid
    kind = uniform(batch, length)
    hidden = chosen & (kind < rates.masked_share)
    replaced = chosen & (kind >= rates.masked_share) & (kind < rates.masked_share + rates.random_share)
    noise = float(torch.rand((), generator=rng)) * rates.token_noise
    replaced = replaced | (valid & ~hidden & (uniform(batch, length) < noise))
    drawn = torch.randint(rates.vocabulary, (batch, length), generator=rng).to(device)
    shown = torch.where(replaced, drawn, labels).masked_fill(hidden, MASKED).masked_fill(~valid, PADDING)
    return shown, chosen
