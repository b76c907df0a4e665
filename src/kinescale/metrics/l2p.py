"""l2p: error of global joint positions in a filled gap, each coordinate in units of its spread in training data.

Harvey et al. 2020, "Robust Motion In-betweening", section 5: positions are normalized by mean and deviation over the
training windows (which are centered and turned to one facing); then the Euclidean length of the difference of all
joints in a frame, the mean over frames and windows. The mean cancels, so only the deviation is given.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.metrics.base import Better, Input, Numbers, float64, paired

INPUT: Input = "gap"
TITLE = "L2P"
UNIT = ""
BETTER: Better = "lower"


def frame_l2p(real: Numbers, made: Numbers, deviation: Numbers) -> Float[Tensor, "..."]:
    """The error of each frame of positions [..., T, J, 3]; ``deviation`` [J, 3] is in their unit and positive."""
    one, two = paired(real, made, "joint positions")
    spread = float64(deviation, "deviations").to(one.device)
    if one.ndim < 3 or one.shape[-2:] != spread.shape or spread.shape[-1] != 3:
        raise InputError(
            f"positions of shape {tuple(one.shape)} and deviations {tuple(spread.shape)}; expected [..., frames, "
            "joints, 3] and [joints, 3]."
        )
    if not bool((spread > 0).all()):
        raise InputError("a deviation is not above 0; measure them on motion that moves.")
    return ((one - two) / spread).square().sum((-2, -1)).sqrt()


def l2p(real: Numbers, made: Numbers, deviation: Numbers) -> float:
    """Mean over frames and windows."""
    return float(frame_l2p(real, made, torch.as_tensor(deviation)).mean())


measure = l2p
