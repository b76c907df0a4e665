"""Training data and loss of MoScale's generator: residual tokens encoded around corrupted coarser ones.

MoScale (arXiv 2604.03799), hierarchical refinement. Masking is in ``generators.base.masking``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from kinescale.nn import global_batch
from kinescale.tokens.codec import Codec
from kinescale.tokens.layout import TokenLayout
from kinescale.tokens.token_map import PADDING


@dataclass(frozen=True, eq=False)
class Refined:
    """``labels`` [B, L]: nearest codes of the residual left at each scale (``PADDING`` where nothing is filled);
    ``inputs``: F brought to each scale from the second on; ``total``: F of all scales, corruption included."""

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
    """Encode scale by scale; ``choose(labels, scale)`` gives the codes that are added instead of the labels.

    The residual is what is left after the codes added, so finer labels repair coarser corruption; a scale's own
    corruption does not change its labels.
    """
    residual = latent
    total = codec.empty(layout, len(latent))
    labels, inputs = [], []
    for scale in range(len(layout.scales)):
        if scale:
            inputs.append(codec.scale_input(total, scale, layout, latents))
        right = codec.quantize_scale(residual, scale, layout, latents)
        labels.append(right.flatten(1, 2))
        used = choose(right, scale).masked_fill(~layout.valid(latents, scale), PADDING)
        added = codec.contribution(used, scale, layout)
        residual = residual - added
        total = total + added
    return Refined(torch.cat(labels, 1), inputs, total)


def corruptor(
    most: float, codes: Sequence[int], layout: TokenLayout, latents: Tensor, rng: torch.Generator
) -> Callable[[Tensor, int], Tensor]:
    """Replace a share (uniform from 0 to ``most``, once per scale) of the valid tokens by others of the scale's
    ``codes``."""

    def corrupt(tokens: Tensor, scale: int) -> Tensor:
        rate = torch.rand((), generator=rng) * most
        hit = (global_batch.rand(tokens.shape, rng) < rate).to(tokens.device) & layout.valid(latents, scale)
        shift = global_batch.randint(1, codes[scale], tokens.shape, rng).to(tokens.device)
        return torch.where(hit, (tokens + shift) % codes[scale], tokens)

    return corrupt


def scored_loss(
    logits: Float[Tensor, "N V"], labels: Int[Tensor, "N"], weights: Float[Tensor, "N"] | None = None
) -> Float[Tensor, ""]:
    """Mean cross entropy over the scored positions, weighted or (as published, method notes, 3.6) all alike; 0 when
    none is scored."""
    if weights is None:
        summed = global_batch.total(functional.cross_entropy(logits, labels, reduction="sum"))
        return summed / global_batch.count(len(labels), logits).clamp(min=1)
    each = functional.cross_entropy(logits, labels, reduction="none")
    return global_batch.total((each * weights).sum()) / global_batch.total(weights.sum())


def logs_of(loss: Tensor, logits: Tensor, labels: Tensor, layout: TokenLayout, chosen: Tensor) -> dict[str, float]:
    """The loss, and the share of labels that are the best code, in all and per scale."""
    right = (logits.detach().argmax(-1) == labels).float()
    scales = layout.scale_of_position().to(chosen.device).expand_as(chosen)[chosen]
    count = global_batch.total(torch.bincount(scales, minlength=len(layout.scales))).clamp(min=1)
    share = global_batch.total(torch.bincount(scales, weights=right, minlength=len(layout.scales))) / count
    scored = global_batch.count(len(right), right).clamp(min=1)
    logs = {"loss": float(loss.detach()), "accuracy": float(global_batch.total(right.sum())) / float(scored)}
    return logs | {f"accuracy.{k}": value for k, value in enumerate(share.tolist())}
