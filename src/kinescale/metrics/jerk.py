"""jerk: the highest jerk of any joint over time, against real motion's: does the motion jump at a seam or stand still?

Barquero et al. 2024 (FlowMDM, section 4.1): peak jerk (m/s^3), and the area between a motion's curve of highest jerk
and real motion's mean level (m/s^2). Both depend on the frame rate the third derivative is taken at, so real and
generated motion must be compared at one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.metrics.base import Better, Column, Input, Numbers
from kinescale.metrics.jitter import third_derivative
from kinescale.motion import Motion

INPUT: Input = "motion"
TITLE = "jerk"
UNIT = "m/s³"
BETTER: Better = "as real"
COLUMNS = {
    "peak_jerk_m_s3": Column("peak jerk", UNIT, BETTER),
    "area_under_jerk_m_s2": Column("area under jerk", "m/s²", "lower"),
}


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


@dataclass(frozen=True, eq=False)
class Curve:
    """A clip's curve of highest jerk, m/s^3, and its frame rate."""

    jerk: Float[Tensor, "T"]
    fps: float


def measure(motion: Motion) -> Curve:
    """The curve of one clip."""
    return Curve(jerk_curve(motion.positions().double(), motion.fps), motion.fps)


def calibrate(real: Sequence[Curve]) -> float:
    """Mean of the recordings' curves."""
    return float(torch.cat([curve.jerk for curve in real]).mean())


def numbers(curve: Curve, real_level: float) -> dict[str, float]:
    """Peak jerk, and the area between the curve and the recordings' mean level."""
    area = float((curve.jerk - real_level).abs().sum() / curve.fps)
    return {"peak_jerk_m_s3": float(curve.jerk.amax()), "area_under_jerk_m_s2": area}
