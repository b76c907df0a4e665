"""Pelvis and chest go by the lines across hips and shoulders where joints in between turn back what a joint turned."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from foreign_files import CASES, about, body, walking
from kinescale import skeletons
from kinescale.formats import read_motion
from kinescale.kinematics.rotations import quat_conjugate, quat_multiply
from kinescale.motion import Motion
from kinescale.motion.retarget import retarget
from kinescale.skeletons import Skeleton


def with_helpers(motion: Motion, role: str, turn: torch.Tensor) -> Motion:
    """The same motion in the world, the joint of ``role`` turned, each joint below it hung from one that turns back."""
    skeleton = motion.skeleton
    at = skeleton.role(role)
    names, parents, offsets, kept, index = [], [], [], [], {}
    for joint, parent in enumerate(skeleton.parents):
        up = -1 if parent < 0 else index[parent]
        if parent == at:
            names.append(f"helper_{joint}")
            parents.append(index[at])
            offsets.append(np.zeros(3))
            kept.append(None)
            up = len(names) - 1
        index[joint] = len(names)
        names.append(skeleton.joints[joint])
        parents.append(up)
        offsets.append(skeleton.offsets[joint])
        kept.append(joint)
    made = Skeleton("helpers", tuple(names), tuple(parents), np.array(offsets), skeleton.roles)
    rotations = torch.zeros(len(motion), len(made), 4, dtype=torch.float64)
    back = quat_conjugate(turn)
    for row, joint in enumerate(kept):
        rotations[:, row] = back if joint is None else motion.rotations[:, joint]
        if joint == at:
            rotations[:, row] = quat_multiply(rotations[:, row], turn)
    return motion.replace(skeleton=made, rotations=rotations)


@pytest.mark.parametrize("role", ["hips", "spine3"])
@pytest.mark.parametrize("axis", ["x", "y", "z"])
@pytest.mark.parametrize("degrees", [15.0, 86.0, 150.0])
@pytest.mark.parametrize("target", ["mixamo", "cmu"])
def test_joints_that_turn_back_leave_the_motion_as_it_is(role: str, axis: str, degrees: float, target: str) -> None:
    clip = walking(body(), frames=12)
    turned = with_helpers(clip, role, about(axis, degrees))
    torch.testing.assert_close(
        turned.positions()[:, [turned.skeleton.index(j) for j in clip.skeleton.joints]],
        clip.positions(),
        atol=1e-9,
        rtol=0,
    )
    wanted, got = (retarget(motion, skeletons.get(target)) for motion in (clip, turned))
    torch.testing.assert_close(got.positions(), wanted.positions(), atol=2e-3, rtol=0)


def test_a_joint_that_carries_its_limbs_says_itself_how_it_lies() -> None:
    clip = walking(body(), frames=12)
    still = with_helpers(clip, "hips", about("y", 0.0))
    wanted, got = (retarget(motion, skeletons.get("mixamo")) for motion in (clip, still))
    torch.testing.assert_close(got.positions(), wanted.positions(), atol=1e-9, rtol=0)


@pytest.mark.parametrize("target", ["humanml22", "unity_humanoid"])
def test_the_case_is_the_clean_clip_on_another_body(target: str) -> None:
    if not (CASES / "pelvis_turned_in_helpers.bvh").is_file():
        pytest.skip(f"the small cases are not at {CASES}")
    wanted, got = (
        retarget(read_motion(CASES / name), skeletons.get(target))
        for name in ("base.bvh", "pelvis_turned_in_helpers.bvh")
    )
    torch.testing.assert_close(got.positions(), wanted.positions(), atol=2e-3, rtol=0)


@pytest.mark.parametrize("target", ["humanml22", "mixamo"])
def test_a_lean_survives_a_folded_rest_pose(target: str) -> None:
    if not (CASES / "leaning_plain_rest.bvh").is_file():
        pytest.skip(f"the small cases are not at {CASES}")
    plain, folded = (
        retarget(read_motion(CASES / f"leaning_{rest}_rest.bvh"), skeletons.get(target))
        for rest in ("plain", "collapsed")
    )
    assert float((plain.positions() - folded.positions()).norm(dim=-1).max()) < 0.03
