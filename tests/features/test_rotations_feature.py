"""The rotation-first features: exact both ways, heading-free, differentiable, true blocks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from kinescale import skeletons
from kinescale.core.errors import InputError
from kinescale.features import FAMILY
from kinescale.features.rotations import Config, build
from kinescale.kinematics.rotations import quat_about_y, quat_apply
from kinescale.motion import canonicalize, mirror, resample, retarget
from kinescale.motion.canonicalize import transform

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from motion_strategies import random_motion

FEATURE = build(Config())


def test_width_is_twelve_joints_and_eight_and_blocks_cover_it():
    assert FEATURE.width == 12 * 22 + 8 == 272
    covered = [i for part in FEATURE.blocks.values() for i in range(part.start, part.stop)]
    assert covered == list(range(272))
    assert "rotations" in FAMILY.names()


@pytest.mark.parametrize("seed", range(4))
def test_there_and_back_is_the_motion_up_to_its_start(seed):
    motion = random_motion(seed=seed, frames=50)
    back = FEATURE.to_motion(FEATURE.from_motion(motion)).positions()
    start = quat_about_y(FEATURE._heading(motion.positions())[0])
    placed = quat_apply(start, back) + motion.root[0] * torch.tensor([1.0, 0.0, 1.0])
    assert float((placed - motion.positions()).abs().max()) < 1e-9


def test_features_do_not_depend_on_where_the_clip_starts_or_faces():
    motion = random_motion()
    moved = transform(motion, torch.tensor(2.9), torch.tensor([5.0, 0.0, -3.0]))
    assert torch.allclose(FEATURE.from_motion(moved), FEATURE.from_motion(motion), atol=1e-9)


def test_positions_block_agrees_with_forward_kinematics():
    motion = canonicalize(random_motion())
    features = FEATURE.from_motion(motion)
    block = features[:, FEATURE.blocks["positions"]].unflatten(-1, (22, 3))
    assert torch.allclose(block[:, :, 1], motion.positions()[:, :, 1], atol=1e-9)
    assert torch.allclose(block[:, 0, [0, 2]], torch.zeros(len(motion), 2, dtype=torch.float64), atol=1e-9)


def test_batched_positions_agree_with_the_motion():
    clips = torch.stack([FEATURE.from_motion(random_motion(seed=s)) for s in range(3)])
    batched = FEATURE.positions(clips)
    for row, clip in zip(batched, clips, strict=True):
        assert torch.allclose(row, FEATURE.to_motion(clip).positions(), atol=1e-9)


def test_turning_left_is_positive_yaw_velocity_and_mirroring_negates_it():
    motion = random_motion(spread=0.05)
    turn = quat_about_y(torch.linspace(0, 1.5, len(motion), dtype=torch.float64))
    from kinescale.kinematics.rotations import quat_multiply

    rotations = motion.rotations.clone()
    rotations[:, 0] = quat_multiply(turn, rotations[:, 0])
    motion = motion.replace(rotations=rotations)
    left = FEATURE.from_motion(motion)[:, 0]
    assert float(left.mean()) > 0.5
    assert torch.allclose(FEATURE.from_motion(mirror(motion))[:, 0], -left, atol=1e-7)


def test_gradients_flow_both_ways():
    features = FEATURE.from_motion(random_motion(frames=8)).requires_grad_()
    FEATURE.positions(features).square().sum().backward()
    assert features.grad is not None and bool(torch.isfinite(features.grad).all())
    motion = random_motion(frames=8)
    leaf = motion.rotations.clone().requires_grad_()
    FEATURE.from_motion(motion.replace(rotations=leaf)).square().sum().backward()
    assert leaf.grad is not None and bool(torch.isfinite(leaf.grad).all())


def test_a_motion_of_another_skeleton_or_rate_is_refused():
    with pytest.raises(InputError, match="retarget"):
        FEATURE.from_motion(random_motion("bandai_namco"))
    with pytest.raises(InputError, match="resample"):
        FEATURE.from_motion(resample(random_motion(), 20.0))
    with pytest.raises(InputError, match="272"):
        FEATURE.to_motion(torch.zeros(4, 263))


def test_one_frame_is_enough():
    motion = random_motion(frames=1)
    features = FEATURE.from_motion(motion)
    assert features.shape == (1, 272) and len(FEATURE.to_motion(features)) == 1


def test_standing_feet_are_in_contact():
    still = retarget(random_motion(spread=0.0), skeletons.get("humanml22"))
    still = canonicalize(still.replace(root=still.root[:1].expand(len(still), 3).clone()))
    assert float(FEATURE.contacts(FEATURE.from_motion(still)).min()) == 1.0
