"""Metrics of filled gaps: naive twins, values known in closed form, and what leaves them unchanged."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from kinescale.core.errors import InputError
from kinescale.metrics import l2p, l2q, npss


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def quaternions(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.nn.functional.normalize(drawn(*shape, 4, seed=seed), dim=-1)


def test_l2q_is_as_a_naive_twin_has_it_and_blind_to_signs() -> None:
    real, made = quaternions(3, 4, 5, seed=1), quaternions(3, 4, 5, seed=2)
    total = 0.0
    for window in range(3):
        for frame in range(4):
            squares = 0.0
            for joint in range(5):
                a, b = real[window, frame, joint].numpy(), made[window, frame, joint].numpy()
                squares += min(float(((a - b) ** 2).sum()), float(((a + b) ** 2).sum()))
            total += math.sqrt(squares)
    assert l2q.l2q(real, made) == pytest.approx(total / 12, rel=1e-12)
    signs = torch.where(drawn(3, 4, 5, 1, seed=3) < 0, -1.0, 1.0)
    assert l2q.l2q(real, made * signs) == pytest.approx(total / 12, rel=1e-12)
    assert l2q.l2q(real, -real) == 0.0


def test_l2q_of_a_known_turn() -> None:
    """A turn by an angle moves a quaternion by twice the sine of a quarter of it; joints add as squares."""
    real = torch.zeros(1, 6, 9, 4, dtype=torch.float64)
    real[..., 3] = 1
    angle = 0.6
    made = torch.zeros_like(real)
    made[..., 1], made[..., 3] = math.sin(angle / 2), math.cos(angle / 2)
    assert l2q.l2q(real, made) == pytest.approx(3 * 2 * math.sin(angle / 4), rel=1e-12)


def test_l2p_is_as_a_naive_twin_has_it() -> None:
    real, made, spread = drawn(3, 4, 5, 3, seed=1), drawn(3, 4, 5, 3, seed=2), drawn(5, 3, seed=3).abs() + 0.1
    rows = []
    for window in range(3):
        for frame in range(4):
            off = (real[window, frame] / spread - made[window, frame] / spread).numpy()
            rows.append(math.sqrt(float(np.sum(off**2))))
    assert l2p.l2p(real, made, spread) == pytest.approx(float(np.mean(rows)), rel=1e-12)
    assert l2p.l2p(100 * real, 100 * made, 100 * spread) == pytest.approx(float(np.mean(rows)), rel=1e-12)


def test_npss_is_as_a_naive_twin_has_it() -> None:
    real, made = drawn(3, 9, 2, 4, seed=1), drawn(3, 9, 2, 4, seed=2)
    above, below = 0.0, 0.0
    for window in range(3):
        for number in range(8):
            tracks = [clip[window].reshape(9, 8)[:, number].numpy() for clip in (real, made)]
            powers = []
            for track in tracks:
                waves = [sum(track[t] * math.cos(2 * math.pi * f * t / 9) for t in range(9)) for f in range(9)]
                powers.append(np.square(waves))
            sums = [np.cumsum(power / power.sum()) for power in powers]
            above += float(np.abs(sums[0] - sums[1]).sum() * powers[0].sum())
            below += float(powers[0].sum())
    assert npss.npss(real, made) == pytest.approx(above / below, rel=1e-9)


def test_npss_of_a_track_with_itself_is_zero_and_its_size_does_not_matter() -> None:
    real, made = drawn(2, 16, 6, seed=4), drawn(2, 16, 6, seed=5)
    assert npss.npss(real, real) == 0.0
    assert npss.npss(real, 3 * made) == pytest.approx(npss.npss(real, made), rel=1e-12)
    still = torch.zeros(2, 16, 6, dtype=torch.float64)
    assert npss.npss(still, still) == 0.0
    assert math.isfinite(npss.npss(real, still))


def test_npss_prefers_the_right_frequency() -> None:
    at = torch.arange(32, dtype=torch.float64)[None, :, None] / 32
    real = torch.cos(2 * math.pi * 3 * at)
    errors = [npss.npss(real, torch.cos(2 * math.pi * f * at)) for f in (3, 4, 6)]
    assert errors[0] < 1e-12 < errors[1] < errors[2]


def test_aligned_quaternions_are_on_one_side() -> None:
    real, made = quaternions(50, seed=1), quaternions(50, seed=2)
    found = npss.aligned(real, made)
    assert bool(((real * found).sum(-1) >= 0).all())
    assert torch.equal(found.abs(), made.abs())


def test_what_cannot_be_measured_is_said() -> None:
    with pytest.raises(InputError, match="expected"):
        l2q.l2q(drawn(3, 4), drawn(3, 4))
    with pytest.raises(InputError, match="expected"):
        l2p.l2p(drawn(2, 3, 4, 3), drawn(2, 3, 4, 3), torch.ones(3, 3))
    with pytest.raises(InputError, match="not above 0"):
        l2p.l2p(drawn(2, 3, 4, 3), drawn(2, 3, 4, 3), torch.zeros(4, 3))
    with pytest.raises(InputError, match="expected"):
        npss.npss(drawn(3, 4), drawn(3, 4))
