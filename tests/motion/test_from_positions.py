"""Motion from positions alone: near, smooth, hinged where bodies are, and safe on hard tracks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from kinescale import skeletons
from kinescale.core.errors import InputError
from kinescale.kinematics.rotations import quat_about_y, quat_angle, quat_apply
from kinescale.motion import retarget
from kinescale.motion.from_positions import motion_from_positions

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from motion_strategies import random_motion, walk

NAMES = skeletons.FAMILY.names()


@pytest.mark.parametrize("name", NAMES)
def test_a_rigid_bodys_positions_come_back(name: str) -> None:
    motion = random_motion(name, frames=30, seed=5, spread=0.3)
    made = motion_from_positions(motion.positions(), motion.skeleton, motion.fps)
    error = (made.positions() - motion.positions()).norm(dim=-1)
    assert float(error.max()) < 1e-4


@pytest.mark.parametrize("name", ["humanml22", "snapmogen24", "iclone", "cmu"])
def test_a_turned_track_turns_the_root_alone(name: str) -> None:
    """Nothing but the root may know which way the body faces, whether its children show it or those below."""
    motion = random_motion(name, frames=20, seed=6, spread=0.3)
    turn = quat_about_y(torch.tensor(2.0, dtype=torch.float64))
    made = motion_from_positions(motion.positions(), motion.skeleton, motion.fps)
    turned = motion_from_positions(quat_apply(turn, motion.positions()), motion.skeleton, motion.fps)
    assert float(quat_angle(made.rotations[:, 1:], turned.rotations[:, 1:]).max()) < 1e-2


@pytest.mark.parametrize("name", ["humanml22", "snapmogen24", "bandai_namco"])
def test_noise_is_met_within_a_centimeter_and_without_flips(name: str) -> None:
    motion = retarget(walk(), skeletons.get(name))
    noise = torch.randn(motion.positions().shape, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    # Bones of the trunk are 3 cm short: two millimeters alone turn them by 20 degrees from frame to frame.
    noisy = motion.positions() + 0.002 * noise
    made = motion_from_positions(noisy, motion.skeleton, motion.fps)
    error = (made.positions() - noisy).norm(dim=-1)
    assert float(error.mean()) < 0.01
    assert float(error.max()) < 0.03
    assert float(quat_angle(made.rotations[1:], made.rotations[:-1]).rad2deg().max()) < 45.0


def test_another_bodys_lengths_are_measured_or_kept() -> None:
    motion = random_motion("humanml22", frames=10, spread=0.3)
    grown = 1.1 * motion.positions()
    made = motion_from_positions(grown, motion.skeleton, motion.fps)
    assert float((made.positions() - grown).norm(dim=-1).max()) < 1e-4
    kept = motion_from_positions(grown, motion.skeleton, motion.fps, keep_lengths=True)
    assert kept.skeleton == motion.skeleton
    assert float((kept.positions() - grown).norm(dim=-1).mean()) < 0.1


def test_collapsed_and_still_tracks_give_finite_motions() -> None:
    motion = random_motion("humanml22", frames=12)
    for track in (motion.positions() * 0, motion.positions()[:1], motion.positions()[:1].expand(5, -1, -1)):
        made = motion_from_positions(track, motion.skeleton, 30.0)
        assert bool(torch.isfinite(made.rotations).all())


def test_nothing_is_altered_and_what_does_not_fit_is_refused() -> None:
    motion = random_motion("humanml22", frames=4)
    positions = motion.positions()
    before = positions.clone()
    motion_from_positions(positions, motion.skeleton, 30.0)
    assert torch.equal(before, positions)
    for bad, match in ((positions[:, :3], "expected"), (positions[:0], "expected"), (positions / 0, "finite")):
        with pytest.raises(InputError, match=match):
            motion_from_positions(bad, motion.skeleton, 30.0)
