"""Rotations: inverse pairs, agreement with roma and scipy, gimbal lock, opposite vectors, gradients."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import roma
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from kinescale.core.errors import InputError
from kinescale.kinematics import rotations as R
from kinescale.kinematics.inverse import nearest_rotation

ORDERS = ["".join(order) for order in permutations("xyz")]
CLOSE = {"atol": 1e-9, "rtol": 0}


def quats(count: int = 200, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    drawn = torch.randn(count, 4, generator=rng, dtype=torch.float64)
    return torch.nn.functional.normalize(drawn, dim=-1)


def vectors(count: int = 200, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def same_rotation(a: torch.Tensor, b: torch.Tensor, atol: float = 1e-7) -> bool:
    return float(R.quat_angle(a, b).max()) < atol


def test_there_are_six_euler_orders() -> None:
    assert len(ORDERS) == 6


def test_matrix_and_quat_are_inverse() -> None:
    q = quats()
    assert same_rotation(R.matrix_to_quat(R.quat_to_matrix(q)), q)
    torch.testing.assert_close(R.quat_to_matrix(q), torch.as_tensor(Rotation.from_quat(q.numpy()).as_matrix()))


def test_rot6d_is_two_columns_and_comes_back() -> None:
    q = quats()
    matrix = R.quat_to_matrix(q)
    rot6d = R.quat_to_rot6d(q)
    torch.testing.assert_close(rot6d[:, :3], matrix[:, :, 0])
    torch.testing.assert_close(rot6d[:, 3:], matrix[:, :, 1])
    torch.testing.assert_close(R.rot6d_to_matrix(rot6d), matrix, **CLOSE)
    assert same_rotation(R.rot6d_to_quat(rot6d), q)


def test_rot6d_of_any_numbers_is_a_proper_rotation_like_romas() -> None:
    raw = torch.randn(300, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    matrix = R.rot6d_to_matrix(raw)
    eye = torch.eye(3, dtype=torch.float64).expand_as(matrix)
    torch.testing.assert_close(matrix @ matrix.transpose(1, 2), eye, **CLOSE)
    torch.testing.assert_close(torch.linalg.det(matrix), torch.ones(300, dtype=torch.float64), **CLOSE)
    theirs = roma.special_gramschmidt(torch.stack([raw[:, :3], raw[:, 3:]], dim=-1))
    torch.testing.assert_close(matrix, theirs, **CLOSE)


@pytest.mark.parametrize(
    "rot6d", [[1, 0, 0, 0, 1, 0], [1e-3, 0, 0, 0, 5, 0], [1, 0, 0, 1, 1e-3, 0], [-1, 0, 0, 0, -1, 0]]
)
def test_rot6d_gradient_is_finite(rot6d: list[float]) -> None:
    raw = torch.tensor([rot6d], dtype=torch.float64, requires_grad=True)
    (R.rot6d_to_quat(raw) * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert torch.isfinite(raw.grad).all()


def test_product_and_application_agree_with_scipy() -> None:
    a, b, v = quats(seed=1), quats(seed=2), vectors()
    ra, rb = Rotation.from_quat(a.numpy()), Rotation.from_quat(b.numpy())
    assert same_rotation(R.quat_multiply(a, b), torch.as_tensor((ra * rb).as_quat()))
    assert same_rotation(R.quat_multiply(a, b), roma.quat_product(a, b))
    torch.testing.assert_close(R.quat_apply(a, v), torch.as_tensor(ra.apply(v.numpy())), **CLOSE)
    torch.testing.assert_close(R.quat_apply(a, v), roma.quat_action(a, v), **CLOSE)


def test_product_applies_right_first_and_conjugate_undoes() -> None:
    a, b, v = quats(seed=3), quats(seed=4), vectors()
    torch.testing.assert_close(R.quat_apply(R.quat_multiply(a, b), v), R.quat_apply(a, R.quat_apply(b, v)), **CLOSE)
    torch.testing.assert_close(R.quat_apply(R.quat_conjugate(a), R.quat_apply(a, v)), v, **CLOSE)


def test_application_broadcasts() -> None:
    q, v = quats(5), vectors(7)
    out = R.quat_apply(q[:, None], v)
    assert out.shape == (5, 7, 3)
    torch.testing.assert_close(out[3, 4], R.quat_apply(q[3], v[4]))


@pytest.mark.parametrize("order", ORDERS)
def test_euler_comes_back_and_agrees_with_scipy(order: str) -> None:
    q = quats()
    angles = R.quat_to_euler(q, order)
    assert same_rotation(R.euler_to_quat(angles, order), q)
    theirs = Rotation.from_quat(q.numpy()).as_euler(order.upper())
    gap = np.angle(np.exp(1j * (angles.numpy() - theirs)))
    assert np.abs(gap).max() < 1e-7
    back = Rotation.from_euler(order.upper(), angles.numpy()).as_quat()
    assert same_rotation(R.euler_to_quat(angles, order), torch.as_tensor(back))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("middle", [np.pi / 2, -np.pi / 2])
def test_gimbal_lock_still_makes_the_same_rotation(order: str, middle: float) -> None:
    outer = torch.linspace(-3, 3, 13, dtype=torch.float64)
    a, c = torch.meshgrid(outer, outer, indexing="ij")
    q = R.euler_to_quat(torch.stack([a, torch.full_like(a, middle), c], dim=-1), order)
    angles = R.quat_to_euler(q, order)
    assert torch.isfinite(angles).all()
    assert same_rotation(R.euler_to_quat(angles, order), q, atol=1e-6)
    torch.testing.assert_close(angles[..., 2], torch.zeros_like(a))


@pytest.mark.parametrize("order", ORDERS)
def test_float32_near_gimbal_lock_keeps_the_rotation(order: str) -> None:
    """The nearer the lock, the less the outer angles mean alone; together they still make the rotation."""
    gap = torch.logspace(-10, -1, 40, dtype=torch.float64)
    outer = 3 * torch.randn(2, 40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    for middle in (torch.pi / 2 - gap, gap - torch.pi / 2):
        exact = R.euler_to_quat(torch.stack([outer[0], middle, outer[1]], dim=-1), order)
        angles = R.quat_to_euler(exact.float(), order)
        assert same_rotation(R.euler_to_quat(angles.double(), order), exact, atol=5e-6)


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.floats(-10, 10)] * 3), st.sampled_from(ORDERS))
def test_any_angles_make_the_same_rotation_again(angles: tuple[float, float, float], order: str) -> None:
    q = R.euler_to_quat(torch.tensor(angles, dtype=torch.float64), order)
    again = R.euler_to_quat(R.quat_to_euler(q, order), order)
    assert float(R.quat_angle(q, again)) < 1e-6


@pytest.mark.parametrize("order", ["xyx", "xy", "abc", ""])
def test_other_euler_orders_are_refused(order: str) -> None:
    with pytest.raises(InputError, match="Euler order"):
        R.quat_to_euler(quats(1), order)


def test_between_turns_a_onto_b_the_shortest_way() -> None:
    a, b = vectors(seed=5), vectors(seed=6)
    q = R.quat_between(a, b)
    unit = torch.nn.functional.normalize
    torch.testing.assert_close(unit(R.quat_apply(q, a), dim=-1), unit(b, dim=-1), **CLOSE)
    angle = torch.acos((unit(a, dim=-1) * unit(b, dim=-1)).sum(-1).clamp(-1, 1))
    torch.testing.assert_close(2 * torch.atan2(q[:, :3].norm(dim=-1), q[:, 3]), angle, atol=1e-7, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_between_opposite_vectors_is_a_half_turn(dtype: torch.dtype) -> None:
    a = torch.cat([torch.eye(3), -torch.eye(3), vectors(20).float()]).to(dtype)
    q = R.quat_between(a, -2 * a)
    assert torch.isfinite(q).all()
    torch.testing.assert_close(q.norm(dim=-1), torch.ones(len(a), dtype=dtype))
    atol = 4 * torch.finfo(dtype).eps ** 0.5
    torch.testing.assert_close(R.quat_apply(q, a), -a, atol=atol, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_between_stays_true_on_the_way_to_opposite(dtype: torch.dtype) -> None:
    gap = torch.logspace(-12, -0.5, 60, dtype=torch.float64)
    b = torch.stack([-torch.cos(gap), torch.sin(gap), torch.zeros_like(gap)], dim=-1).to(dtype)
    a = torch.tensor([1.0, 0.0, 0.0], dtype=dtype)
    turned = R.quat_apply(R.quat_between(a, b), a)
    torch.testing.assert_close(turned, b, atol=4 * torch.finfo(dtype).eps ** 0.5, rtol=0)


def test_between_equal_vectors_is_identity() -> None:
    a = vectors()
    identity = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64).expand(len(a), 4)
    torch.testing.assert_close(R.quat_between(a, a), identity, **CLOSE)


def test_turn_about_y_goes_to_the_left_and_yaw_reads_it() -> None:
    angle = torch.linspace(-3.1, 3.1, 41, dtype=torch.float64)
    q = R.quat_about_y(angle)
    torch.testing.assert_close(R.quat_yaw(q), angle, **CLOSE)
    ahead = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    assert float(R.quat_apply(R.quat_about_y(torch.tensor(0.5, dtype=torch.float64)), ahead)[0]) > 0
    tilted = R.quat_multiply(q, R.axis_angle_quat(torch.full_like(angle, 0.4), "x"))
    torch.testing.assert_close(R.quat_yaw(tilted), angle, **CLOSE)


def test_continuous_signs_keep_the_rotation() -> None:
    angle = torch.linspace(0, 12, 60, dtype=torch.float64)
    smooth = R.quat_about_y(angle)
    flipped = smooth * torch.where(torch.arange(60) % 3 == 0, -1.0, 1.0)[:, None]
    fixed = R.quat_continuous(flipped)
    assert float((fixed[1:] * fixed[:-1]).sum(-1).min()) > 0
    assert same_rotation(fixed, smooth)
    torch.testing.assert_close(R.quat_continuous(smooth[:1]), smooth[:1])


def test_slerp_ends_and_middle_agree_with_scipy() -> None:
    a, b = quats(50, seed=7), quats(50, seed=8)
    ends = torch.zeros(50, dtype=torch.float64), torch.ones(50, dtype=torch.float64)
    assert same_rotation(R.quat_slerp(a, b, ends[0]), a)
    assert same_rotation(R.quat_slerp(a, b, ends[1]), b)
    for weight in (0.1, 0.5, 0.9):
        mine = R.quat_slerp(a, b, torch.full((50,), weight, dtype=torch.float64))
        pairs = zip(a.numpy(), b.numpy(), strict=True)
        theirs = [Slerp([0, 1], Rotation.from_quat(np.stack(pair)))(weight).as_quat() for pair in pairs]
        assert same_rotation(mine, torch.as_tensor(np.array(theirs)))


def test_slerp_of_near_equal_and_of_opposite_signs() -> None:
    a = quats(20, seed=9)
    near = torch.nn.functional.normalize(a + 1e-9, dim=-1)
    half = torch.full((20,), 0.5, dtype=torch.float64)
    assert same_rotation(R.quat_slerp(a, near, half), a)
    assert same_rotation(R.quat_slerp(a, -a, half), a)


def test_angle_is_symmetric_and_agrees_with_scipy() -> None:
    a, b = quats(seed=10), quats(seed=11)
    theirs = (Rotation.from_quat(a.numpy()).inv() * Rotation.from_quat(b.numpy())).magnitude()
    torch.testing.assert_close(R.quat_angle(a, b), torch.as_tensor(theirs), **CLOSE)
    torch.testing.assert_close(R.quat_angle(b, a), R.quat_angle(-a, b), **CLOSE)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-3, 0.1, 2.0, 3.14])
def test_rotation_vectors_and_their_gradients_are_romas(angle: float) -> None:
    ours = (torch.nn.functional.normalize(vectors(20), dim=-1) * angle).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    there, reference = R.rotvec_to_quat(ours), roma.rotvec_to_unitquat(theirs)
    torch.testing.assert_close(there, reference, **CLOSE)
    back, reference_back = R.quat_to_rotvec(-there), roma.unitquat_to_rotvec(reference)
    torch.testing.assert_close(back, reference_back, **CLOSE)
    (back * vectors(20, 5)).sum().backward()
    (reference_back * vectors(20, 5)).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-7, rtol=1e-6)


def test_the_nearest_rotation_and_its_gradient_are_romas() -> None:
    drawn = torch.randn(50, 3, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    ours = torch.cat([drawn, torch.eye(3, dtype=torch.float64)[None], -drawn[:5]]).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    there, reference = nearest_rotation(ours), roma.special_procrustes(theirs)
    torch.testing.assert_close(there, reference, atol=1e-7, rtol=0)
    weights = torch.randn(there.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    (there * weights).sum().backward()
    (reference * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-6, rtol=1e-5)
