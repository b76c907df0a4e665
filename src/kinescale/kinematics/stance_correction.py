"""Foot skate correction: displacements that keep standing feet in place, blended smoothly between stances.

The displacement of the point of support (heel, whole foot, toes, as the foot rolls) is accumulated over a stance and
subtracted, after Kovar et al. 2002, "Footskate Cleanup for Motion Capture Editing". All frames at once.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.kinematics.filters import smoothstep

ANKLE, TOES = 0, 1


def stance_corrections(
    feet: Float[Tensor, "T S P 3"], stands: Bool[Tensor, "T S P"], most_m: float, fade: float
) -> Float[Tensor, "T S P 3"]:
    """Horizontal corrections, meters, of P = 1 or 2 points (ankle, toes) of S feet.

    While both points stand the foot does not rotate either. A stance keeps its mean place and its foot's mean
    direction; a correction above ``most_m`` (a foot that drags) is cut to that length. Off the ground a correction
    fades within ``fade`` frames.
    """
    flat = feet * feet.new_tensor([1.0, 0.0, 1.0])
    both = (stands[1:] & stands[:-1]).to(feet)[..., None]
    step = (flat[1:] - flat[:-1]) * both
    # a point that does not stand moves with the other one
    step = step + (1 - both) * step.flip(2) if feet.shape[2] > 1 else step
    path = -torch.cat([torch.zeros_like(flat[:1]), step.cumsum(0)])
    known = stands.any(2)
    run = _runs(known)
    path = path - _at_begin(path, known)
    if feet.shape[2] > 1:
        swing = path[:, :, TOES] - path[:, :, ANKLE]
        swing = swing - _per_run(swing, stands.all(2), run, "mean")
        path = torch.stack([path[:, :, ANKLE], path[:, :, ANKLE] + swing], dim=2)
    bearing = torch.where(stands[..., -1:, None], path[:, :, -1:], path[:, :, :1])
    path = path - _per_run(bearing.squeeze(2), known, run, "mean")[:, :, None]
    largest = _per_run(path.norm(dim=-1).amax(-1, keepdim=True), known, run, "amax")
    path = path * (most_m / largest.clamp(min=1e-9)).clamp(max=1.0)[:, :, None]
    return filled(path, known, fade)


def filled(
    values: Float[Tensor, "T S *c"], known: Bool[Tensor, "T S"], fade: float | None = None
) -> Float[Tensor, "T S *c"]:
    """``values`` where known, else smoothstep interpolation between the last known and the next; 0 if none is.

    With ``fade``, values fade to 0 within so many frames after the last known one, and in before the next.
    """
    frames, feet = known.shape
    at = torch.arange(frames, device=values.device)[:, None].expand(frames, feet)
    before = torch.where(known, at, torch.full_like(at, -1)).cummax(0).values
    after = torch.where(known, at, torch.full_like(at, frames)).flip(0).cummin(0).values.flip(0)
    first = torch.where(before < 0, after, before).clamp(max=frames - 1)
    last = torch.where(after >= frames, before, after).clamp(min=0)
    share = smoothstep((at - first).to(values) / (last - first).clamp(min=1).to(values))
    old, new = 1 - share, share
    if fade is not None:
        old, new = (
            old * (1 - smoothstep((at - first).abs().to(values) / fade)),
            new * (1 - smoothstep((last - at).abs().to(values) / fade)),
        )
    shape = (frames, feet, *[1] * (values.dim() - 2))
    foot = torch.arange(feet, device=values.device)
    some = known.any(0).to(values).reshape(1, *shape[1:])
    return (old.reshape(shape) * values[first, foot] + new.reshape(shape) * values[last, foot]) * some


def _runs(known: Bool[Tensor, "T S"]) -> Tensor:
    """Index of the run of true values that a frame is in, [T, S]; runs of different feet have different indices."""
    begins = known & ~torch.cat([torch.zeros_like(known[:1]), known[:-1]])
    frames = known.shape[0]
    return begins.cumsum(0) + (frames + 1) * torch.arange(known.shape[1], device=known.device)


def _at_begin(values: Float[Tensor, "T S *c"], known: Bool[Tensor, "T S"]) -> Float[Tensor, "T S *c"]:
    """Values at the first frame of the run that each frame is in."""
    begins = known & ~torch.cat([torch.zeros_like(known[:1]), known[:-1]])
    at = torch.arange(len(known), device=known.device)[:, None].expand_as(known)
    first = torch.where(begins, at, torch.zeros_like(at)).cummax(0).values
    return values[first, torch.arange(known.shape[1], device=known.device)]


def _per_run(values: Float[Tensor, "T S C"], known: Bool[Tensor, "T S"], run: Tensor, how: str) -> Tensor:
    """The mean or the largest over a run's known frames, at each of its frames; 0 where none is known."""
    frames, feet, width = values.shape
    index = run[known][:, None].expand(-1, width)
    into = values.new_zeros((frames + 1) * feet + 1, width)
    pooled = into.scatter_reduce(0, index, values[known], how, include_self=False)
    return pooled[run]
