"""foot_skate: how feet slide while they stand: mean speed in m/s, and the share of frames in which one skids.

The share is that of Karunratanakul et al. 2023 (GMD, section 5): a foot joint below 5 cm at two frames in a row has
gone more than 2.5 cm between them, at 20 frames per second; here the limit is that speed, 0.5 m/s, at any frame rate.
The speed is that of feet that ``kinematics.contacts.standing`` calls standing, the one clean-up works on.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.kinematics.contacts import floor_height, foot_slide, standing
from kinescale.metrics.base import Better, Column, Input, Numbers, float64
from kinescale.motion import Motion
from kinescale.motion.retarget import standing_points

INPUT: Input = "motion"
TITLE = "foot skate"
UNIT = "m/s"
BETTER: Better = "lower"
COLUMNS = {"foot_skate_m_s": Column(TITLE, UNIT, BETTER), "skid_share": Column("skidding share", "", BETTER)}

SKID_HEIGHT_M = 0.05
SKID_SPEED = 0.025 * 20
"""2.5 cm per frame at 20 fps, in m/s."""


def foot_skate(feet: Numbers, rest: Float[Tensor, " K"], fps: float) -> float:
    """Mean horizontal speed of standing feet [T, K, 3] (meters, Y up), m/s; 0 when none stands.

    ``rest``: each joint's height over its sole in the rest pose, meters.
    """
    values = _feet(feet, fps)
    return foot_slide(values, standing(values, rest.to(values), fps), fps)


def skid_share(feet: Numbers, fps: float, *, floor: float = 0.0) -> float:
    """Share of the steps between frames in which a low foot joint moves faster than ``SKID_SPEED``; 0 to 1."""
    values = _feet(feet, fps)
    low = values[..., 1] - floor < SKID_HEIGHT_M
    speed = (values[1:] - values[:-1])[..., [0, 2]].norm(dim=-1) * fps
    return float((low[1:] & low[:-1] & (speed > SKID_SPEED)).any(1).double().mean())


def measure(motion: Motion) -> dict[str, float]:
    """Of one clip; ``SkeletonError`` for a skeleton whose feet are not known."""
    roles, stands = standing_points(motion)
    feet = motion.positions().double()[:, [motion.skeleton.role(role) for role in roles]]
    # heights over the lowest foot joints: recordings do not agree on their floor
    skids = skid_share(feet, motion.fps, floor=floor_height(feet))
    return {"foot_skate_m_s": foot_slide(feet, stands, motion.fps), "skid_share": skids}


SOLE_M = 0.025
"""Height of a foot joint over where it is when it stands, up to which its speed counts as sliding."""


def sole_skate(feet: Numbers, rest: Float[Tensor, " K"], fps: float, *, floor: float = 0.0) -> float:
    """Mean horizontal speed of feet [T, K, 3], m/s, each weighted by how low it is: 2 - 2^(h / H), H = 2.5 cm.

    Zhang et al. 2018, "Mode-Adaptive Neural Networks for Quadruped Motion Control", as in-betweening is measured. It
    needs no contacts: a foot at the floor that moves slides. ``rest``: each joint's height over its sole, meters.
    """
    values = _feet(feet, fps)
    height = ((values[..., 1] - floor - rest.to(values)).clamp(min=0) / SOLE_M).clamp(max=1)
    speed = (values[1:] - values[:-1])[..., [0, 2]].norm(dim=-1) * fps
    return float((speed * (2 - 2 ** height[1:])).mean())


def _feet(feet: Numbers, fps: float) -> Float[Tensor, "T K 3"]:
    values = float64(feet, "foot positions")
    if values.ndim != 3 or values.shape[-1] != 3 or len(values) < 2:
        raise InputError(f"feet of shape {tuple(values.shape)}; expected [two frames or more, feet, 3].")
    if not fps > 0:
        raise InputError(f"{fps} frames per second; expected more than 0.")
    return torch.as_tensor(values)
