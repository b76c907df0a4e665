"""Scenes: the start's frame, sides, feet, and where left lies on the page."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale import skeletons
from kinescale.kinematics.contacts import foot_slide
from kinescale.kinematics.rotations import quat_about_y
from kinescale.motion import Motion
from kinescale.motion.canonicalize import transform
from kinescale.motion.retarget import standing_points
from kinescale.render.base.camera import axes, from_above, heading, project
from kinescale.render.base.scene import clean, scene
from kinescale.render.base.sides import joint_sides
from kinescale.skeletons import Skeleton


def along(angle: float) -> np.ndarray:
    return heading(np.array(angle))


def test_a_left_turn_bends_left_on_the_page(walk: Motion) -> None:
    page = from_above(scene(walk).path())
    assert np.allclose(page[0], 0)
    # First ahead (up the page), at last to the left.
    assert page[5, 1] > 0.15 and abs(page[5, 0]) < 0.05
    assert page[-1, 0] < -0.5 and page[-1, 1] > 0.5
    assert scene(walk).facing[-1] == pytest.approx(math.pi / 2)
    assert from_above(along(math.pi / 2)) == pytest.approx([-1, 0], abs=1e-12)


@settings(max_examples=10, deadline=None)
@given(yaw=st.floats(-3, 3), x=st.floats(-50, 50), z=st.floats(-50, 50))
def test_scenes_do_not_depend_on_where_the_clip_starts(yaw: float, x: float, z: float) -> None:
    walk = _short_walk()
    moved = transform(walk, torch.tensor(yaw, dtype=torch.float64), torch.tensor([x, 0.0, z], dtype=torch.float64))
    here, there = scene(walk), scene(moved)
    assert np.allclose(here.points, there.points, atol=1e-9)
    assert here.facing is not None and there.facing is not None
    assert np.allclose(here.facing, there.facing, atol=1e-9)


def _short_walk() -> Motion:
    skeleton = skeletons.get("humanml22")
    rotations = torch.zeros(4, len(skeleton), 4, dtype=torch.float64)
    rotations[..., 3] = 1
    rotations[:, 0] = quat_about_y(torch.linspace(0, 0.5, 4, dtype=torch.float64))
    root = torch.tensor([[0.0, 0.93, 0.1 * k] for k in range(4)], dtype=torch.float64)
    return Motion(skeleton, 30.0, root, rotations)


def test_the_camera_sees_front_and_side() -> None:
    frame = axes()
    assert np.allclose(frame @ frame.T, np.eye(3)) and np.linalg.det(frame) == pytest.approx(1)
    ahead, left, up = (
        project(np.array([0.0, 0, 1])),
        project(np.array([1.0, 0, 0])),
        project(np.array([0.0, 1, 0])),
    )
    assert ahead[0] > 0.3 and left[0] > 0.3, "walking and the left side both go right on the page"
    assert ahead[2] > 0.3, "the front is turned to the viewer"
    assert up[1] > 0.9 and up[0] == pytest.approx(0)


def test_sides_by_role_and_by_name_agree() -> None:
    plain = skeletons.get("humanml22")
    bare = Skeleton("bare", plain.joints, plain.parents, plain.offsets)
    assert joint_sides(bare) == joint_sides(plain)
    assert (
        sum(side == "left" for side in joint_sides(plain)) == sum(side == "right" for side in joint_sides(plain)) == 8
    )


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("LeftHand", "RightHand"),
        ("left_foot", "right_foot"),
        ("lfemur", "rfemur"),
        ("LHipJoint", "RHipJoint"),
        ("hand_l", "hand_r"),
        ("Hand_L", "Hand_R"),
        ("arm.L.001", "arm.R.001"),
        ("mixamorig:LeftArm", "mixamorig:RightArm"),
        ("l-elbow", "r-elbow"),
    ],
)
def test_sides_are_read_from_names_in_pairs_only(left: str, right: str) -> None:
    names = ("root", "lowerback", "relax", left, right, "finger")
    tree = Skeleton("named", names, (-1, 0, 0, 1, 1, 3), np.zeros((6, 3)))
    assert joint_sides(tree) == ("middle", "middle", "middle", "left", "right", "left")
    alone = Skeleton("alone", ("root", left), (-1, 0), np.zeros((2, 3)))
    assert joint_sides(alone) == ("middle", "middle")


def test_a_link_from_a_floor_node_to_the_hips_is_no_bone() -> None:
    names = ("floor", "hips", "spine")
    tree = Skeleton("hung", names, (-1, 0, 1), np.array([[0, 0, 0], [0, 1, 0], [0, 0.3, 0]]), roles={"hips": "hips"})
    rotations = torch.zeros(1, 3, 4)
    rotations[..., 3] = 1
    made = scene(Motion(tree, 30.0, torch.zeros(1, 3), rotations))
    assert [(b.start, b.end) for b in made.bones] == [(1, 2)] and made.body == 1


def test_between_frames_points_are_blended_and_facing_goes_the_short_way(walk: Motion) -> None:
    made = scene(walk)
    assert made.facing is not None
    points, facing = made.at(np.array([0.0, 1.5 / 30, 99.0]))
    assert facing is not None
    assert np.allclose(points[0], made.points[0]) and np.allclose(points[2], made.points[-1])
    assert np.allclose(points[1], (made.points[1] + made.points[2]) / 2)
    assert facing[1] == pytest.approx((made.facing[1] + made.facing[2]) / 2)


def _gliding(speed: float) -> Motion:
    skeleton = skeletons.get("humanml22")
    rotations = torch.zeros(30, len(skeleton), 4, dtype=torch.float64)
    rotations[..., 3] = 1
    root = torch.zeros(30, 3, dtype=torch.float64)
    root[:, 1], root[:, 2] = 0.95, torch.arange(30) * speed / 30
    return Motion(skeleton, 30.0, root, rotations)


def test_a_foot_is_down_by_the_rule_of_the_metric_and_its_slide_is_the_metrics() -> None:
    slow = scene(_gliding(0.1)).foot("left")
    assert slow is not None and slow.down.all() and slow.slide == pytest.approx(0.1)
    # low, but carried along: no foot that stands
    swung = scene(_gliding(0.7)).foot("left")
    assert swung is not None and not swung.down.any() and swung.slide == 0.0
    root = _gliding(0.0).root.clone()
    root[10:20, 1] += 0.3
    jump = scene(_gliding(0.0).replace(root=root)).foot("right")
    assert jump is not None and not jump.down[10:20].any() and jump.down[:9].all() and jump.down[21:].all()


def test_a_walk_slides_on_the_sheet_as_little_as_the_metric_says() -> None:
    walk = _short_walk()
    made = scene(walk)
    roles, flags = standing_points(walk.to(torch.float64))
    points = walk.to(torch.float64).positions()[:, [walk.skeleton.role(role) for role in roles]]
    for side in ("left", "right"):
        mine = [role.startswith(side) for role in roles]
        track = made.foot(side)
        assert track is not None
        assert track.slide == pytest.approx(foot_slide(points[:, mine], flags[:, mine], walk.fps), abs=5e-3)


def test_a_floor_far_from_zero_is_moved_under_the_feet_and_said() -> None:
    walk = _short_walk()
    sunk = walk.replace(root=walk.root - torch.tensor([0.0, 5.0, 0.0], dtype=torch.float64))
    made = scene(sunk)
    assert abs(made.points[..., 1].min()) < 0.1 and "floor drawn at y = -4.99 m" in made.notes
    assert "floor" not in scene(walk).notes


def test_clean_titles_are_one_printable_bounded_line() -> None:
    assert clean("  a\n\tb\x00c\u2028d ") == "a b c d"
    assert clean("\ud800x") == "?x"
    assert len(clean("word " * 1000)) == 300
