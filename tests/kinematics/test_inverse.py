"""Inverse kinematics: forward kinematics of the result gives the positions back, without flips."""

from __future__ import annotations

import math

import pytest
import torch

from kinescale import skeletons
from kinescale.core.errors import InputError
from kinescale.kinematics.forward import forward_kinematics
from kinescale.kinematics.inverse import measure_offsets, positions_to_rotations
from kinescale.kinematics.rotations import axis_angle_quat, quat_angle, quat_apply, quat_between

NAMES = skeletons.FAMILY.names()


def smooth_pose(joints: int, frames: int = 80, seed: int = 0, size: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """A root track and local rotations that swing slowly about random axes."""
    rng = torch.Generator().manual_seed(seed)
    time = torch.linspace(0, 2 * math.pi, frames, dtype=torch.float64)[:, None, None]
    axis, phase = torch.randn(2, joints, 3, generator=rng, dtype=torch.float64)
    vector = size * axis * torch.sin(time + phase)
    angle = vector.norm(dim=-1, keepdim=True)
    quats = torch.cat([vector / angle * torch.sin(angle / 2), torch.cos(angle / 2)], dim=-1)
    root = torch.cumsum(0.02 * torch.randn(frames, 3, generator=rng, dtype=torch.float64), dim=0)
    return root, quats


def track(name: str, **options: float) -> tuple[torch.Tensor, torch.Tensor, tuple[int, ...]]:
    skeleton = skeletons.get(name)
    offsets = torch.as_tensor(skeleton.offsets.copy())
    offsets[0] = 0
    root, quats = smooth_pose(len(skeleton), **options)
    return forward_kinematics(root, quats, offsets, skeleton.parents)[0], offsets, skeleton.parents


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_positions_come_back_where_lengths_fit(name: str, seed: int) -> None:
    positions, offsets, parents = track(name, seed=seed)
    local = positions_to_rotations(positions, offsets, parents)
    again, _ = forward_kinematics(positions[:, 0], local, offsets, parents)
    assert float((again - positions).norm(dim=-1).max()) < 1e-4
    torch.testing.assert_close(local.norm(dim=-1), torch.ones_like(local[..., 0]))


@pytest.mark.parametrize("name", NAMES)
def test_measured_offsets_fit_the_track_whatever_the_rest_directions_lengths(name: str) -> None:
    positions, offsets, parents = track(name, seed=3)
    measured = measure_offsets(positions, parents, 7.0 * offsets)
    torch.testing.assert_close(measured, offsets, atol=1e-5, rtol=0)


def test_a_body_of_other_proportions_is_fitted_to_a_millimeter() -> None:
    """Lengths and the angles between siblings both differ from the directions given."""
    positions, offsets, parents = track("humanml22", seed=4)
    skeleton = skeletons.get("humanml22")
    rng = torch.Generator().manual_seed(5)
    other = offsets * (0.8 + 0.4 * torch.rand(len(offsets), 1, generator=rng, dtype=torch.float64))
    other[1:] += 0.02 * torch.randn(len(offsets) - 1, 3, generator=rng, dtype=torch.float64)
    root, quats = smooth_pose(len(skeleton), seed=4)
    positions, _ = forward_kinematics(root, quats, other, parents)
    measured = measure_offsets(positions, parents, offsets)
    local = positions_to_rotations(positions, measured, parents)
    again, _ = forward_kinematics(root, local, measured, parents)
    assert float((again - positions).norm(dim=-1).max()) < 1e-3
    torch.testing.assert_close(measured[1:].norm(dim=-1), other[1:].norm(dim=-1))


def test_noisy_positions_are_met_closer_than_their_noise() -> None:
    positions, offsets, parents = track("humanml22", seed=6)
    noise = torch.randn(positions.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    noisy = positions + 0.005 * noise
    measured = measure_offsets(noisy, parents, offsets)
    local = positions_to_rotations(noisy, measured, parents)
    again, _ = forward_kinematics(noisy[:, 0], local, measured, parents)
    error = float((again - noisy).norm(dim=-1).mean())
    assert error < float((noisy - positions).norm(dim=-1).mean())
    assert error < 0.01


def test_leaves_keep_the_identity_and_the_rest_pose_needs_no_turn() -> None:
    skeleton = skeletons.get("humanml22")
    positions, offsets, parents = track("humanml22", seed=8)
    identity = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    local = positions_to_rotations(positions, offsets, parents)
    leaves = [joint for joint, children in enumerate(skeleton.children) if not children]
    assert len(leaves) == 5
    assert float(quat_angle(local[:, leaves], identity.expand(len(local), 5, 4)).max()) < 1e-7
    still = torch.zeros(3, len(skeleton), 4, dtype=torch.float64) + identity
    rest, _ = forward_kinematics(torch.zeros(3, 3, dtype=torch.float64), still, offsets, parents)
    assert float(quat_angle(positions_to_rotations(rest, offsets, parents), still).max()) < 1e-6


def test_turning_the_track_turns_the_root_alone() -> None:
    positions, offsets, parents = track("humanml22", seed=9)
    turn = torch.tensor([0.1, -0.7, 0.3, 0.64], dtype=torch.float64)
    turn = turn / turn.norm()
    local = positions_to_rotations(positions, offsets, parents)
    turned = positions_to_rotations(quat_apply(turn, positions), offsets, parents)
    assert float(quat_angle(local[:, 1:], turned[:, 1:]).max()) < 1e-3


def test_rotations_are_continuous_in_time() -> None:
    positions, offsets, parents = track("humanml22", seed=10, frames=400, size=0.8)
    local = positions_to_rotations(positions, offsets, parents)
    assert float((local[1:] * local[:-1]).sum(-1).min()) > 0.99


@pytest.mark.parametrize("miss", [0.0, 1e-3, 0.02, 0.2])
def test_no_flip_when_a_bone_passes_the_opposite_of_its_rest_direction(miss: float) -> None:
    """A forearm that swings all the way round: the shortest rotation alone jumps by half a turn of twist."""
    parents = (-1, 0, 1)
    offsets = torch.tensor([[0.0, 0, 0], [0.0, 1, 0], [1.0, 0, 0]], dtype=torch.float64)
    angle = torch.linspace(0, 2 * math.pi, 241, dtype=torch.float64)
    bone = torch.stack([torch.cos(angle), torch.sin(angle), torch.full_like(angle, miss)], dim=-1)
    bone = torch.nn.functional.normalize(bone, dim=-1)
    elbow = offsets[1].expand(len(angle), 3)
    positions = torch.stack([torch.zeros_like(elbow), elbow, elbow + bone], dim=1)
    local = positions_to_rotations(positions, offsets, parents)
    again, _ = forward_kinematics(positions[:, 0], local, offsets, parents)
    torch.testing.assert_close(again, positions, atol=1e-6, rtol=0)
    assert float(quat_angle(local[1:], local[:-1]).max()) < 0.15
    shortest = quat_between(offsets[2], bone)
    assert float(quat_angle(local[:1, 1], shortest[:1]).max()) < 1e-6
    if 0 < miss < 0.1:
        assert float(quat_angle(shortest[1:], shortest[:-1]).max()) > 0.5


def test_siblings_on_one_line_follow_the_parent_in_the_open_twist() -> None:
    parents = (-1, 0, 0)
    offsets = torch.tensor([[0.0, 0, 0], [0.1, 0, 0], [-0.1, 0, 0]], dtype=torch.float64)
    turn = axis_angle_quat(torch.tensor([0.3, 1.2], dtype=torch.float64), "z")[:, None]
    positions = quat_apply(turn, offsets)
    local = positions_to_rotations(positions, offsets, parents)
    assert float(quat_angle(local[:, 0], turn[:, 0]).max()) < 1e-6


def test_weights_decide_which_child_is_met() -> None:
    parents = (-1, 0, 0)
    offsets = torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [0.0, 1, 0]], dtype=torch.float64)
    positions = torch.tensor([[[0.0, 0, 0], [1.0, 0, 0], [0.5, 0.5, 0]]], dtype=torch.float64)
    gaps = []
    for weight in (1.0, 100.0):
        weights = torch.tensor([1.0, weight, 1.0], dtype=torch.float64)
        local = positions_to_rotations(positions, offsets, parents, weights=weights)
        again, _ = forward_kinematics(positions[:, 0], local, offsets, parents)
        gaps.append(float((again - positions)[0, 1].norm()))
    assert gaps[1] < 0.1 * gaps[0]


