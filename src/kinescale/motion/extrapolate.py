"""Extrapolation of a clip beyond its last frame."""

from __future__ import annotations

import torch

from kinescale.kinematics.rotations import quat_conjugate, quat_multiply, quat_to_rotvec, rotvec_to_quat
from kinescale.motion.motion import Motion

SPEED_FRAMES = 5
"""Frames at a clip's end from which its velocity over the ground is read."""

REST_S = 0.15
"""Time constant with which extrapolated rotations come to rest, seconds."""


def extrapolate(motion: Motion, count: int) -> Motion:
    """``count`` frames that follow a clip: the root keeps its velocity, all else decays to rest within ``REST_S``."""
    place = torch.arange(1, count + 1, dtype=motion.root.dtype)
    rest = REST_S * motion.fps
    slowing = rest * (1 - torch.exp(-place / rest))
    still = motion.root.new_zeros(3)
    speed = root_speed(motion.root[-SPEED_FRAMES:]) if len(motion) > 1 else still
    step = motion.root[-1] - motion.root[-2] if len(motion) > 1 else still
    root = motion.root[-1] + place[:, None] * speed
    root[:, 1] = motion.root[-1, 1] + slowing * step[1]
    before = motion.rotations[-2] if len(motion) > 1 else motion.rotations[-1]
    turning = quat_multiply(quat_conjugate(before), motion.rotations[-1])
    turning = torch.where(turning[..., 3:] < 0, -turning, turning)
    turned = rotvec_to_quat(slowing[:, None, None] * quat_to_rotvec(turning))
    return motion.replace(root=root, rotations=quat_multiply(motion.rotations[-1], turned))


def root_speed(root: torch.Tensor) -> torch.Tensor:
    """Mean root velocity over the frames, meters per frame."""
    return (root[-1] - root[0]) / max(1, len(root) - 1)
