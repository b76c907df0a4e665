"""Roles by shape: shapes of no person get none, any tree is done with quickly, and limbs are found among cloth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale import skeletons
from kinescale.rigging import examine, recognize
from kinescale.rigging import role_geometry as _role_geometry
from kinescale.skeletons import Skeleton
from kinescale.skeletons.base import ROLES, role_mirror
from plain_read import at_most


def _above(skeleton: Skeleton, joint: int) -> list[int]:
    found = [joint]
    while skeleton.parents[found[-1]] >= 0:
        found.append(skeleton.parents[found[-1]])
    return found


def creature(rows: list[tuple[str, int, tuple[float, float, float]]]) -> Skeleton:
    return Skeleton("creature", tuple(r[0] for r in rows), tuple(r[1] for r in rows), np.array([r[2] for r in rows]))


def four_legs(prefix: str = "b") -> Skeleton:
    """A dog: the trunk level, four legs down, a neck that rises, ears, a tail."""
    rows = [("r", -1, (0.0, 0.0, 0.0)), ("s1", 0, (0.0, 0.02, 0.25)), ("s2", 1, (0.0, 0.0, 0.25))]
    for hip, x in ((0, 0.1), (0, -0.1), (2, 0.1), (2, -0.1)):
        for step in ((x, -0.05, 0.0), (0.0, -0.28, 0.03), (0.0, -0.25, -0.03), (0.0, -0.04, 0.07)):
            rows.append((f"{prefix}{len(rows)}", hip, step))
            hip = len(rows) - 1
    rows += [("n", 2, (0.0, 0.2, 0.15)), ("h", len(rows), (0.0, 0.15, 0.05))]
    rows += [("e1", len(rows) - 1, (0.05, 0.1, 0.0)), ("e2", len(rows) - 1, (-0.05, 0.1, 0.0))]
    return creature([*rows, ("t1", 0, (0.0, 0.05, -0.2)), ("t2", len(rows), (0.0, 0.0, -0.2))])


def spider() -> Skeleton:
    rows = [("r", -1, (0.0, 0.0, 0.0))]
    for leg in range(8):
        angle, above = leg * np.pi / 4, 0
        for length, rise in ((0.1, 0.0), (0.3, 0.2), (0.3, -0.4)):
            rows.append((f"b{len(rows)}", above, (length * np.cos(angle), rise, length * np.sin(angle))))
            above = len(rows) - 1
    return creature(rows)


def chain(joints: int) -> Skeleton:
    return creature([(f"b{i}", i - 1, (0.0, -0.1, 0.0)) for i in range(joints)])


def star(joints: int) -> Skeleton:
    return creature([(f"b{i}", min(i, 1) - 1, (np.cos(i), np.sin(i), 0.1)) for i in range(joints)])


def binary(joints: int) -> Skeleton:
    return creature([(f"b{i}", (i - 1) // 2 if i else -1, (0.1 if i % 2 else -0.1, -0.3, 0.0)) for i in range(joints)])


def comb(joints: int) -> Skeleton:
    """A long back with two equal branches at each joint."""
    rows = [("b0", -1, (0.0, 0.0, 0.0))]
    back = 0
    while len(rows) < joints - 6:
        for side in (0.1, -0.1):
            rows += [(f"b{len(rows)}", back, (side, 0.0, 0.0)), (f"b{len(rows) + 1}", len(rows), (side, -0.2, 0.0))]
        rows.append((f"b{len(rows)}", back, (0.0, 0.1, 0.0)))
        back = len(rows) - 1
    return creature(rows)


def wheel(joints: int, spoke: int) -> Skeleton:
    """As many equal chains as there are joints for, all from the root."""
    rows = [("b0", -1, (0.0, 0.0, 0.0))]
    for joint in range(1, joints):
        out = (joint - 1) % spoke == 0
        bone = (np.cos(joint), 0.01, np.sin(joint)) if out else (0.0, -1.0, 0.0)
        rows.append((f"b{joint}", 0 if out else joint - 1, bone))
    return creature(rows)


@pytest.mark.parametrize("made", [four_legs(), spider(), chain(1), chain(2), chain(30), star(40), binary(63)])
def test_a_shape_of_no_person_gets_no_roles(made):
    found = examine(made)
    assert not found.skeleton.roles and found.skeleton.t_pose is None
    assert found.warnings and found.rest == "unknown" and found.height_m is None
    assert recognize(made) == made


@pytest.mark.parametrize(
    "made", [chain(1024), star(1024), binary(1023), comb(1000), comb(300), chain(64), wheel(512, 1), wheel(512, 62)]
)
def test_any_tree_is_done_with_quickly(made):
    with at_most(30):
        examine(made)
    named = replace(made, joints=tuple(f"Left{'ArmHandLegFoot'[i % 4 : i % 4 + 4]}_{i}" for i in range(len(made))))
    with at_most(30):
        examine(named, poses=np.tile([0.0, 0.0, 0.0, 1.0], (30, len(made), 1)))


@pytest.mark.parametrize("joints", [64, 512])
@pytest.mark.parametrize("spoke", [1, 3, 20, 62])
def test_equal_branches_are_not_all_compared_nor_in_every_frame(monkeypatch, joints, spoke):
    """All pairs of 511 equal branches are 130,305, and none of the 16 frames that are looked at shows a body."""
    compared = [0]
    alike = _role_geometry._Matcher.alike

    def counted(self, a: float, b: float) -> bool:
        compared[0] += 1
        return alike(self, a, b)

    monkeypatch.setattr(_role_geometry._Matcher, "alike", counted)
    turns = np.random.default_rng(0).normal(size=(30, joints, 4))
    turns /= np.linalg.norm(turns, axis=-1, keepdims=True)
    assert not recognize(wheel(joints, spoke), poses=turns).roles
    assert compared[0] < 200 + 20 * joints


def test_legs_are_found_among_many_branches():
    """A skirt of twenty chains, and as many locks of hair, hide no limb."""
    skeleton = replace(skeletons.get("humanml22"), t_pose=None)
    for place, length in (("hips", 0.18), ("head", 0.05)):
        for angle in np.linspace(0.0, 2 * np.pi, 20, endpoint=False):
            top = skeleton.index(skeleton.roles[place])
            out = np.array([0.15 * np.cos(angle), -0.05, 0.15 * np.sin(angle)])
            for bone in (out, *3 * [np.array([0.0, -length, 0.0])]):
                skeleton = replace(
                    skeleton,
                    joints=(*skeleton.joints, f"cloth {len(skeleton)}"),
                    parents=(*skeleton.parents, top),
                    offsets=np.vstack([skeleton.offsets, bone]),
                )
                top = len(skeleton) - 1
    nameless = replace(skeleton, joints=tuple(f"joint_{i}" for i in range(len(skeleton))), roles={})
    found = examine(nameless, known=False).skeleton
    roles = {role: skeleton.joints[found.index(joint)] for role, joint in found.roles.items()}
    limbs = {role: joint for role, joint in skeleton.roles.items() if "_" in role}
    assert {role: roles.get(role) for role in limbs} == limbs


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_random_trees_never_get_one_joint_twice_nor_a_torn_pair(random, joints):
    rows = [("b0", -1, (0.0, 0.0, 0.0))]
    words = ["LeftArm", "RightArm", "LeftUpLeg", "Foot_R", "Head", "LeftForeArm", "lShin", "Hips", "x", "", "左足"]
    for i in range(1, joints):
        name = f"{random.choice(words)}{i}"
        rows.append((name, random.randrange(i), tuple(random.choice([-0.4, -0.1, 0.0, 0.1, 0.4]) for _ in range(3))))
    skeleton = creature(rows)
    found = examine(skeleton, poses=np.tile([0.0, 0.0, 0.0, 1.0], (3, joints, 1)))
    roles = dict(found.skeleton.roles)
    assert set(roles) <= set(ROLES) and len(set(roles.values())) == len(roles)
    for side in ("left", "right"):
        for upper, lower in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")):
            if f"{side}_{upper}" in roles and f"{side}_{lower}" in roles:
                above = _above(skeleton, skeleton.index(roles[f"{side}_{lower}"]))
                assert skeleton.index(roles[f"{side}_{upper}"]) in above
    if found.skeleton.t_pose is not None:
        np.testing.assert_allclose(np.linalg.norm(found.skeleton.t_pose, axis=1), 1.0, atol=1e-6)


def test_a_quadruped_with_names_keeps_its_sides():
    rows = four_legs()
    names = {3: "LeftUpLeg", 4: "LeftLeg", 5: "LeftFoot", 7: "RightUpLeg", 8: "RightLeg", 9: "RightFoot"}
    made = replace(rows, joints=tuple(names.get(i, joint) for i, joint in enumerate(rows.joints)))
    roles = examine(made).skeleton.roles
    for role, joint in roles.items():
        if role.startswith(("left_", "right_")):
            assert not joint.lower().startswith(role_mirror(role).split("_")[0])
    assert "left_shoulder" not in roles and "left_wrist" not in roles
