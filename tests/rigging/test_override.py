"""The JSON that says which joint plays which role: what it changes, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale import skeletons
from kinescale.core.errors import InputError, KinescaleError, SkeletonError
from kinescale.kinematics.forward import forward_kinematics
from kinescale.rigging import Override, override, read_override
from kinescale.skeletons import Skeleton


def file_of(tmp_path, value) -> str:
    path = tmp_path / "x.roles.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return str(path)


def positions(skeleton: Skeleton) -> dict[str, np.ndarray]:
    """Positions in the T-pose by role."""
    pose = skeleton.t_pose
    local = np.tile([0.0, 0.0, 0.0, 1.0], (len(skeleton), 1)) if pose is None else pose.copy()
    offsets = torch.from_numpy(skeleton.offsets.copy())
    start = torch.zeros(3, dtype=torch.float64)
    at = forward_kinematics(start, torch.from_numpy(local), offsets, skeleton.parents)[0].numpy()
    return {role: at[joint] for role, joint in skeleton.role_indices().items()}


def test_what_is_said_is_done(tmp_path):
    body = skeletons.get("mixamo")
    said = read_override(
        file_of(tmp_path, {"roles": {"spine2": None, "spine3": "mixamorig:Spine1", "head": "mixamorig:HeadTop_End"}})
    )
    made = override(body, said)
    kept = {role: joint for role, joint in body.roles.items() if not role.startswith("spine") and role != "head"}
    want = {"spine1": "mixamorig:Spine", "spine3": "mixamorig:Spine1", "head": "mixamorig:HeadTop_End"}
    assert dict(made.roles) == {**kept, **want}
    assert made.t_pose is None and dict(body.roles)["head"] == "mixamorig:Head"


def test_a_joint_given_another_role_loses_the_one_it_had():
    made = override(skeletons.get("mixamo"), Override(roles={"neck": "mixamorig:Head"}))
    assert made.roles["neck"] == "mixamorig:Head" and "head" not in made.roles


def test_without_guesses_only_the_given_roles_count():
    made = override(skeletons.get("mixamo"), Override(roles={"hips": "mixamorig:Hips"}, guess=False))
    assert dict(made.roles) == {"hips": "mixamorig:Hips"}


def test_exchanged_sides_turn_the_body_round():
    body = skeletons.get("humanml22")
    swapped = {
        role: joint.replace("left", "x").replace("right", "left").replace("x", "right")
        for role, joint in body.roles.items()
        if role.startswith(("left", "right"))
    }
    made = override(body, Override(roles=swapped))
    at = positions(made)
    assert at["left_shoulder"][0] > 0.1 and at["left_elbow"][0] > at["left_shoulder"][0]


def test_roles_of_a_skeleton_that_nothing_was_known_of():
    body = skeletons.get("humanml22")
    place = {joint: f"n{i}" for i, joint in enumerate(body.joints)}
    dropped = 0.6
    offsets = body.offsets.copy()
    for role in ("left_elbow", "right_elbow", "left_wrist", "right_wrist"):  # arms that hang
        joint = body.role(role)
        offsets[joint] = [0.5 * offsets[joint][0], -abs(offsets[joint][0]) * dropped, 0.0]
    plain = Skeleton("plain", tuple(place.values()), body.parents, offsets)
    made = override(plain, Override(roles={role: place[joint] for role, joint in body.roles.items()}))
    at = positions(made)
    for side, sign in (("left", 1), ("right", -1)):
        arm = at[f"{side}_wrist"] - at[f"{side}_shoulder"]
        np.testing.assert_allclose(arm / np.linalg.norm(arm), [sign, 0, 0], atol=1e-6)
    # the same rest pose called a T-pose stays as it is
    assert override(made, Override(rest="t_pose")).t_pose is None


def test_axes_and_rest_pose_as_said():
    body = skeletons.get("humanml22")
    lying = replace(body, offsets=body.offsets[:, [2, 0, 1]])  # up is +z, forward +x
    made = override(lying, Override(rest="t_pose", up="+z", forward="+x"))
    want = positions(body)
    for role, place in positions(made).items():
        np.testing.assert_allclose(place, want[role], atol=1e-9)
    auto = override(lying, Override(up="+z", forward="+x"))
    for role, place in positions(auto).items():
        np.testing.assert_allclose(place, want[role], atol=1e-9)
    turned = positions(override(body, Override(up="+y", forward="-z")))
    np.testing.assert_allclose(turned["left_hip"], want["left_hip"] * [-1, 1, -1], atol=1e-9)


def test_a_t_pose_that_cannot_be_told_is_refused():
    with pytest.raises(SkeletonError, match="'up' and 'forward'"):
        override(skeletons.get("mixamo"), Override(roles={"hips": "mixamorig:Hips"}, guess=False, rest="a_pose"))


def test_a_joint_that_is_not_there_is_answered_with_the_nearest():
    with pytest.raises(InputError, match=r"no joint 'LeftArn' in 'mixamo'.*did you mean 'mixamorig:LeftArm'\?"):
        override(skeletons.get("mixamo"), Override(roles={"left_shoulder": "LeftArn"}))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{", "is not valid JSON"),
        ("[]", "holds no object"),
        ("NaN", "NaN"),
        ("[" * 100_000, "is not valid JSON"),
        ({"role": {}}, "'role' is no entry; did you mean 'roles'?"),
        ({"roles": []}, "'roles' must map"),
        ({"roles": {"left_hip": 3}}, "'roles' must map"),
        ({"roles": {"left_hipp": "a"}}, "'left_hipp' is no role; did you mean 'left_hip'?"),
        ({"roles": {"left_hip": "a", "left_knee": "a"}}, "joint 'a' plays both 'left_hip' and 'left_knee'"),
        ({"guess": 1}, "'guess' must be true or false"),
        ({"rest": "tpose"}, "expected one of auto, t_pose, a_pose"),
        ({"rest": 3}, "'rest' must be a text"),
        ({"up": "w", "forward": "z"}, "expected one of +x"),
        ({"up": "y"}, "belong together"),
        ({"up": "y", "forward": "-y"}, "both along y"),
        ({"roles": {"x" * 5000: "y"}}, "..."),
    ],
)
def test_what_is_refused(tmp_path, value, expected):
    path = file_of(tmp_path, value)
    with pytest.raises(InputError) as refused:
        read_override(path)
    said = str(refused.value)
    assert expected in said and path in said and len(said) < len(path) + 400 and "\n" not in said


def test_a_file_that_is_too_large_or_no_text_is_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(b" " * (1024 * 1024 + 1))
    with pytest.raises(InputError, match="more than the"):
        read_override(path)
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(InputError, match="UTF-8"):
        read_override(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_override(tmp_path / "none.json")


@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=300) | st.text(alphabet='{}[]":,roleshipk_ \\u0null1e9', max_size=80).map(str.encode))
def test_any_bytes_are_an_override_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(data)
    try:
        assert isinstance(read_override(path), Override)
    except KinescaleError as problem:
        assert str(path) in str(problem)
