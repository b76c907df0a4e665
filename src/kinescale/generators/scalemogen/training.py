"""Training data and loss of ScaleMoGen's generator: residual bits encoded around randomly flipped coarser ones.

ScaleMoGen (arXiv 2605.11704), section 3.7 of its method notes (bit-wise self-correction of Infinity, Han et al. 2024).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from kinescale.nn import global_batch
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import PADDING

RATE_STEP = 0.01
"""Flip rates are whole multiples of it."""

Choose = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True, eq=False)
class Corrected:
    """``labels`` [B, L, K]: bits of the residual left at each scale, 0 where nothing is filled;
    ``inputs``: F brought to each scale from the second on; ``total``: F of all scales, flips included."""

    labels: Tensor
    inputs: list[Tensor]
    total: Tensor


def correct(
    codec: Codec,
    latent: Float[Tensor, "B T P D"],
    layout: TokenLayout,
    latents: Int[Tensor, "B"],
    choose: Choose,
    faithful: bool = False,
) -> Corrected:
    """Encode scale by scale; ``choose(bits, scale)`` gives the bits that are added instead of the labels.

    The residual is what is left after the bits added, so finer labels repair coarser flips. ``faithful``: what follows
    a clip is pooled with it and its bits (zeros, perhaps flipped) count, as in the reference; else neither.
    """
    total = codec.empty(layout, len(latent))
    seen = torch.full_like(latents, layout.capacity) if faithful else latents
    labels, inputs = [], []
    for scale in range(len(layout.scales)):
        if scale:
            inputs.append(codec.scale_input(total, scale, layout, latents))
        right = codec.quantize_scale(latent - total, scale, layout, seen)
        valid = layout.valid(latents, scale)[..., None]
        labels.append(right.masked_fill(~valid, 0).flatten(1, 2))
        used = choose(right.masked_fill(~valid, 0 if faithful else PADDING), scale)
        total = total + codec.contribution(used, scale, layout)
    return Corrected(torch.cat(labels, 1), inputs, total)


def flipper(most: float, rng: torch.Generator) -> Choose:
    """Flip bits (never ``PADDING``) at a rate that is uniform over 0, 0.01, ... ``most``."""
    rates = round(most / RATE_STEP) + 1

    def flip(bits: Tensor, scale: int) -> Tensor:
        rate = int(torch.randint(rates, (), generator=rng)) * RATE_STEP
        hit = (global_batch.rand(bits.shape, rng) < rate).to(bits.device)
        return torch.where(hit & (bits != PADDING), 1 - bits, bits)

    return flip


def position_weights(layout: TokenLayout, valid: Bool[Tensor, "B L"], faithful: bool) -> Float[Tensor, "B L"]:
    """``sqrt(positions of the last scale / positions of the own scale)``, zero where not valid.

    If ``faithful`` all positions of the layout are counted and the weights sum to 1 over them; else those that each
    clip fills.
    """
    scales = [scale.size for scale in layout.scales]
    owner = layout.scale_of_position().to(valid.device)
    whole = torch.tensor(scales, device=valid.device).expand(len(valid), -1)
    filled = torch.stack([part.sum(1) for part in valid.split(scales, 1)], 1)
    sizes = (whole if faithful else filled.clamp(min=1)).float()
    weights = (sizes[:, -1:] / sizes).sqrt()[:, owner]
    kept = weights * valid
    return kept / (weights if faithful else kept).sum(1, keepdim=True)


def bit_loss(
    logits: Float[Tensor, "B L K 2"], labels: Int[Tensor, "B L K"], weights: Float[Tensor, "B L"]
) -> Float[Tensor, ""]:
    """Cross entropy per bit, mean over bits, weighted over positions, mean over clips."""
    odds = logits[..., 1] - logits[..., 0]
    each = functional.binary_cross_entropy_with_logits(odds, labels.to(odds.dtype), reduction="none").mean(-1)
    return global_batch.mean((each * weights).sum(1))
