"""l2q: error of global joint rotations in a filled gap, quaternions compared as vectors.

Harvey et al. 2020, "Robust Motion In-betweening", section 5: the Euclidean length of the difference of all joints'
global quaternions in a frame, the mean over frames and windows. q and -q are one rotation, so signs are aligned first.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.metrics.base import Better, Input, Numbers, paired

INPUT: Input = "gap"
TITLE = "L2Q"
UNIT = ""
BETTER: Better = "lower"


def frame_l2q(real: Numbers, made: Numbers) -> Float[Tensor, "..."]:
    """The error of each frame of global unit quaternions [..., T, J, 4]."""
    one, two = paired(real, made, "quaternions")
    if one.ndim < 3 or one.shape[-1] != 4:
        raise InputError(f"quaternions of shape {tuple(one.shape)}; expected [..., frames, joints, 4].")
    opposite = (one * two).sum(-1, keepdim=True) < 0
    return (one - two.where(~opposite, -two)).square().sum((-2, -1)).sqrt()


def l2q(real: Numbers, made: Numbers) -> float:
    """Mean over frames and windows."""
    return float(frame_l2q(real, made).mean())


measure = l2q
