"""Laws of what is done to motions: retargeting, mirroring, resampling, the canonical start."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kinescale import skeletons
from kinescale.core.errors import InputError, SkeletonError
from kinescale.kinematics.rotations import quat_about_y, quat_angle
from kinescale.motion import Motion, canonical_transform, canonicalize, facing_yaw, mirror, resample, retarget
from kinescale.motion.canonicalize import TOE_HEIGHT, transform
from kinescale.motion.retarget import t_pose
from kinescale.skeletons import Skeleton

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from motion_strategies import random_motion

WITH_LEGS = [name for name in skeletons.FAMILY.names() if {"hips", "left_hip"} <= set(skeletons.get(name).roles)]


def test_the_skeletons_with_roles_are_all_here():
    assert {"humanml22", "bandai_namco", "cgspeed", "iclone"} <= set(WITH_LEGS)


@pytest.mark.parametrize("name", WITH_LEGS)
def test_t_pose_stands_upright_arms_out_facing_forward(name):
    skeleton = skeletons.get(name)
    _, at = t_pose(skeleton)
    role = skeleton.role
    assert at[role("head"), 1] > at[role("hips"), 1] + 0.3
    assert at[role("left_wrist"), 0] > 0.4 and at[role("right_wrist"), 0] < -0.4
    assert at[role("left_ankle"), 1] < -0.6 and at[role("right_ankle"), 1] < -0.6
    assert abs(float(facing_yaw(at, skeleton))) < 0.05
    if "left_toes" in skeleton.roles:
        assert at[role("left_toes"), 2] > at[role("left_ankle"), 2] + 0.05
    stature = float(at[:, 1].max() - at[:, 1].min())
    assert 1.2 < stature < 1.9


@pytest.mark.parametrize("name", WITH_LEGS)
def test_mirror_twice_is_the_identity(name):
    motion = random_motion(name)
    twice = mirror(mirror(motion))
    assert torch.allclose(twice.positions(), motion.positions(), atol=1e-9)
    assert float(quat_angle(twice.rotations, motion.rotations).max()) < 1e-6


def test_mirror_reflects_positions_on_a_symmetric_skeleton():
    motion = random_motion("humanml22")
    seen = mirror(motion).positions() * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    left, right = motion.skeleton.role("left_wrist"), motion.skeleton.role("right_wrist")
    assert torch.allclose(seen[:, left], motion.positions()[:, right], atol=1e-6)


def test_retarget_to_the_same_skeleton_is_the_identity():
    motion = random_motion()
    assert retarget(motion, skeletons.get("humanml22")) is motion


@pytest.mark.parametrize("name", ["bandai_namco", "iclone"])
def test_retarget_there_and_back_returns(name):
    motion = random_motion(name)
    if name == "iclone":
        # Its extra joints (hip above pelvis, second neck) have no role; only the role joints come back.
        motion = motion.replace(rotations=torch.cat([motion.rotations[:, :1], motion.rotations[:, 1:]], 1))
    back = retarget(retarget(motion, skeletons.get("humanml22")), motion.skeleton)
    joints = [motion.skeleton.role(r) for r in ("left_ankle", "right_ankle", "left_knee", "right_knee", "hips")]
    error = (back.positions()[:, joints] - motion.positions()[:, joints]).norm(dim=-1).mean()
    assert float(error) < 0.01


def test_retarget_keeps_limb_directions_and_stride():
    motion = random_motion("bandai_namco")
    other = retarget(motion, skeletons.get("humanml22"), feet=False)
    for a, b in (("left_hip", "left_knee"), ("right_elbow", "right_wrist"), ("left_shoulder", "left_elbow")):
        bones = []
        for m in (motion, other):
            p = m.positions()
            bones.append(torch.nn.functional.normalize(p[:, m.skeleton.role(b)] - p[:, m.skeleton.role(a)], dim=-1))
        assert float((bones[0] * bones[1]).sum(-1).min()) > 0.9999


def test_retarget_says_which_roles_are_missing():
    bare = Skeleton("bare", ("a", "b"), (-1, 0), np.array([[0.0, 0, 0], [0, 1, 0]]), {"hips": "a"})
    with pytest.raises(SkeletonError, match="left_hip"):
        retarget(random_motion(), bare)


def test_resample_keeps_the_instants_it_can():
    motion = random_motion(frames=61)
    half = resample(motion, 15.0)
    assert len(half) == 31 and torch.equal(half.root, motion.root[::2])
    double = resample(motion, 60.0)
    assert len(double) == 121
    assert torch.allclose(double.positions()[::2], motion.positions(), atol=1e-9)
    assert resample(motion, 30.0) is motion
    odd = resample(motion, 20.0)
    assert abs(odd.duration_s - motion.duration_s) < 1 / 20
    with pytest.raises(InputError):
        resample(motion, float("nan"))


def test_canonical_start_is_at_the_origin_facing_forward_on_the_floor():
    motion = canonicalize(transform(random_motion(), torch.tensor(1.1), torch.tensor([3.0, 2.0, -4.0])))
    positions = motion.positions()
    assert torch.allclose(motion.root[0, [0, 2]], torch.zeros(2, dtype=torch.float64), atol=1e-9)
    assert abs(float(facing_yaw(positions[0], motion.skeleton))) < 1e-9
    toes = (
        positions[:, [motion.skeleton.role("left_toes"), motion.skeleton.role("right_toes")], 1].flatten().sort().values
    )
    assert abs(float(toes[: len(toes) // 10].mean()) - TOE_HEIGHT) < 1e-9


def test_canonical_start_does_not_depend_on_where_the_clip_was():
    motion = random_motion()
    moved = transform(motion, torch.tensor(-2.3), torch.tensor([1.0, 0.5, 7.0]))
    assert torch.allclose(canonicalize(moved).positions(), canonicalize(motion).positions(), atol=1e-9)
    yaw, shift = canonical_transform(moved)
    applied = transform(moved, yaw, shift)
    assert torch.equal(applied.root, canonicalize(moved).root)
    assert float(applied.root[0, [0, 2]].abs().max()) < 1e-9 and abs(float(yaw)) > 0.1


def test_positive_yaw_is_to_the_left():
    motion = transform(canonicalize(random_motion()), torch.tensor(0.5), torch.zeros(3))
    assert abs(float(facing_yaw(motion.positions()[0], motion.skeleton)) - 0.5) < 1e-9
    turned = quat_about_y(torch.tensor(0.5, dtype=torch.float64))
    assert turned[1] > 0


@pytest.mark.parametrize("change", ["nan", "zero", "shape", "fps", "empty"])
def test_a_bad_motion_is_refused(change):
    good = random_motion(frames=3)
    root, rotations, fps = good.root.clone(), good.rotations.clone(), 30.0
    if change == "nan":
        root[0, 0] = float("nan")
    elif change == "zero":
        rotations[1, 2] = 0
    elif change == "shape":
        rotations = rotations[:, :-1]
    elif change == "fps":
        fps = 0.0
    else:
        root, rotations = root[:0], rotations[:0]
    with pytest.raises(InputError):
        Motion(good.skeleton, fps, root, rotations)


def test_nothing_is_altered():
    motion = random_motion()
    before = (motion.root.clone(), motion.rotations.clone())
    for change in (
        mirror,
        canonicalize,
        lambda m: resample(m, 12.0),
        lambda m: retarget(m, skeletons.get("bandai_namco")),
    ):
        change(motion)
    assert torch.equal(before[0], motion.root) and torch.equal(before[1], motion.rotations)
