"""jerk: the highest jerk of any joint over time, against real motion's: does the motion jump at a seam or stand still?

Barquero et al. 2024 (FlowMDM, section 4.1): peak jerk (m/s^3), and the area between a motion's curve of highest jerk
and real motion's mean level (m/s^2). Both depend on the frame rate the third derivative is taken at, so real and
generated motion must be compared at one.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.metrics.base import Better, Numbers
from kinescale.metrics.jitter import third_derivative

UNIT = "m/s^3"
BETTER: Better = "as real"


def jerk_curve(positions: Numbers, fps: float) -> Float[Tensor, "..."]:
    """Highest jerk over joints at each frame from the fourth on, [..., T - 3], of positions [..., T, J, 3]."""
    return third_derivative(positions, fps).amax(-1)


def peak_jerk(positions: Numbers, fps: float) -> float:
    """Mean over clips of each clip's highest jerk."""
    return float(jerk_curve(positions, fps).amax(-1).mean())


def area_under_jerk(positions: Numbers, fps: float, real_level: float) -> float:
    """Mean over clips of the area, in m/s^2, between the curve and ``real_level``.

    ``real_level``: the mean of real motion's ``jerk_curve`` at this frame rate.
    """
    if not real_level >= 0:
        raise InputError(f"a real level of {real_level}; expected the mean of real motion's jerk curve.")
    return float(((jerk_curve(positions, fps) - real_level).abs().sum(-1) / fps).mean())
