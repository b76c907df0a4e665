"""Augmentation of MSQ's decoder: scales left out, granularities left out, parts of two clips mixed.

Section 3 of the method notes (a reconstruction): every prefix of the scales then decodes to a motion, and streams of
different clips may be combined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from kinescale.nn import global_batch
from kinescale.tokenizers.msq.parts import GRANULARITIES, LEFT_ARM, LEFT_LEG, RIGHT_ARM, RIGHT_LEG, ROOT, TORSO, Stage

MOVABLE = ((ROOT, RIGHT_LEG, LEFT_LEG), (TORSO,), (RIGHT_ARM,), (LEFT_ARM,))
"""Parts that change clips together: root and legs are one, else the feet slide."""


def kept_scales(
    batch: int, stages: Sequence[Stage], finer_rate: float, granularity_rate: float, rng: torch.Generator
) -> Bool[Tensor, "B S"]:
    """Which scales of each clip are decoded in training.

    With ``finer_rate`` all that are finer than a random one are left out; with ``granularity_rate`` a random set of
    the granularities, never all that are left.
    """
    count = len(stages)
    scales = torch.arange(count)
    last = global_batch.randint(0, count, (batch, 1), rng)
    cut = global_batch.rand((batch, 1), rng) < finer_rate
    kept = ~cut | (scales[None] <= last)
    kinds = sorted({stage.granularity for stage in stages})
    dropped = global_batch.rand((batch, len(kinds)), rng) < 0.5
    dropped &= global_batch.rand((batch, 1), rng) < granularity_rate
    kind_of = torch.tensor([kinds.index(stage.granularity) for stage in stages])
    left = kept & ~dropped[:, kind_of]
    return torch.where(left.any(1, keepdim=True), left, kept)


@dataclass(frozen=True, eq=False)
class Mixed:
    """Latents whose parts come from two clips, the features they should decode to, and the latents both clips fill."""

    latent: Tensor
    target: Tensor
    latent_lengths: Tensor


def mix_parts(
    latent: Float[Tensor, "B T P D"],
    target: Float[Tensor, "B frames F"],
    latent_lengths: Int[Tensor, "B"],
    stages: Sequence[Stage],
    columns: Sequence[Sequence[int]],
    rate: float,
    rng: torch.Generator,
) -> Mixed:
    """With ``rate`` a clip takes a random set of body parts from its neighbor in the batch.

    Streams that hold parts of both clips are left out; the target of a column is of the clip that it came from.
    """
    batch = len(latent)
    chosen = global_batch.rand((batch, 1), rng) < rate
    picked = (global_batch.rand((batch, len(MOVABLE)), rng) < 0.5) & chosen
    foreign = torch.zeros(batch, len(GRANULARITIES[-1]), dtype=torch.bool)
    for place, parts in enumerate(MOVABLE):
        foreign[:, list(parts)] = picked[:, place, None]
    own, other = (torch.zeros(batch, latent.shape[2], dtype=torch.bool) for _ in range(2))
    for stage in stages:
        for member, parts in zip(stage.members, GRANULARITIES[stage.granularity], strict=True):
            theirs = foreign[:, list(parts)]
            own[:, member], other[:, member] = ~theirs.any(1), theirs.all(1)
    column = torch.zeros(batch, target.shape[2], dtype=torch.bool)
    for part, places in enumerate(columns):
        column[:, list(places)] = foreign[:, part, None]
    device = latent.device
    own, other = (x.to(device)[:, None, :, None].to(latent.dtype) for x in (own, other))
    mixed = latent * own + global_batch.before(latent) * other
    wanted = torch.where(column.to(device)[:, None], global_batch.before(target), target)
    both = torch.where(
        picked.any(1).to(device), torch.minimum(latent_lengths, global_batch.before(latent_lengths)), latent_lengths
    )
    return Mixed(mixed, wanted, both)
