"""Laws of peaks and ground: an exact copy keeps everything, sizes and mirrors change nothing, known motions known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kinescale.core.errors import InputError
from kinescale.metrics import ground, peaks
from kinescale.motion import Motion, canonicalize, mirror
from motion_strategies import random_motion, walk


@pytest.mark.parametrize("seed", range(4))
def test_an_exact_copy_keeps_all_peaks(seed: int) -> None:
    motion = random_motion(frames=150, seed=seed, spread=1.2)
    shares = peaks.kept(motion, motion)
    assert shares and all(share == pytest.approx(1.0) for share in shares.values())


def test_a_standing_copy_keeps_no_speed_and_a_slow_reference_asks_for_none() -> None:
    motion = walk(seconds=4)
    still = motion.replace(rotations=motion.rotations[:1].expand_as(motion.rotations))
    fast = motion.replace(rotations=motion.rotations).replace(fps=motion.fps * 4)
    held = still.replace(fps=fast.fps)
    shares = peaks.kept(fast, held)
    assert shares["foot_speed"] == pytest.approx(0.0, abs=1e-6)
    assert "foot_speed" not in peaks.kept(still, motion)


def test_peaks_are_the_same_in_the_mirror_and_after_a_turn() -> None:
    motion = random_motion(frames=90, seed=3, spread=1.0)
    here, there = peaks.peaks(motion), peaks.peaks(mirror(motion))
    moved = peaks.peaks(canonicalize(motion))
    for name, value in here.items():
        assert there[name] == pytest.approx(value, rel=1e-4) and moved[name] == pytest.approx(value, rel=1e-4)


def test_a_hop_is_as_high_as_it_is() -> None:
    motion = walk(seconds=2)
    still = motion.replace(rotations=motion.rotations[:1].expand_as(motion.rotations))
    leg = 1.0 / peaks.peaks(_raised(still, 1.0))["hop_height"]
    for height in (0.1, 0.3):
        assert peaks.peaks(_raised(still, height))["hop_height"] == pytest.approx(height / leg, rel=1e-3)
    half = peaks.kept(_raised(still, 0.4), _raised(still, 0.2))
    assert half["hop_height"] == pytest.approx(0.5, rel=0.05)


def test_copies_of_another_length_or_rate_are_refused() -> None:
    motion = walk(seconds=2)
    for other in (motion.slice(0, 40), motion.replace(fps=60.0)):
        with pytest.raises(InputError, match="expected the same"):
            peaks.kept(motion, other)


@pytest.mark.parametrize("speed", [0.0, 0.4, 1.3])
def test_planted_feet_slide_as_fast_as_the_body_is_pushed(speed: float) -> None:
    """Also when they slide faster than any stance would: the measure asks for height alone."""
    motion = walk(seconds=3)
    still = motion.replace(rotations=motion.rotations[:1].expand_as(motion.rotations))
    time = torch.arange(len(still), dtype=torch.float64) / still.fps
    root = still.root[:1] + torch.stack([speed * time, 0 * time, 0 * time], dim=1)
    found = ground.ground(still.replace(root=root))
    assert found.skate == pytest.approx(speed, abs=1e-6) and found.stands is (speed < ground.TRAVEL)


def test_depth_and_sinking_are_what_was_done() -> None:
    motion = canonicalize(walk(seconds=4))
    still = motion.replace(rotations=motion.rotations[:1].expand_as(motion.rotations))
    level = ground.ground(still)
    for depth in (0.05, 0.2):
        down = torch.linspace(0, -depth, len(still), dtype=still.root.dtype)[:, None]
        sunk = ground.ground(still.replace(root=still.root + down * torch.tensor([0.0, 1.0, 0.0])))
        lowest = float(still.positions()[..., 1].min())
        assert sunk.under == pytest.approx(max(0.0, depth - lowest), abs=1e-5)
        assert 0.6 * depth < sunk.sinking - level.sinking <= depth and sunk.hips_sinking > 0.6 * depth
    assert level.sinking == pytest.approx(0.0, abs=1e-6)
    assert ground.share_under(np.array([0.0, 0.02, 0.031, 0.2])) == 0.5


def _raised(still: Motion, height: float) -> Motion:
    """A standing clip lifted by ``height`` meters in its middle fifth."""
    count = len(still)
    lift = torch.zeros(count, 3, dtype=still.root.dtype)
    lift[2 * count // 5 : 3 * count // 5, 1] = height
    return still.replace(root=still.root + lift)
