"""jitter: mean length of the joints' third derivative, in meters per second cubed; tremor makes it large.

The third difference of positions times fps cubed, as in the evaluations of SnapMoGen (2025) and ScaleMoGen (2026).
Real motion has some; a smoothed motion has less than real, which is no better.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.metrics.base import Better, Column, Input, Numbers, float64
from kinescale.motion import Motion

INPUT: Input = "motion"
TITLE = "jitter"
UNIT = "m/s³"
BETTER: Better = "as real"
COLUMNS = {"jitter_m_s3": Column(TITLE, UNIT, BETTER)}

ORDER = 3


def third_derivative(positions: Numbers, fps: float) -> Float[Tensor, "..."]:
    """Length of the third derivative [..., T - 3, J] of positions [..., T, J, 3]; entry t is of frames t to t + 3."""
    values = float64(positions, "joint positions")
    if values.ndim < 3 or values.shape[-1] != 3 or values.shape[-3] <= ORDER:
        raise InputError(f"positions of shape {tuple(values.shape)}; expected [..., over {ORDER} frames, joints, 3].")
    if not fps > 0:
        raise InputError(f"{fps} frames per second; expected more than 0.")
    return torch.diff(values, n=ORDER, dim=-3).norm(dim=-1) * fps**ORDER


def jitter(positions: Numbers, fps: float, valid: Bool[Tensor, "..."] | None = None) -> float:
    """Mean over joints and over the frames, from the fourth on, that are ``valid`` [..., T] (all by default)."""
    lengths = third_derivative(positions, fps)
    if valid is None:
        return float(lengths.mean())
    kept = torch.as_tensor(valid, device=lengths.device)[..., ORDER:]
    if kept.shape != lengths.shape[:-1] or not bool(kept.any()):
        raise InputError(
            f"a mask of shape {tuple(valid.shape)}, or with no frame from the fourth on; expected [..., T]."
        )
    return float(lengths[kept].mean())


def measure(motion: Motion) -> float:
    """Of one clip."""
    return jitter(motion.positions().double(), motion.fps)
