"""A motion at another frame rate, smooth where frames are added: joined lines would jerk at every old frame."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.kinematics.rotations import quat_continuous
from kinescale.motion.motion import Motion


def retimed(motion: Motion, fps: float, frames: int) -> Motion:
    """``frames`` frames at ``fps`` by cubic (Catmull-Rom) interpolation; frame 0 stays, the last one is held.

    At the motion's own rate frames are taken as they are.
    """
    if frames < 1:
        raise InputError(f"{frames} frames; expected 1 or more.")
    if fps == motion.fps:
        at = torch.arange(frames).clamp(max=len(motion) - 1)
        return motion.replace(root=motion.root[at].clone(), rotations=motion.rotations[at].clone())
    place = (torch.arange(frames, dtype=torch.float64) * (motion.fps / fps)).clamp(max=len(motion) - 1)
    low = place.floor().long().clamp(max=max(len(motion) - 2, 0))
    part = (place - low).to(motion.root.dtype)
    root = _cubic(motion.root, low, part)
    smooth = quat_continuous(motion.rotations)
    rotations = torch.nn.functional.normalize(_cubic(smooth.flatten(1), low, part).view(frames, -1, 4), dim=-1)
    return motion.replace(fps=fps, root=root, rotations=rotations)


def _cubic(values: Float[Tensor, "T C"], low: Int[Tensor, "N"], part: Float[Tensor, "N"]) -> Float[Tensor, "N C"]:
    """Catmull-Rom between frames ``low`` and ``low + 1``; past the ends the values go on in a straight line."""
    if len(values) == 1:
        return values[low].clone()
    ends = (2 * values[:1] - values[1:2], values, 2 * values[-1:] - values[-2:-1])
    padded = torch.cat(ends)
    a, b, c, d = (padded[low + k] for k in range(4))
    u = part[:, None]
    return b + 0.5 * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)))
