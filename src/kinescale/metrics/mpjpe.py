"""mpjpe: mean distance of each joint from where it should be, in millimeters; positions come in meters.

Ionescu et al. 2014 (Human3.6M, section 5); for reconstructed motion as MoMask and MoScale print it, where each frame's
root is subtracted first (``mpjpe_aligned``). ``mpjpe`` keeps the root, so it also sees drift.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.metrics.base import Better, Column, Input, Numbers, paired
from kinescale.motion import Motion

INPUT: Input = "reconstruction"
TITLE = "MPJPE"
UNIT = "mm"
BETTER: Better = "lower"
COLUMNS = {
    "mpjpe_mm": Column(TITLE, UNIT, BETTER),
    "mpjpe_aligned_mm": Column("MPJPE, roots aligned,", UNIT, BETTER),
}

MM_PER_M = 1000.0


def frame_errors(real: Numbers, made: Numbers, *, root: int | None = None) -> Float[Tensor, "..."]:
    """Mean over joints of [..., T, J, 3] per frame, in the unit of the input; ``root``: the joint to subtract."""
    one, two = paired(real, made, "joint positions")
    if one.ndim < 3 or one.shape[-1] != 3:
        raise InputError(f"positions of shape {tuple(one.shape)}; expected [..., frames, joints, 3].")
    if root is not None:
        one, two = one - one[..., root : root + 1, :], two - two[..., root : root + 1, :]
    return (one - two).norm(dim=-1).mean(-1)


def mpjpe(real: Numbers, made: Numbers, valid: Bool[Tensor, "..."] | None = None) -> float:
    """World error over the frames that are ``valid`` [..., T] (all by default), mm."""
    return MM_PER_M * _mean(frame_errors(real, made), valid)


def mpjpe_aligned(real: Numbers, made: Numbers, valid: Bool[Tensor, "..."] | None = None, *, root: int = 0) -> float:
    """Error with each frame's root joint at the origin, mm."""
    return MM_PER_M * _mean(frame_errors(real, made, root=root), valid)


def measure(reference: Motion, copy: Motion) -> dict[str, float]:
    """Of one clip, over the frames that both have."""
    frames = min(len(reference), len(copy))
    pair = reference.positions()[:frames], copy.positions()[:frames]
    return {"mpjpe_mm": mpjpe(*pair), "mpjpe_aligned_mm": mpjpe_aligned(*pair)}


def _mean(errors: Tensor, valid: Tensor | None) -> float:
    if valid is None:
        return float(errors.mean())
    if valid.shape != errors.shape or not bool(valid.any()):
        raise InputError(f"a mask of shape {tuple(valid.shape)}, or with no frame; expected {tuple(errors.shape)}.")
    return float(errors[torch.as_tensor(valid, device=errors.device)].mean())
