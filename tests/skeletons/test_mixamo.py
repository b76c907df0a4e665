"""Mixamo's skeleton: its 65 joints, proportions of an adult, and the chains its names stand for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from kinescale import skeletons
from kinescale.skeletons import Skeleton
from kinescale.skeletons.base import ROLES


def standing(skeleton: Skeleton) -> dict[str, np.ndarray]:
    """Positions of the joints at rest, by name."""
    at = np.zeros((len(skeleton), 3))
    for joint, parent in enumerate(skeleton.parents[1:], start=1):
        at[joint] = at[parent] + skeleton.offsets[joint]
    return dict(zip(skeleton.joints, at, strict=True))


def test_it_has_the_programs_joints_and_every_role():
    skeleton = skeletons.get("mixamo")
    assert len(skeleton) == 65 and all(joint.startswith("mixamorig:") for joint in skeleton.joints)
    assert set(skeleton.roles) == set(ROLES)
    assert skeleton.t_pose is None and not skeleton.ends
    # collar, upper arm, thigh and shin, whatever the words say
    for role, joint in (("collar", "Shoulder"), ("shoulder", "Arm"), ("hip", "UpLeg"), ("knee", "Leg")):
        assert skeleton.roles[f"left_{role}"] == f"mixamorig:Left{joint}"
    for side in ("Left", "Right"):
        chain = ["Spine2", f"{side}Shoulder", f"{side}Arm", f"{side}ForeArm", f"{side}Hand", f"{side}HandIndex1"]
        for above, below in pairwise(chain):
            joint = skeleton.index(f"mixamorig:{below}")
            assert skeleton.joints[skeleton.parents[joint]] == f"mixamorig:{above}"
        assert sum(f"{side}Hand" in joint for joint in skeleton.joints) == 21


@pytest.mark.parametrize("name", ["mixamo", "unity_humanoid"])
def test_it_is_an_adult_in_a_t_pose_with_two_equal_sides(name):
    skeleton = skeletons.get(name)
    at = standing(skeleton)
    for joint, place in at.items():
        if "Left" in joint:
            np.testing.assert_allclose(at[joint.replace("Left", "Right")], place * [-1, 1, 1], atol=1e-12)
        elif "Right" not in joint:
            assert place[0] == 0
    role = {r: at[j] for r, j in skeleton.roles.items()}
    ground = role["left_toes"][1] - 0.02
    assert 0.9 < role["hips"][1] - ground < 1.05
    assert 1.5 < role["head"][1] - ground < 1.65
    for a, b, direction in (("shoulder", "elbow", 0), ("elbow", "wrist", 0), ("hip", "knee", 1), ("knee", "ankle", 1)):
        bone = role[f"left_{b}"] - role[f"left_{a}"]
        assert np.argmax(np.abs(bone)) == direction and 0.24 < np.linalg.norm(bone) < 0.46
        assert np.count_nonzero(np.abs(bone) > 1e-9) == 1
    assert role["left_toes"][2] > role["left_ankle"][2] + 0.1


def test_its_height_and_span():
    at = standing(skeletons.get("mixamo"))
    heights = [place[1] for place in at.values()]
    widths = [place[0] for place in at.values()]
    assert 1.65 < max(heights) - min(heights) + 0.02 < 1.80
    assert 1.65 < max(widths) - min(widths) < 1.85
