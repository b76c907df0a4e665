"""T-poses worked out from other rest poses: A-pose, arms down, bent elbows, turned, Z-up, or a folded rest pose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foreign_files import along_bones, walking, with_frames
from foreign_files import body as foreign_body
from kinescale import skeletons
from kinescale.kinematics.forward import forward_kinematics
from kinescale.kinematics.rotations import axis_angle_quat, quat_angle, quat_apply, quat_multiply
from kinescale.motion.retarget import retarget
from kinescale.rigging import examine, recognize
from kinescale.skeletons import Skeleton

BODIES = ("humanml22", "mixamo", "kit21", "unity_humanoid", "snapmogen24")
"""Bundled skeletons whose rest pose is a T-pose to the last digit."""


def about(axis: str, degrees: float) -> torch.Tensor:
    return axis_angle_quat(torch.deg2rad(torch.tensor(degrees, dtype=torch.float64)), axis)


def world(skeleton: Skeleton, pose: np.ndarray | None) -> tuple[np.ndarray, torch.Tensor]:
    """Positions and orientations of the joints in a pose."""
    local = np.tile([0.0, 0.0, 0.0, 1.0], (len(skeleton), 1)) if pose is None else pose.copy()
    offsets = torch.from_numpy(skeleton.offsets.copy())
    start = torch.zeros(3, dtype=torch.float64)
    positions, turned = forward_kinematics(start, torch.from_numpy(local), offsets, skeleton.parents)
    return positions.numpy(), turned


def drawn_in(skeleton: Skeleton, turns: dict[str, torch.Tensor]) -> Skeleton:
    """The body whose rest pose is ``skeleton`` with joints (by role) turned; joint frames stay along the world's."""
    pose = np.tile([0.0, 0.0, 0.0, 1.0], (len(skeleton), 1))
    for role, turn in turns.items():
        pose[skeleton.role(role)] = turn.numpy()
    _, turned = world(skeleton, pose)
    up = [max(parent, 0) for parent in skeleton.parents]
    offsets = quat_apply(turned[up], torch.from_numpy(skeleton.offsets.copy())).numpy()
    offsets[0] = skeleton.offsets[0]
    ends = tuple(
        replace(end, offset=tuple(quat_apply(turned[end.joint], torch.tensor(end.offset).double()).tolist()))
        for end in skeleton.ends
    )
    return replace(skeleton, offsets=offsets, ends=ends, roles={}, t_pose=None)


def a_pose(down: float, elbows: float = 0.0, legs: float = 0.0) -> dict[str, torch.Tensor]:
    """Arms so many degrees below the level, elbows bent ahead, legs apart with the feet flat."""
    return {
        "left_shoulder": about("z", -down),
        "right_shoulder": about("z", down),
        "left_elbow": about("y", -elbows),
        "right_elbow": about("y", elbows),
        "left_hip": about("z", legs),
        "right_hip": about("z", -legs),
        "left_ankle": about("z", -legs),
        "right_ankle": about("z", legs),
    }


