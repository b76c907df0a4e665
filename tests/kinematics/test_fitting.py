"""A track laid onto a skeleton: twists that positions do not show go on steadily when the joint above jumps."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from kinescale.kinematics.forward import forward_kinematics, global_to_local
from kinescale.kinematics.inverse import TWIST_RETURN_RAD, steadied
from kinescale.kinematics.least_squares_ik import HINGE_STEP_RAD, Hinge, _eased, fit_track
from kinescale.kinematics.rotations import axis_angle_quat, quat_angle, quat_apply, quat_conjugate, quat_multiply

HAND = (-1, 0, 0, 0, 3, 4)
"""Two fingers and a thumb of two bones: the hand is shown whole by its children, the thumb's bones are lone ones."""
OFFSETS = torch.tensor(
    [[0, 0, 0], [0.1, 0, 0.02], [0.1, 0, -0.02], [0.02, -0.01, 0.03], [0.03, 0, 0], [0.035, 0, 0]], dtype=torch.float64
)
IDENTITY = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64)


def thumbs_of(hand: Tensor, thumb: Tensor) -> tuple[Tensor, Tensor]:
    """Positions and the fitted world orientations of a hand and a thumb turned as given, [T, 4] each in the world."""
    world = torch.stack([hand, hand, hand, thumb, thumb, thumb], dim=1)
    root = torch.zeros(len(hand), 3, dtype=torch.float64)
    positions, _ = forward_kinematics(root, global_to_local(world, HAND), OFFSETS, HAND)
    made, local = fit_track(positions, OFFSETS, HAND, 60.0)
    again, turned = forward_kinematics(made, local, OFFSETS, HAND)
    assert float((again - positions).norm(dim=-1).max()) < 1e-5
    return positions, turned


def twist_steps(world: Tensor, axis: Tensor) -> Tensor:
    """Degrees that a joint turns about its still bone from frame to frame."""
    turn = quat_multiply(world[1:], quat_conjugate(world[:-1]))
    return 2 * torch.atan2((turn[:, :3] * axis).sum(-1).abs(), turn[:, 3].abs()).rad2deg()


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("degrees", [60.0, 150.0, 180.0])
def test_a_hand_turned_over_for_some_frames_leaves_the_thumb_as_it_is(degrees: float, frames: int) -> None:
    hand, thumb = IDENTITY.repeat(40, 1), IDENTITY.repeat(40, 1)
    hand[20 : 20 + frames] = axis_angle_quat(torch.tensor(math.radians(degrees), dtype=torch.float64), "x")
    positions, turned = thumbs_of(hand, thumb)
    assert float((positions[19:21, 5] - positions[19:21, 3]).diff(dim=0).norm()) < 1e-9, "the bones do not jump"
    assert float(quat_angle(turned[19, 0], turned[20, 0]).rad2deg()) == pytest.approx(degrees, abs=1e-3)
    along = quat_apply(IDENTITY, torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64))
    for joint in (3, 4):
        assert float(twist_steps(turned[:, joint], along).max()) < 5.0
        assert float(quat_angle(turned[-1, joint], IDENTITY).rad2deg()) < 1.0


def test_a_body_that_spins_is_followed_however_fast() -> None:
    spin = axis_angle_quat(torch.arange(40, dtype=torch.float64) * math.radians(70.0), "x")
    _, turned = thumbs_of(spin, spin)
    assert float(quat_angle(turned[:, 4], spin).rad2deg().max()) < 1e-3


def test_a_parent_that_stays_turned_is_come_after_at_a_steady_rate() -> None:
    along = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).repeat(80, 1)
    angle = torch.where(torch.arange(80) < 10, 0.0, 2.0).to(torch.float64)
    given = axis_angle_quat(angle, "z")
    made = steadied(given, along)
    behind = quat_angle(made, given)
    assert float(behind[9]) == 0.0 and float(behind[10]) == pytest.approx(2.0)
    torch.testing.assert_close(behind[11:50], 2.0 - TWIST_RETURN_RAD * torch.arange(1, 40, dtype=torch.float64))
    assert float(behind[55:].max()) < 1e-7
    assert torch.equal(given, axis_angle_quat(angle, "z")) and torch.equal(steadied(given[:1], along[:1]), given[:1])


@pytest.mark.parametrize("aim", [[0.0, 0.0, 0.0], [0.0, 0.0, 1e-12]])
def test_a_bone_of_no_length_is_no_trouble(aim: list[float]) -> None:
    given = axis_angle_quat(torch.tensor([0.0, 3.0, 0.0, 0.0], dtype=torch.float64), "z")
    assert bool(torch.isfinite(steadied(given, torch.tensor([aim] * 4, dtype=torch.float64))).all())


def test_a_limb_that_passes_through_straight_does_not_spin() -> None:
    """The bend's plane turns by 170 degrees within three frames; the limb takes its time, the joints stay met."""
    shoulder_elbow_wrist = (-1, 0, 1, 2)
    offsets = torch.tensor([[0, 0, 0], [0, 0, 0], [0.3, 0, 0], [0.25, 0, 0]], dtype=torch.float64)
    frames = 60
    plane = torch.full((frames,), 0.0, dtype=torch.float64)
    plane[30:] = math.radians(170)
    bend = 0.6 * torch.cos(torch.linspace(-math.pi / 2, 3 * math.pi / 2, frames, dtype=torch.float64)).abs() + 0.05
    lower = torch.stack([bend.cos(), bend.sin() * plane.cos(), bend.sin() * plane.sin()], dim=-1)
    elbow = torch.tensor([0.3, 0.0, 0.0], dtype=torch.float64).repeat(frames, 1)
    still = torch.zeros_like(elbow)
    positions = torch.stack([still, still, elbow, elbow + 0.25 * lower], dim=1)
    hinge = Hinge(1, 2, 3, torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    root, local = fit_track(positions, offsets, shoulder_elbow_wrist, 30.0, (hinge,))
    again, turned = forward_kinematics(root, local, offsets, shoulder_elbow_wrist)
    assert float((again - positions).norm(dim=-1).max()) < 1e-4
    axis = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    steps = twist_steps(turned[:, 1], axis)
    assert float(steps.max()) < math.degrees(HINGE_STEP_RAD) + 1
    assert float(steps.sum()) > 150, "the limb still follows its bend"


@pytest.mark.parametrize("most", [0.1, 0.5, 4.0])
def test_eased_angles_have_no_large_step_and_small_ones_stay(most: float) -> None:
    random = torch.Generator().manual_seed(3)
    angle = torch.randn(200, generator=random, dtype=torch.float64)
    made = _eased(angle, most)
    wrapped = torch.atan2(torch.sin(made.diff()), torch.cos(made.diff()))
    assert float(wrapped.abs().max()) <= max(most, 1e-12) + 1e-12
    calm = 0.01 * angle.cumsum(0)
    assert torch.equal(_eased(calm, 0.5), calm)
