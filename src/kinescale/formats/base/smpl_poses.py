"""Conversion of SMPL poses: axis-angles to and from quaternions, the Z-up world of AMASS to and from Y-up.

In blocks of frames and in place, as files of poses are large.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

BLOCK_FRAMES = 2048
LEAST_ANGLE = 1e-12
_S = 0.5**0.5
TO_Y_UP = (-_S, 0.0, 0.0, _S)
"""The quaternion (xyzw) that takes (x, y, z) to (x, z, -y)."""


def axis_angles_to_quats(poses: Float[np.ndarray, "T C"]) -> Float[np.ndarray, "T J 4"]:
    """Axis-angles, three numbers per joint, to unit quaternions with continuous signs over time, of the same type."""
    frames, joints = len(poses), poses.shape[1] // 3
    quats = np.empty((frames, joints, 4), poses.dtype)
    for start in range(0, frames, BLOCK_FRAMES):
        block = poses[start : start + BLOCK_FRAMES].reshape(-1, joints, 3).astype(np.float64)
        angle = np.sqrt(np.einsum("tjk,tjk->tj", block, block))
        half_sine = 0.5 * np.sinc(angle / (2 * np.pi))
        target = quats[start : start + BLOCK_FRAMES]
        target[..., :3] = block * half_sine[..., None]
        target[..., 3] = np.cos(angle / 2)
    dots = np.einsum("tjk,tjk->tj", quats[1:], quats[:-1])
    signs = np.cumprod(np.where(dots < 0, np.int8(-1), np.int8(1)), axis=0, dtype=np.int8)
    quats[1:] *= signs[..., None]
    return quats


def quats_to_axis_angles(quats: Float[np.ndarray, "T J 4"]) -> Float[np.ndarray, "T C"]:
    """Unit quaternions to axis-angles of at most half a turn, three numbers per joint."""
    upper = np.where(quats[..., 3:] < 0, -quats, quats)
    sine = np.linalg.norm(upper[..., :3], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, upper[..., 3:])
    scale = np.where(sine > LEAST_ANGLE, angle / np.maximum(sine, LEAST_ANGLE), 2.0)
    return np.ascontiguousarray((upper[..., :3] * scale).reshape(len(quats), -1))


def to_y_up(points: Float[np.ndarray, "T 3"], quats: Float[np.ndarray, "T J 4"]) -> None:
    """Rotate a root track and the root's rotations (joint 0) from Z-up to Y-up, in place."""
    points[:] = points[:, [0, 2, 1]] * np.array([1.0, 1.0, -1.0])
    quats[:, 0] = _times(TO_Y_UP, quats[:, 0])


def to_z_up(points: Float[np.ndarray, "T 3"], quats: Float[np.ndarray, "T J 4"]) -> None:
    """The inverse of ``to_y_up``."""
    points[:] = points[:, [0, 2, 1]] * np.array([1.0, -1.0, 1.0])
    quats[:, 0] = _times((-TO_Y_UP[0], 0.0, 0.0, TO_Y_UP[3]), quats[:, 0])


def _times(turn: tuple[float, float, float, float], quats: Float[np.ndarray, "T 4"]) -> Float[np.ndarray, "T 4"]:
    """A rotation about x after ``quats``."""
    s, _, _, c = turn
    x, y, z, w = quats.T
    return np.stack([c * x + s * w, c * y - s * z, c * z + s * y, c * w - s * x], axis=-1)
