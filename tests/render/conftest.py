"""Motions to draw: a made-up walk, and skeletons of every awkward kind."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from kinescale import skeletons
from kinescale.kinematics.rotations import axis_angle_quat, quat_about_y
from kinescale.motion import Motion
from kinescale.skeletons import Skeleton


def make_walk(frames: int = 60, *, turn: float = math.pi / 2, start: float = 0.0, **meta: object) -> Motion:
    """A walk of 1.2 m/s that turns by ``turn`` radians (left where positive), first facing ``start``."""
    skeleton = skeletons.get("humanml22")
    time = torch.arange(frames, dtype=torch.float64) / 30
    yaw = start + turn * torch.arange(frames, dtype=torch.float64) / max(frames - 1, 1)
    step = 1.2 / 30 * torch.stack([torch.sin(yaw), torch.zeros_like(yaw), torch.cos(yaw)], dim=-1)
    root = torch.cumsum(step, dim=0) + torch.tensor([2.0, 0.0, -1.0], dtype=torch.float64)
    root[:, 1] = 0.93
    rotations = torch.zeros(frames, len(skeleton), 4, dtype=torch.float64)
    rotations[..., 3] = 1
    rotations[:, 0] = quat_about_y(yaw)
    for side, sign in (("left", -1), ("right", 1)):
        swing = sign * 0.5 * torch.sin(2 * math.pi * time)
        rotations[:, skeleton.index(f"{side}_hip")] = axis_angle_quat(swing, "x")
        rotations[:, skeleton.index(f"{side}_shoulder")] = axis_angle_quat(torch.full_like(time, sign * 1.3), "z")
    return Motion(skeleton, 30.0, root, rotations, meta)


def at_rest(skeleton: Skeleton, frames: int = 5) -> Motion:
    """The rest pose, held."""
    rotations = torch.zeros(frames, len(skeleton), 4)
    rotations[..., 3] = 1
    return Motion(skeleton, 30.0, torch.zeros(frames, 3), rotations)


@pytest.fixture
def walk() -> Motion:
    return make_walk(prompt="a person walks forward and turns to the left", seed=7)


@pytest.fixture
def odd_motions() -> dict[str, Motion]:
    plain = skeletons.get("humanml22")
    bare = Skeleton("bare", plain.joints, plain.parents, plain.offsets)
    nameless = Skeleton("nameless", ("a", "b", "c"), (-1, 0, 1), np.array([[0, 0, 0], [0, 0.5, 0], [0, 0.5, 0]]))
    one = Skeleton("one", ("only",), (-1,), np.zeros((1, 3)))
    return {
        "no roles": at_rest(bare),
        "no names": at_rest(nameless),
        "one joint": at_rest(one),
        "one joint, one frame": at_rest(one, 1),
        "one frame": make_walk(1),
        "two frames": make_walk(2),
    }


@pytest.fixture(scope="session")
def long_walk() -> Motion:
    """Ten thousand frames, five and a half minutes."""
    return make_walk(10_000, turn=20 * math.pi)
