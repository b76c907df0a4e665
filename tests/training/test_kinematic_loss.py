"""Kinematic losses: those of the world's own joints for every feature, zero for the same motion, blind to padding."""

from __future__ import annotations

import pytest
import torch

from kinescale import features, skeletons
from kinescale.features import Normalizer
from kinescale.kinematics.rotations import quat_about_y, quat_apply
from kinescale.motion.resample import resample
from kinescale.motion.retarget import retarget
from kinescale.tokenizers.base import Reconstruction
from kinescale.training.kinematic_loss import Config, KinematicLoss, displacement, velocities
from motion_strategies import random_motion

EVERY = Config(positions=1.0, velocities=1.0, planted=1.0, path=1.0, jerk=1.0)


def made(name: str, seed: int, frames: int = 40) -> tuple[features.Feature, torch.Tensor]:
    feature = features.FAMILY.get(name, "build")(features.FAMILY.get(name, "Config")())
    motion = random_motion(feature.skeleton.name, frames=frames, seed=seed, spread=0.2)
    motion = resample(retarget(motion, skeletons.get(feature.skeleton.name), feet=False), feature.fps)
    return feature, feature.from_motion(motion.replace(root=motion.root.float(), rotations=motion.rotations.float()))


def exact(feature: features.Feature) -> Normalizer:
    return Normalizer(torch.zeros(feature.width), torch.ones(feature.width))


@pytest.mark.parametrize("name", ["rotations", "humanml3d", "snapmogen"])
def test_velocities_are_those_of_the_joints_in_the_world(name: str) -> None:
    feature, values = made(name, seed=3)
    motion = feature.kinematics(values)
    world = feature.positions(values)
    yaw = torch.cumsum(motion.turn, -1) - motion.turn
    turned = quat_apply(quat_about_y(yaw[:-1])[:, None], velocities(motion, feature.fps))
    torch.testing.assert_close(turned, world.diff(dim=0) * feature.fps, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("name", ["rotations", "humanml3d", "snapmogen"])
@pytest.mark.parametrize("span", [1, 7])
def test_displacements_are_those_of_the_root_in_the_world(name: str, span: int) -> None:
    feature, values = made(name, seed=4)
    motion = feature.kinematics(values)
    root = feature.positions(values)[:, 0]
    yaw = torch.cumsum(motion.turn, -1) - motion.turn
    turn, moved = displacement(motion, span)
    wanted = quat_apply(quat_about_y(-yaw[:-span]), root[span:] - root[:-span])
    torch.testing.assert_close(moved[:, [0, 2]], wanted[:, [0, 2]], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(turn, yaw[span:] - yaw[:-span])


@pytest.mark.parametrize("name", ["rotations", "humanml3d", "snapmogen"])
def test_the_same_motion_costs_nothing_and_a_faster_one_something(name: str) -> None:
    feature, values = made(name, seed=5)
    loss = KinematicLoss(EVERY, feature, exact(feature))
    lengths = torch.tensor([len(values)])
    _, same = loss(Reconstruction(values[None], values[None], lengths))
    assert {key for key, value in same.items() if value > 1e-6} <= {"planted"}  # what stands may drift in the recording
    faster = values.clone()
    faster[:, feature.blocks["root_planar_velocity"]] += 0.5
    _, other = loss(Reconstruction(faster[None], values[None], lengths))
    assert other["velocities"] > 0.1 * feature.kinematics(faster[None]).step.norm(dim=-1).max() and other["path"] > 0.01
    assert other["positions"] < 1e-6


def test_what_follows_a_clip_does_not_matter_and_gradients_are_finite() -> None:
    feature, values = made("rotations", seed=6)
    loss = KinematicLoss(EVERY, feature, exact(feature))
    guess = values + 0.05 * torch.randn(values.shape, generator=torch.Generator().manual_seed(0))
    short = loss(Reconstruction(guess[None, :24], values[None, :24], torch.tensor([24])))[1]
    filled = torch.cat([values[:24], torch.zeros(16, feature.width)])[None]
    noise = torch.cat([guess[:24], torch.zeros(16, feature.width)])[None].requires_grad_(True)
    value, long = loss(Reconstruction(noise, filled, torch.tensor([24])))
    # a span that fits the longer tensor alone counts no frame of this clip
    assert long == pytest.approx(short, rel=1e-4)
    value.backward()
    assert bool(noise.grad.isfinite().all()) and not bool(noise.grad[0, 25:].any())