def test_gradients_are_finite_and_inputs_unchanged() -> None:
    positions, offsets, parents = track("humanml22", seed=11)
    positions = positions.clone().requires_grad_()
    before = positions.detach().clone()
    local = positions_to_rotations(positions, offsets, parents)
    (local * torch.linspace(0, 1, 4)).sum().backward()
    assert torch.isfinite(positions.grad).all()
    torch.testing.assert_close(positions.detach(), before, atol=0, rtol=0)


def test_bones_of_no_length_are_no_trouble() -> None:
    positions, offsets, parents = track("humanml22", seed=12)
    folded = positions.clone()
    folded[10:20, 18] = folded[10:20, 16]
    flat = offsets.clone()
    flat[15] = 0
    assert torch.isfinite(positions_to_rotations(folded, flat, parents)).all()
    assert torch.isfinite(measure_offsets(folded, parents, flat)).all()


def test_float32_works() -> None:
    positions, offsets, parents = track("humanml22", seed=13)
    local = positions_to_rotations(positions.float(), offsets.float(), parents)
    assert local.dtype == torch.float32
    again, _ = forward_kinematics(positions[:, 0].float(), local, offsets.float(), parents)
    assert float((again - positions).norm(dim=-1).max()) < 1e-3


def test_what_does_not_fit_is_refused() -> None:
    positions, offsets, parents = track("humanml22")
    with pytest.raises(InputError, match="do not fit"):
        positions_to_rotations(positions[:, :20], offsets[:20], parents)
    with pytest.raises(InputError, match="finite"):
        positions_to_rotations(positions * float("nan"), offsets, parents)
    with pytest.raises(InputError, match="do not fit"):
        measure_offsets(positions[:0], parents, offsets)
