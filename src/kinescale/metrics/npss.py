"""npss: normalized power spectrum similarity, how unlike in frequency a filled gap is to the recording.

Gopalakrishnan et al. 2019, "A Neural Temporal Model for Human Motion Prediction", section 4.2: each number's power
over the frequencies is a distribution, and two of them are compared by the earth mover's distance (the area between
their sums); the mean is weighted by the power of the recording. The power is the squared real part of the discrete
Fourier transform, as in the code published with Harvey et al. 2020, so that figures compare with that paper's.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.metrics.base import Better, Input, Numbers, paired

INPUT: Input = "gap"
TITLE = "NPSS"
UNIT = ""
BETTER: Better = "lower"

LEAST_POWER = 1e-12
"""A number of less power than this all along is at rest: its distribution is left at zero."""


def npss(real: Numbers, made: Numbers) -> float:
    """``real`` and ``made`` are [windows, frames, ...]: any numbers of each frame, such as global quaternions.

    Quaternions must be alike in sign (see ``aligned``).
    """
    one, two = paired(real, made, "tracks")
    if one.ndim < 3:
        raise InputError(f"tracks of shape {tuple(one.shape)}; expected [windows, frames, numbers ...].")
    power, other = (torch.fft.fft(track.flatten(2), dim=1).real.square() for track in (one, two))
    total = power.sum(1)
    distance = (_cumulated(power) - _cumulated(other)).abs().sum(1)
    return float((distance * total).sum() / total.sum().clamp(min=LEAST_POWER))


def aligned(real: Float[Tensor, "*b 4"], made: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 4"]:
    """The quaternions ``made`` on the side of ``real``."""
    return torch.where((real * made).sum(-1, keepdim=True) < 0, -made, made)


def _cumulated(power: Float[Tensor, "N F C"]) -> Float[Tensor, "N F C"]:
    total = power.sum(1, keepdim=True)
    return torch.where(total > LEAST_POWER, power / total.clamp(min=LEAST_POWER), 0.0).cumsum(1)


measure = npss
