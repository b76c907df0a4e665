"""Constraints: the JSON's promises, its faults in one sentence each, and distances as a naive twin measures them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edit_bundles import made_clip
from kinescale.core.errors import InputError, KinescaleError
from kinescale.formats import write_motion
from kinescale.kinematics.rotations import quat_about_y
from kinescale.motion.canonicalize import facing_yaw, transform
from kinescale.pipelines.control.constraints import JointPin, PathPin, PosePin, parse_constraints, read_constraints
from kinescale.pipelines.control.path import along, bearings
from kinescale.pipelines.control.targets import contradictions, deviations, hips_of, targets_of

FPS, FRAMES = 30.0, 60
PIN = {"joint": "right_wrist", "frame": 40, "position": [0.1, 1.2, 0.3]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("constraints")
    write_motion(made_clip(30), where / "pose.bvh")
    (where / "path.csv").write_text("x,z\n0,0\n1,2\n0,4\n")
    (where / "bad.csv").write_text("0,0\n1,two\n")
    (where / "empty.csv").write_text("\n")
    return where


def parsed(*entries, folder=".", **more):
    return parse_constraints({"constraints": list(entries), **more}, FPS, FRAMES, folder=folder)


def test_every_kind_is_read(folder):
    made = parsed(
        PIN,
        {"joint": "head", "seconds": [0, 2], "positions": [[0, None, 0], [3, None, 6]], "tolerance": 0.05},
        {"pose": "pose.bvh", "pose_frame": 3, "second": 1, "parts": "upper_body", "weight": 2},
        {"path": "path.csv", "frames": [10, 50], "facing": "along"},
        {"path": [[1, 1]], "frame": 5, "facing": [10]},
        {"facing": [0, 90], "frames": [0, 9]},
        folder=folder,
        at="start",
    )
    pin, head, pose, path, spot, turn = made.entries
    assert made.at == "start" and made.last_frame == 59
    assert isinstance(pin, JointPin) and pin.frames == (40,) and pin.positions.tolist() == [[0.1, 1.2, 0.3]]
    assert isinstance(head, JointPin) and head.frames == tuple(range(60)) and head.tolerance_m == 0.05
    assert np.allclose(head.positions[:, 0] * 2, head.positions[:, 2]) and np.isnan(head.positions[:, 1]).all()
    assert isinstance(pose, PosePin) and pose.frames == (30,) and len(pose.pose) == 1 and pose.weight == 2
    assert isinstance(path, PathPin) and path.frames == tuple(range(10, 51)) and path.facing is not None
    assert path.points[0].tolist() == [0, 0] and np.allclose(path.points[-1], [0, 4])
    assert isinstance(spot, PathPin) and np.allclose(spot.facing, math.radians(10))
    assert np.allclose(np.degrees(turn.facing), np.linspace(0, 90, 10))


FAULTS = [
    ([], "expected 1 to"),
    ([3], "constraint 1: is 3"),
    ([{}], "expected one of joint, pose, path, facing"),
    ([{**PIN, "color": 1}], "unknown key 'color'"),
    ([PIN, {**PIN, "frame": 60}], "constraint 2: frame 60 is outside the clip, which has the frames 0 to 59"),
    ([{**PIN, "frame": -1}], "frame -1"),
    ([{**PIN, "frame": 1.5}], "whole numbers"),
    ([{**PIN, "frame": True}], "whole numbers"),
    ([{**PIN, "frames": [1, 2]}], "frame, frames"),
    ([{"joint": "head", "position": [0, 0, 0]}], "no time"),
    ([{"joint": "head", "frames": [9, 3], "position": [0, 0, 0]}], "before it begins"),
    ([{"joint": "head", "seconds": [0, 9], "position": [0, 0, 0]}], "outside the clip"),
    ([{"joint": "head", "second": -1, "position": [0, 0, 0]}], "'second'"),
    ([{"joint": "head", "frame": 1}], "'position' or 'positions'"),
    ([{**PIN, "position": [0, 0]}], "[x, y, z]"),
    ([{**PIN, "position": [0, 0, "1"]}], "expected a number"),
    ([{**PIN, "position": [0, 0, 1e9]}], "expected a number"),
    ([{**PIN, "position": [0, 0, 10**400]}], "expected a number"),
    ([{**PIN, "position": [None, None, None]}], "every coordinate free"),
    ([{**PIN, "weight": 0}], "'weight'"),
    ([{**PIN, "tolerance": -1}], "'tolerance'"),
    ([{"joint": "head", "frame": 1, "positions": [[0, 0, 0]] * 2}], "at most one a frame"),
    ([{"joint": "", "frame": 1, "position": [0, 0, 0]}], "expected a name"),
    ([{"path": [], "frames": [0, 9]}], "list of places"),
    ([{"path": [[0, None]], "frames": [0, 9]}], "expected a number"),
    ([{"path": [[0, 0], [1, 1]], "frames": [0, 9], "facing": "east"}], "'along'"),
    ([{"path": [[0, 0]], "frames": [0, 9], "line": "wavy"}], "'smooth' or 'straight'"),
    ([{"path": "none.csv", "frames": [0, 9]}], "no such file"),
    ([{"path": "bad.csv", "frames": [0, 9]}], "line 2"),
    ([{"path": "empty.csv", "frames": [0, 9]}], "no rows"),
    ([{"pose": "none.bvh", "frame": 1}], "no such file"),
    ([{"pose": "path.csv", "frame": 1}], "path.csv"),
    ([{"pose": "pose.bvh", "frame": 1, "pose_frame": 30}], "frames 0 to 29"),
    ([{"pose": "pose.bvh", "frame": 1, "parts": "tail"}], "no part 'tail'"),
    ([{"pose": "pose.bvh", "frame": 1, "place": "here"}], "'free' or 'world'"),
    ([{"facing": None, "frame": 1}], "'facing'"),
    ([{"facing": [1, 2], "frame": 1}], "at most one a frame"),
]


@pytest.mark.parametrize(("entries", "says"), FAULTS, ids=[says for _, says in FAULTS])
def test_a_fault_is_one_sentence_that_names_it(folder, entries, says):
    with pytest.raises(KinescaleError) as caught:
        parsed(*entries, folder=folder)
    message = str(caught.value)
    assert says in message and message.endswith(".") and "\n" not in message


@pytest.mark.parametrize("text", ["", "[1", "null", '{"constraints": NaN}', '{"constraints": 3}', "[" * 5000, "\xff"])
def test_a_file_that_is_no_json_of_constraints_is_refused(tmp_path, text):
    path = tmp_path / "c.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"c\.json"):
        read_constraints(path, FPS, FRAMES)
    with pytest.raises(InputError):
        read_constraints(tmp_path / "absent.json", FPS, FRAMES)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*PIN, "path", "frames", "pose", "facing", "weight", "line"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@settings(max_examples=25, deadline=None)
@given(JSON)
def test_no_json_gives_anything_but_constraints_or_one_sentence(value):
    for data in (value, {"constraints": value}, {"constraints": [value]}):
        try:
            parse_constraints(json.loads(json.dumps(data)), FPS, FRAMES)
        except KinescaleError as problem:
            assert str(problem)


def test_a_path_goes_through_its_points_at_an_even_pace():
    points = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 2.0], [0.0, 5.0]])
    for smooth in (True, False):
        line = along(points, 400, smooth=smooth)
        steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
        # a chord over a corner is shorter, nothing is longer
        assert steps.max() / np.median(steps) < 1.02
        for point in points:
            assert np.linalg.norm(line - point, axis=1).min() < steps.max()
    timed = along(points, 7, even=False)
    assert np.allclose(timed[::2], points, atol=1e-6)
    assert np.allclose(along(points[:1], 5), points[0]) and np.allclose(along(points[[0, 0]], 5), 0)


def test_bearings_lead_along_the_path_and_do_not_jump():
    angle = np.linspace(0, 4 * np.pi, 200)
    circle = np.stack([np.sin(angle), 1 - np.cos(angle)], axis=1)
    found = bearings(circle, 3)
    # at the origin it goes towards +X (90 degrees), and turns to +Z
    assert abs(found[0] - np.pi / 2) < 0.15 and (np.diff(found) <= 1e-9).all() and found[-1] - found[0] < -12
    assert (bearings(np.zeros((5, 2)), 2) == 0).all()


def test_distances_are_those_of_a_naive_twin():
    clip = made_clip(60).to(torch.float64)
    made = parsed(PIN, {"path": [[0, 0], [2, 2]], "frames": [0, 59]}, {"facing": 45, "frame": 20})
    targets = targets_of(made, clip)
    found = deviations(targets, clip)
    at = clip.positions()
    wrist = at[40, clip.skeleton.role("right_wrist")] - torch.tensor([0.1, 1.2, 0.3])
    assert found[0].worst_m == pytest.approx(float(wrist.norm()), abs=1e-6) and not found[0].met
    line = torch.stack([torch.linspace(0, 2, 60, dtype=torch.float64)] * 2, dim=1)
    gaps = (at[:, hips_of(clip.skeleton)][:, [0, 2]] - line).norm(dim=1)
    assert found[1].mean_m == pytest.approx(float(gaps.mean()), abs=1e-6)
    assert found[1].worst_frame == int(gaps.argmax()) and found[1].mean_deg is None and found[2].mean_m is None
    assert "constraint 2" in found[1].summary() and "cm" in found[1].summary()


@settings(max_examples=8, deadline=None)
@given(st.floats(-3, 3), st.floats(-5, 5), st.floats(-5, 5))
def test_relative_to_the_start_nothing_depends_on_where_the_clip_is(yaw, x, z):
    clip = made_clip(60).to(torch.float64)
    moved = transform(clip, torch.tensor(yaw, dtype=torch.float64), torch.tensor([x, 0.0, z], dtype=torch.float64))
    entries = (PIN, {"path": [[0, 0], [1, 2]], "frames": [0, 59], "facing": "along"})
    here, there = (deviations(targets_of(parsed(*entries, at="start"), c), c) for c in (clip, moved))
    for one, two in zip(here, there, strict=True):
        assert one.mean_m == pytest.approx(two.mean_m, abs=1e-5)
        assert one.mean_deg is None or one.mean_deg == pytest.approx(two.mean_deg, abs=1e-3)


def test_a_clips_own_pose_is_met_wherever_it_stands():
    clip = made_clip(60).to(torch.float64)
    for parts in ((), ("upper_body",)):
        free = PosePin("pose", (20,), pose=clip.slice(20, 21), parts=parts)
        world = PosePin("pose", (20,), pose=clip.slice(20, 21), parts=parts, world=True)
        moved = transform(clip, torch.tensor(1.0, dtype=torch.float64), torch.tensor([1.0, 0.0, 2.0]).double())
        targets = [targets_of(type(parsed(PIN))((entry,)), clip) for entry in (free, world)]
        assert deviations(targets[0], clip)[0].met and deviations(targets[1], clip)[0].met
        assert deviations(targets[0], moved)[0].met and not deviations(targets[1], moved)[0].met


def test_an_unknown_joint_is_answered_with_the_nearest_and_own_names_are_known():
    clip = made_clip(60, skeleton="cmu")
    with pytest.raises(InputError, match="did you mean 'right_wrist'"):
        targets_of(parsed({**PIN, "joint": "right_wrst"}), clip)
    own = clip.skeleton.joints[clip.skeleton.role("right_wrist")]
    named = targets_of(parsed({**PIN, "joint": own}), clip)
    assert int(named.joint[0]) == clip.skeleton.role("right_wrist")


def test_two_places_for_one_joint_are_told():
    targets = targets_of(parsed(PIN, {**PIN, "position": [0.1, 0.7, 0.3]}, {**PIN, "frame": 41}), made_clip(60))
    told = contradictions(targets)
    assert len(told) == 1 and "constraint 1" in told[0] and "constraint 2" in told[0] and "0.50 m apart" in told[0]


def test_gradients_are_finite_also_where_everything_is_met():
    clip = made_clip(60)
    place = clip.positions()[40, clip.skeleton.role("right_wrist")].tolist()
    targets = targets_of(parsed({**PIN, "position": place}, {"facing": 30, "frame": 3}), clip)
    positions = clip.positions().clone().requires_grad_(True)
    (targets.distances(positions).sum() + targets.facing_errors(positions).sum()).backward()
    assert positions.grad is not None and bool(torch.isfinite(positions.grad).all())
    assert float(facing_yaw(clip.positions()[0], clip.skeleton)) == pytest.approx(2.0, abs=0.5)
    assert float(quat_about_y(torch.tensor(0.0))[3]) == 1