def whole(turn: torch.Tensor, turns: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same body turned as a whole."""
    return {**turns, "hips": turn}


@pytest.mark.parametrize("name", BODIES)
@settings(max_examples=4, deadline=None)
@given(
    down=st.floats(4, 90),
    elbows=st.floats(0, 40),
    legs=st.floats(0, 15),
    yaw=st.sampled_from([0.0, 7.0, -50.0, 90.0, 135.0, 180.0]),
    z_up=st.booleans(),
)
def test_the_t_pose_is_found_again_whatever_the_rest_pose(name, down, elbows, legs, yaw, z_up):
    body = skeletons.get(name)
    tall, _ = world(body, None)
    turn = quat_multiply(about("x", 90.0), about("y", yaw)) if z_up else about("y", yaw)
    # roles are given: where they come from is tested elsewhere
    rest = replace(drawn_in(body, whole(turn, a_pose(down, elbows, legs))), joints=body.joints)
    found = examine(rest)
    assert dict(found.skeleton.roles) == dict(body.roles)
    positions, _ = world(found.skeleton, found.skeleton.t_pose)
    np.testing.assert_allclose(positions - positions[0], tall - tall[0], atol=2e-6)
    assert found.up == ("+Z" if z_up else "+Y")
    assert found.height_m == pytest.approx(examine(body).height_m, abs=1e-5)


@pytest.mark.parametrize(
    ("down", "kind"), [(0, "T-pose"), (10, "T-pose"), (30, "A-pose"), (55, "A-pose"), (80, "arms down"), (-40, "other")]
)
def test_the_kind_of_rest_pose_and_its_arm_angle(down, kind):
    found = examine(drawn_in(skeletons.get("mixamo"), a_pose(down)))
    assert found.rest == kind
    assert found.arm_angle_degrees == pytest.approx(down, abs=0.1)
    assert found.forward == "+Z"


def test_a_rest_pose_that_is_a_t_pose_needs_no_rotations():
    for name in BODIES:
        bare = replace(skeletons.get(name), roles={}, t_pose=None)
        assert recognize(bare).t_pose is None


def test_arms_stretched_ahead_are_no_named_pose_but_still_give_a_t_pose():
    body = skeletons.get("humanml22")
    rest = drawn_in(body, {"left_shoulder": about("y", -90), "right_shoulder": about("y", 90)})
    found = examine(rest)
    assert found.rest == "other"
    positions, _ = world(found.skeleton, found.skeleton.t_pose)
    tall, _ = world(body, None)
    np.testing.assert_allclose(positions, tall, atol=1e-6)


def test_a_limb_keeps_the_twist_it_had():
    """Hands whose palms look at the thighs in arms-down look at the floor in the T-pose."""
    body = skeletons.get("humanml22")
    found = recognize(drawn_in(body, a_pose(90.0)))
    _, turned = world(found, found.t_pose)
    # at rest the left palm looks at the body, to -X
    palm = quat_apply(turned[found.role("left_wrist")], torch.tensor([-1.0, 0.0, 0.0], dtype=torch.float64))
    np.testing.assert_allclose(palm, [0.0, -1.0, 0.0], atol=1e-6)


def folded(skeleton: Skeleton, seed: int) -> tuple[Skeleton, torch.Tensor]:
    """The same body with joint frames turned at random, and the rotations that make its T-pose."""
    frames = torch.randn(len(skeleton), 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    frames = frames / frames.norm(dim=-1, keepdim=True)
    back = frames * torch.tensor([-1.0, -1.0, -1.0, 1.0])
    up = [max(parent, 0) for parent in skeleton.parents]
    offsets = quat_apply(back[up], torch.from_numpy(skeleton.offsets.copy())).numpy()
    ends = tuple(
        replace(end, offset=tuple(quat_apply(back[end.joint], torch.tensor(end.offset).double()).tolist()))
        for end in skeleton.ends
    )
    local = quat_multiply(back[up], frames)
    local[0] = frames[0]
    return replace(skeleton, offsets=offsets, ends=ends, roles={}, t_pose=None), local


@pytest.mark.parametrize("name", ["humanml22", "mixamo"])
@pytest.mark.parametrize("names", [True, False])
def test_a_folded_rest_pose_is_read_from_the_pose_a_file_gives_or_from_a_motions_frames(name, names):
    body = skeletons.get(name)
    tall, _ = world(body, None)
    skeleton, standing = folded(body, 3)
    want = dict(body.roles)
    if not names:
        place = {joint: f"b{i}" for i, joint in enumerate(body.joints)}
        skeleton = replace(skeleton, joints=tuple(place.values()))
        want = {role: place[joint] for role, joint in want.items()}
    given_rest = examine(skeleton, rest=standing.numpy())
    # a crouch, twice, then standing upright turned to the left, arms hanging
    frames = standing.expand(3, -1, -1).clone()
    frames[2, 0] = quat_multiply(about("y", 40.0), frames[2, 0])
    for role, degrees in (("left_hip", -80.0), ("right_hip", -80.0), ("left_knee", 110.0), ("right_knee", 110.0)):
        joint = body.role(role)
        _, turned = world(skeleton, standing.numpy())
        above = turned[body.parents[joint]]
        inverse = above * torch.tensor([-1.0, -1.0, -1.0, 1.0])
        local = quat_multiply(inverse, quat_multiply(about("x", degrees), above))
        frames[:2, joint] = quat_multiply(local, frames[0, joint])
    from_frames = examine(skeleton, poses=frames.numpy())
    # a pose that the file gives is exact; bones alone do not show that a spine is bent
    for found, atol in ((given_rest, 1e-5), (from_frames, 0.05)):
        assert dict(found.skeleton.roles) == want
        positions, _ = world(found.skeleton, found.skeleton.t_pose)
        played = [body.role(role) for role in body.roles]  # how fingers lie is not in the bones either
        np.testing.assert_allclose(positions[played], tall[played], atol=atol)
    assert given_rest.rest == "T-pose" and not given_rest.warnings
    assert from_frames.rest == "other" and any("folded" in line for line in from_frames.warnings)


def test_without_any_standing_pose_the_bones_give_the_t_pose_and_a_warning_says_so():
    body = skeletons.get("mixamo")
    skeleton, _ = folded(body, 5)
    found = examine(skeleton)
    assert found.skeleton.roles
    positions, _ = world(found.skeleton, found.skeleton.t_pose)
    played = [body.role(role) for role in body.roles]
    np.testing.assert_allclose(positions[played], world(body, None)[0][played], atol=0.06)
    assert found.rest == "other" and any("no frame shows the body standing" in line for line in found.warnings)


FOLDS = [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)]
FOLDED = [(name, axis) for name in ("humanml22", "mixamo", "smplx") for axis in FOLDS]
OTHERS = [pytest.param(*case, marks=pytest.mark.slow) for k, case in enumerate(FOLDED) if k % 4]


@pytest.mark.parametrize(("name", "axis"), [*FOLDED[::4], *OTHERS])
def test_clips_of_one_folded_skeleton_have_one_t_pose_and_keep_their_lean(name, axis):
    """The T-pose does not hang on how upright the clip is: whoever leans goes on leaning on another body."""
    target = skeletons.get("humanml22")
    poses = []
    for lean in (0.0, 25.0, 50.0):
        clip = walking(foreign_body(name), lean=lean)
        drawn = with_frames(clip, along_bones(clip.skeleton, axis))
        made = recognize(drawn.skeleton, poses=drawn.rotations.numpy())
        assert made.t_pose is not None
        poses.append(world(made, made.t_pose)[0])
        plain = retarget(clip, target, feet=False)
        got = retarget(drawn.replace(skeleton=made), target, feet=False)
        chest = quat_angle(
            plain.global_rotations()[:, target.role("spine3")], got.global_rotations()[:, target.role("spine3")]
        )
        assert float(torch.rad2deg(chest).max()) < 10.0  # the crook of the spine, the same for every lean
        roles = [target.role(role) for role in target.roles]
        assert float((plain.positions() - got.positions())[:, roles].norm(dim=-1).max()) < 0.09
    np.testing.assert_allclose(poses[1], poses[0], atol=1e-9)
    np.testing.assert_allclose(poses[2], poses[0], atol=1e-9)


@pytest.mark.parametrize("lying", [False, True])
def test_a_body_on_four_legs_is_no_person(lying):
    rows = [
        ("Pelvis", -1, (0, 0, 0)),
        ("Spine", 0, (0, 0.02, 0.3)),
        ("Neck", 1, (0, 0.1, 0.2)),
        ("Head", 2, (0, 0.1, 0.1)),
    ]
    for side, sign in (("Left", 1), ("Right", -1)):
        for top, parts in ((0, ("Thigh", "Calf", "Foot")), (1, ("UpperArm", "Forearm", "Hand"))):
            for part, bone in zip(parts, ((0.08 * sign, -0.03, 0), (0, -0.3, 0.03), (0, -0.28, -0.03)), strict=True):
                rows.append((side + part, top, bone))
                top = len(rows) - 1
    names, parents, offsets = zip(*rows, strict=True)
    dog = Skeleton("dog", names, parents, np.array(offsets, dtype=float))
    poses = torch.zeros(5, len(dog), 4, dtype=torch.float64)
    poses[..., 3] = 1.0
    if lying:
        poses[:, 0] = about("z", 90.0)
    found = examine(dog, poses=poses.numpy())
    assert not found.skeleton.roles and any("as animals do" in line for line in found.warnings)
    assert recognize(dog, poses=poses.numpy()) == dog


def test_nothing_is_altered():
    skeleton, standing = folded(skeletons.get("mixamo"), 7)
    rest, poses = standing.numpy().copy(), standing.expand(4, -1, -1).numpy().copy()
    offsets = skeleton.offsets.copy()
    recognize(skeleton, rest=rest, poses=poses)
    np.testing.assert_array_equal(rest, standing.numpy())
    np.testing.assert_array_equal(skeleton.offsets, offsets)
