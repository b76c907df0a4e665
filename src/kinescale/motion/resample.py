"""Resampling to another frame rate: linear with slerp, or cubic (Catmull-Rom).

``resample`` keeps the clip's length and is what training data and conversion use; linear pieces jerk at every old
frame, so ``resample_cubic`` is for frames that are added to a clip, as in editing.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.core.conventions import MAX_FPS, MAX_FRAMES
from kinescale.core.errors import InputError
from kinescale.kinematics.rotations import quat_continuous, quat_slerp
from kinescale.motion.motion import Motion

FREE_POSES = 1_000_000
"""Most joint rotations (frames times joints) after resampling; ``MAX_STRETCH`` times those before if that is more."""
MAX_STRETCH = 64


def resample(motion: Motion, fps: float) -> Motion:
    """Resample a clip to ``fps`` frames per second: frame 0 stays, the clip does not get longer.

    When the new rate divides the old one, frames are dropped, not blended. Raises ``InputError`` where a few slow
    frames would become more than ``FREE_POSES`` poses of joints and ``MAX_STRETCH`` times their own number.

    Example
    -------
    >>> import torch
    >>> from kinescale import skeletons
    >>> from kinescale.motion import Motion, resample
    >>> body = skeletons.get("humanml22")
    >>> still = torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(60, len(body), 4)
    >>> resample(Motion(body, 30.0, torch.zeros(60, 3), still), 20.0)
    Motion(humanml22, 40 frames at 20 fps, 2.00 s)
    """
    if not 0 < fps <= MAX_FPS:
        raise InputError(f"{fps} frames per second; expected more than 0 and at most {MAX_FPS:g}.")
    if fps == motion.fps:
        return motion
    last = len(motion) - 1
    count = int(last * fps / motion.fps + 1e-6) + 1
    joints = len(motion.skeleton)
    most = min(MAX_FRAMES, max(FREE_POSES // joints, MAX_STRETCH * len(motion)))
    if count > max(most, len(motion)):
        raise InputError(
            f"{len(motion)} frames at {motion.fps:g} a second become {count} at {fps:g}; at most {most}: is the "
            "frame rate of the clip right?"
        )
    step = motion.fps / fps
    if abs(step - round(step)) < 1e-9:
        index = torch.arange(count) * round(step)
        return motion.replace(fps=fps, root=motion.root[index].clone(), rotations=motion.rotations[index].clone())
    at = (torch.arange(count, dtype=torch.float64) * step).clamp(max=last)
    low = at.floor().long().clamp(max=max(last - 1, 0))
    high = (low + 1).clamp(max=last)
    weight = (at - low).to(motion.root.dtype)
    root = torch.lerp(motion.root[low], motion.root[high], weight[:, None])
    smooth = quat_continuous(motion.rotations)
    rotations = quat_slerp(smooth[low], smooth[high], weight[:, None].expand(-1, smooth.shape[1]))
    return motion.replace(fps=fps, root=root, rotations=rotations)


def resample_cubic(motion: Motion, fps: float, frames: int) -> Motion:
    """``frames`` frames at ``fps`` by cubic (Catmull-Rom) interpolation; frame 0 stays, the last one is held.

    At the motion's own rate frames are taken as they are. Raises ``InputError`` for fewer than one frame.
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
    """Catmull-Rom between frames ``low`` and ``low + 1``; linear extrapolation past the ends."""
    if len(values) == 1:
        return values[low].clone()
    ends = (2 * values[:1] - values[1:2], values, 2 * values[-1:] - values[-2:-1])
    padded = torch.cat(ends)
    a, b, c, d = (padded[low + k] for k in range(4))
    u = part[:, None]
    return b + 0.5 * u * (c - a + u * (2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)))
