"""Rotation conversions named ``a_to_b``; quaternions xyzw, matrices [..., 3, 3], angles in radians.

The field's 6-D layout: the first two columns of the matrix, one after the other (Zhou et al. 2019, "On the Continuity
of Rotation Representations"). Written out rather than taken from a library: the one at hand brings torch's compiler
with it, which takes longer to import than a motion takes to make. The tests compare with that library.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.errors import InputError

EULER_AXES = "xyz"


def quat_to_matrix(quat_xyzw: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 3 3"]:
    """Unit quaternions to rotation matrices."""
    x, y, z, w = quat_xyzw.unbind(-1)
    xx, yy, zz, ww = x * x, y * y, z * z, w * w
    xy, xz, yz, xw, yw, zw = x * y, x * z, y * z, x * w, y * w, z * w
    first = [xx - yy - zz + ww, 2 * (xy - zw), 2 * (xz + yw)]
    second = [2 * (xy + zw), -xx + yy - zz + ww, 2 * (yz - xw)]
    third = [2 * (xz - yw), 2 * (yz + xw), -xx - yy + zz + ww]
    return torch.stack([*first, *second, *third], dim=-1).unflatten(-1, (3, 3))


def matrix_to_quat(matrix: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 4"]:
    """Rotation matrices to unit quaternions (sign arbitrary).

    Markley 2008, "Unit Quaternion from Rotation Matrix": each row of 4 q q^T is the quaternion up to its length, and
    the row of the largest diagonal entry is the one that rounding hurts least.
    """
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in matrix.unbind(-2))
    rows = [1 + a - e - i, d + b, g + c, h - f]
    rows += [b + d, 1 + e - i - a, h + f, c - g]
    rows += [c + g, f + h, 1 + i - a - e, d - b]
    rows += [h - f, c - g, d - b, 1 + a + e + i]
    outer = torch.stack(rows, dim=-1).unflatten(-1, (4, 4))
    best = outer.diagonal(dim1=-2, dim2=-1).argmax(-1)
    row = outer.gather(-2, best[..., None, None].expand(*best.shape, 1, 4)).squeeze(-2)
    return row / row.norm(dim=-1, keepdim=True)


def rotvec_to_quat(rotvec: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 4"]:
    """Rotation vectors (axis times angle, radians) to unit quaternions; smooth at zero, gradient included.

    Example
    -------
    >>> rotvec_to_quat(torch.tensor([0.0, torch.pi, 0.0])).round().abs().tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    half = rotvec.norm(dim=-1, keepdim=True) / 2
    small = half < _series_below(half)
    # the unused branch must not divide by zero: its gradient would be NaN
    share = torch.where(small, 1 - half**2 / 6 + half**4 / 120, half.sin() / torch.where(small, 1.0, half))
    return torch.cat([share / 2 * rotvec, half.cos()], dim=-1)


