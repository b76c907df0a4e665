"""Two-bone inverse kinematics: reaches what can be reached, keeps bone lengths and the side of the bend."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.kinematics.rotations import quat_apply, quat_between, quat_multiply
from kinescale.kinematics.two_bone import STRETCH, two_bone


def leg(seed: int, frames: int = 6) -> tuple[torch.Tensor, ...]:
    """Random bent legs with random world orientations whose bones are known."""
    rng = torch.Generator().manual_seed(seed)
    start = torch.randn(frames, 3, generator=rng, dtype=torch.float64)
    upper = torch.nn.functional.normalize(torch.randn(frames, 4, generator=rng, dtype=torch.float64), dim=-1)
    bend = torch.nn.functional.normalize(torch.randn(frames, 4, generator=rng, dtype=torch.float64), dim=-1)
    lower = quat_multiply(upper, bend)
    middle = start + quat_apply(upper, torch.tensor([0.0, -0.45, 0.02], dtype=torch.float64))
    end = middle + quat_apply(lower, torch.tensor([0.01, -0.4, 0.0], dtype=torch.float64))
    return start, middle, end, upper, lower


@given(st.integers(0, 10_000), st.floats(0.2, 1.5))
@settings(max_examples=40, deadline=None)
def test_the_end_arrives_where_bones_allow(seed: int, far: float) -> None:
    start, middle, end, upper, lower = leg(seed)
    rng = torch.Generator().manual_seed(seed + 1)
    direction = torch.nn.functional.normalize(torch.randn(len(start), 3, generator=rng, dtype=torch.float64), dim=-1)
    target = start + far * direction
    found = two_bone(start, middle, end, target, upper, lower)
    thigh = quat_apply(quat_multiply(found.upper, conj(upper)), middle - start)
    shin = quat_apply(quat_multiply(found.lower, conj(lower)), end - middle)
    reached = start + thigh + shin
    torch.testing.assert_close(thigh.norm(dim=-1), (middle - start).norm(dim=-1))
    torch.testing.assert_close(shin.norm(dim=-1), (end - middle).norm(dim=-1))
    torch.testing.assert_close((reached - target).norm(dim=-1), found.short_m, atol=1e-6, rtol=0)
    longest = (middle - start).norm(dim=-1) + (end - middle).norm(dim=-1)
    assert bool((found.short_m[far < longest * STRETCH] < 1e-6).all())


def conj(q: torch.Tensor) -> torch.Tensor:
    return torch.cat([-q[..., :3], q[..., 3:]], dim=-1)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_a_limb_at_its_target_is_not_touched(seed: int) -> None:
    start, middle, end, upper, lower = leg(seed)
    found = two_bone(start, middle, end, end.clone(), upper, lower)
    assert torch.equal(found.upper, upper)
    assert torch.equal(found.lower, lower)


def test_a_knee_stays_on_its_side_and_a_straight_leg_bends_forward() -> None:
    one = torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=torch.float64)
    start = torch.tensor([[0.0, 0.9, 0.0]], dtype=torch.float64)
    for ahead in (0.0, 0.05, 0.2):
        middle = start + torch.tensor([[0.0, -0.4, ahead]], dtype=torch.float64)
        end = start + torch.tensor([[0.0, -0.8, 0.0]], dtype=torch.float64)
        target = end + torch.tensor([[0.0, 0.1, 0.0]], dtype=torch.float64)
        found = two_bone(start, middle, end, target, one, one)
        knee = start + quat_apply(found.upper, middle - start)
        assert float(knee[0, 2]) > max(ahead, 0.05)
        assert abs(float(knee[0, 0])) < 1e-9


def test_an_overstretched_knee_folds_forward_and_steadily() -> None:
    """A leg bent 3 degrees backwards: brought nearer, its knee comes forward, and without a jump on the way."""
    one = torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=torch.float64)
    count = 400
    start = torch.tensor([[0.0, 0.9, 0.0]], dtype=torch.float64).expand(count, 3)
    middle = start + torch.tensor([[0.003, -0.4, -0.01]], dtype=torch.float64)
    end = start + torch.tensor([[0.0, -0.8, 0.0]], dtype=torch.float64)
    target = end + torch.linspace(0, 0.05, count, dtype=torch.float64)[:, None] * torch.tensor([0.0, 1.0, 0.0])
    found = two_bone(start, middle, end, target, one.expand(count, 4), one.expand(count, 4))
    knee = start + quat_apply(found.upper, middle - start)
    torch.testing.assert_close(knee[0], middle[0])
    assert float(knee[-1, 2]) > 0.1
    assert float((knee[1:] - knee[:-1]).norm(dim=-1)[1:].max()) < 0.01


def test_a_target_at_the_hip_itself_gives_finite_rotations() -> None:
    start, middle, end, upper, lower = leg(3)
    found = two_bone(start, middle, end, start.clone(), upper, lower)
    assert bool(torch.isfinite(found.upper).all() and torch.isfinite(found.lower).all())
    turn = quat_between(torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.0, -1.0, 0.0]))
    assert bool(torch.isfinite(turn).all())
