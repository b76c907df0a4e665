"""Losses that tokenizers share: smooth-L1 per feature over filled frames, commitment of latents to partial sums."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from kinescale.nn import global_batch


def feature_errors(
    guess: Float[Tensor, "B T F"], target: Float[Tensor, "B T F"], frames: Bool[Tensor, "B T"]
) -> Float[Tensor, "F"]:
    """Mean smooth-L1 error of each feature over the ``frames`` that are filled."""
    error = functional.smooth_l1_loss(guess, target, reduction="none") * frames[:, :, None]
    return global_batch.total(error.sum((0, 1))) / global_batch.total(frames.sum()).clamp(min=1)


def reconstruction_loss(
    errors: Float[Tensor, "F"], explicit: slice | list[int] | None, weight: float
) -> tuple[Float[Tensor, ""], dict[str, float]]:
    """Mean over all features plus ``weight`` times the mean over the ``explicit`` columns, and both for the log."""
    total = errors.mean()
    logs = {"reconstruction": float(total.detach())}
    if explicit is not None:
        extra = errors[explicit].mean()
        total, logs["explicit"] = total + weight * extra, float(extra.detach())
    return total, logs


def commitment_loss(
    grid: Float[Tensor, "B T P D"], sums: Sequence[Float[Tensor, "B T P D"]], steps: Bool[Tensor, "B T"]
) -> Float[Tensor, ""]:
    """Mean squared distance of the filled latents from every partial sum, which gets no gradient."""
    inside = steps[:, :, None, None].to(grid.dtype)
    squared = torch.stack([((grid - partial.detach()) * inside).square().sum() for partial in sums]).sum()
    filled = global_batch.total(inside.sum())
    return global_batch.total(squared) / (len(sums) * filled * grid.shape[2] * grid.shape[3])