def quat_to_rotvec(quat_xyzw: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 3"]:
    """Unit quaternions to rotation vectors of at most pi radians; smooth at the identity, gradient included."""
    near = torch.where(quat_xyzw[..., 3:] > 0, quat_xyzw, -quat_xyzw)
    axis = near[..., :3]
    half = torch.atan2(axis.norm(dim=-1, keepdim=True), near[..., 3:])
    small = half < _series_below(half)
    stretch = torch.where(small, 1 + half**2 / 6 + 7 * half**4 / 360, half / torch.where(small, 1.0, half.sin()))
    return 2 * stretch * axis


def _series_below(angle: Tensor) -> float:
    """Where the series of sin x / x, cut after x^4, has the better derivative than the quotient itself."""
    return 2 * torch.finfo(angle.dtype).eps ** (1 / 6)


def matrix_to_rot6d(matrix: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 6"]:
    """The first two columns, one after the other."""
    return torch.cat([matrix[..., :, 0], matrix[..., :, 1]], dim=-1)


def rot6d_to_matrix(rot6d: Float[Tensor, "*b 6"]) -> Float[Tensor, "*b 3 3"]:
    """Gram-Schmidt on the two columns; any pair that is not parallel gives a proper rotation."""
    x = torch.nn.functional.normalize(rot6d[..., :3], dim=-1)
    z = torch.nn.functional.normalize(torch.linalg.cross(x, rot6d[..., 3:]), dim=-1)
    y = torch.linalg.cross(z, x)
    return torch.stack([x, y, z], dim=-1)


def quat_to_rot6d(quat_xyzw: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 6"]:
    """Quaternions to the 6-D form."""
    return matrix_to_rot6d(quat_to_matrix(quat_xyzw))


def rot6d_to_quat(rot6d: Float[Tensor, "*b 6"]) -> Float[Tensor, "*b 4"]:
    """The 6-D form to quaternions."""
    return matrix_to_quat(rot6d_to_matrix(rot6d))


def quat_multiply(a: Float[Tensor, "*b 4"], b: Float[Tensor, "*c 4"]) -> Float[Tensor, "*d 4"]:
    """Hamilton product, the rotation ``a`` after ``b``; shapes broadcast.

    Example
    -------
    >>> quarter = quat_about_y(torch.tensor(torch.pi / 2))
    >>> half = quat_about_y(torch.tensor(torch.pi))
    >>> torch.allclose(quat_multiply(quarter, quarter), half, atol=1e-6)
    True
    """
    ax, ay, az, aw = a.unbind(-1)
    bx, by, bz, bw = b.unbind(-1)
    return torch.stack(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ],
        dim=-1,
    )


def quat_conjugate(quat_xyzw: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 4"]:
    """The inverse of unit quaternions."""
    return torch.cat([-quat_xyzw[..., :3], quat_xyzw[..., 3:]], dim=-1)


def quat_apply(quat_xyzw: Float[Tensor, "*b 4"], vector: Float[Tensor, "*c 3"]) -> Float[Tensor, "*d 3"]:
    """Rotate vectors; shapes broadcast."""
    axis, w = quat_xyzw[..., :3], quat_xyzw[..., 3:]
    axis, vector = torch.broadcast_tensors(axis, vector)
    twice = 2 * torch.linalg.cross(axis, vector)
    return vector + w * twice + torch.linalg.cross(axis, twice)


def quat_between(a: Float[Tensor, "*b 3"], b: Float[Tensor, "*c 3"]) -> Float[Tensor, "*d 4"]:
    """The shortest rotation that turns direction ``a`` into ``b``; opposite ones turn about any normal."""
    a, b = torch.broadcast_tensors(a, b)
    a = torch.nn.functional.normalize(a, dim=-1)
    b = torch.nn.functional.normalize(b, dim=-1)
    # 1 + a.b without its cancellation near opposite vectors.
    w = (a + b).square().sum(-1, keepdim=True) / 2
    # For opposite vectors take any axis normal to a: cross with the unit axis it is least aligned with.
    least = torch.nn.functional.one_hot(a.abs().argmin(-1), 3).to(a.dtype)
    opposite = torch.cat([torch.linalg.cross(a, least), torch.zeros_like(w)], dim=-1)
    quat = torch.where(w < torch.finfo(w.dtype).eps, opposite, torch.cat([torch.linalg.cross(a, b), w], dim=-1))
    return torch.nn.functional.normalize(quat, dim=-1)


def quat_about_y(angle: Float[Tensor, "*b"]) -> Float[Tensor, "*b 4"]:
    """Turn by ``angle`` radians about the vertical; positive turns +Z towards +X (to the left)."""
    zero = torch.zeros_like(angle)
    return torch.stack([zero, torch.sin(angle / 2), zero, torch.cos(angle / 2)], dim=-1)


def quat_yaw(quat_xyzw: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b"]:
    """Heading of an orientation: the yaw (radians, 0 = +Z) of where it sends +Z, projected on the ground.

    A body lying face up or down has no such heading; the swing-twist angle about the vertical is used there.
    """
    forward = quat_apply(quat_xyzw, quat_xyzw.new_tensor([0.0, 0.0, 1.0]))
    twist = 2 * torch.atan2(quat_xyzw[..., 1], quat_xyzw[..., 3])
    flat = forward[..., 0].square() + forward[..., 2].square()
    return torch.where(flat > 1e-6, torch.atan2(forward[..., 0], forward[..., 2]), twist)


def quat_yaw_between(there: Float[Tensor, "*b 4"], here: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b"]:
    """Yaw, radians in (-pi, pi], of the rotation from ``here`` to ``there``."""
    relative = quat_multiply(there, quat_conjugate(here))
    yaw = 2 * torch.atan2(relative[..., 1], relative[..., 3])
    return torch.atan2(torch.sin(yaw), torch.cos(yaw))


def euler_to_quat(angles: Float[Tensor, "*b 3"], order: str) -> Float[Tensor, "*b 4"]:
    """Intrinsic Euler angles in radians to quaternions; ``order``, such as "zyx", is the order of the angles.

    The first angle rotates about the parent's axis, the next about the rotated one, as in BVH.
    """
    _check_order(order)
    quats = [axis_angle_quat(angles[..., i], axis) for i, axis in enumerate(order)]
    return quat_multiply(quat_multiply(quats[0], quats[1]), quats[2])


def axis_angle_quat(angle: Float[Tensor, "*b"], axis: str) -> Float[Tensor, "*b 4"]:
    """Turn about one coordinate axis, "x", "y" or "z"."""
    parts = [torch.zeros_like(angle)] * 4
    parts[EULER_AXES.index(axis)] = torch.sin(angle / 2)
    parts[3] = torch.cos(angle / 2)
    return torch.stack(parts, dim=-1)


def quat_to_euler(quat_xyzw: Float[Tensor, "*b 4"], order: str) -> Float[Tensor, "*b 3"]:
    """Quaternions to intrinsic Euler angles in radians, in the order they are applied (BVH's convention).

    At gimbal lock the third angle is set to zero, and the pair still makes the same rotation.
    """
    _check_order(order)
    k, j, i = (EULER_AXES.index(a) for a in order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    # Bernardes and Viollet 2022, "Quaternion to Euler angles conversion": half the sum and the difference
    # of the outer angles each come from a pair of numbers, and near the lock only the one that no longer
    # matters is lost. Matrix elements would lose both in float32.
    w, x, y, z = quat_xyzw[..., 3], quat_xyzw[..., i], quat_xyzw[..., j], sign * quat_xyzw[..., k]
    sum_of = torch.hypot(w - y, x + z)
    difference_of = torch.hypot(w + y, z - x)
    half_sum = torch.atan2(x + z, w - y)
    half_difference = torch.atan2(z - x, w + y)
    locked = max(1e-7, 8 * torch.finfo(quat_xyzw.dtype).eps)
    half_difference = torch.where(difference_of < locked, half_sum, half_difference)
    half_sum = torch.where(sum_of < locked, half_difference, half_sum)
    first = _wrapped(sign * (half_sum + half_difference))
    last = _wrapped(half_sum - half_difference)
    return torch.stack([first, 2 * torch.atan2(difference_of, sum_of) - torch.pi / 2, last], dim=-1)


def _wrapped(angle: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """The same angle in [-pi, pi]."""
    return angle - 2 * torch.pi * torch.round(angle / (2 * torch.pi))


def _check_order(order: str) -> None:
    if sorted(order) != list(EULER_AXES):
        raise InputError(f"Euler order '{order}'; expected the letters x, y and z once each, such as 'zyx'.")


def quat_continuous(quat_xyzw: Float[Tensor, "T *b 4"]) -> Float[Tensor, "T *b 4"]:
    """Flip signs so that each frame's quaternion is on the same side as the one before; same rotations."""
    if quat_xyzw.shape[0] < 2:
        return quat_xyzw
    dots = (quat_xyzw[1:] * quat_xyzw[:-1]).sum(-1)
    flips = torch.where(dots < 0, -1.0, 1.0).to(quat_xyzw.dtype)
    signs = torch.cat([torch.ones_like(flips[:1]), torch.cumprod(flips, dim=0)], dim=0)
    return quat_xyzw * signs[..., None]


def quat_slerp(
    a: Float[Tensor, "*b 4"], b: Float[Tensor, "*b 4"], weight: Float[Tensor, "*w"]
) -> Float[Tensor, "*b 4"]:
    """Spherical interpolation along the short way; ``weight`` broadcasts against the leading axes."""
    dot = (a * b).sum(-1, keepdim=True)
    b = torch.where(dot < 0, -b, b)
    angle = torch.acos(dot.abs().clamp(max=1.0))
    weight = weight[..., None].to(a.dtype)
    near = angle < 1e-4
    sine = torch.where(near, torch.ones_like(angle), torch.sin(angle))
    wa = torch.where(near, 1 - weight, torch.sin((1 - weight) * angle) / sine)
    wb = torch.where(near, weight.expand_as(wa), torch.sin(weight * angle) / sine)
    return torch.nn.functional.normalize(wa * a + wb * b, dim=-1)


def quat_angle(a: Float[Tensor, "*b 4"], b: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b"]:
    """Angle between two orientations, radians in [0, pi]."""
    relative = quat_multiply(quat_conjugate(a), b)
    return 2 * torch.atan2(relative[..., :3].norm(dim=-1), relative[..., 3].abs())


def rotate_about_y(angle: Float[Tensor, "*b"], vectors: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    """Vectors turned about +Y by ``angle`` radians: ``quat_apply(quat_about_y(angle), vectors)`` at less cost."""
    sine, cosine = torch.sin(angle), torch.cos(angle)
    x, y, z = vectors.unbind(-1)
    return torch.stack([cosine * x + sine * z, y.expand_as(x), cosine * z - sine * x], dim=-1)
