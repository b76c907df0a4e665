"""Unity's humanoid: the 55 bones of its avatar and what they play."""

from __future__ import annotations

from kinescale import skeletons
from kinescale.skeletons.base import ROLES

BODY = {
    *("Hips", "Spine", "Chest", "UpperChest", "Neck", "Head", "Jaw"),
    *(
        f"{side}{bone}"
        for side in ("Left", "Right")
        for bone in ("Eye", "Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot", "Toes")
    ),
}
FINGERS = ("Thumb", "Index", "Middle", "Ring", "Little")


def test_it_has_the_programs_bones_and_every_role():
    skeleton = skeletons.get("unity_humanoid")
    hands = {
        f"{side}{finger}{bone}"
        for side in ("Left", "Right")
        for finger in FINGERS
        for bone in ("Proximal", "Intermediate", "Distal")
    }
    assert set(skeleton.joints) == BODY | hands and len(skeleton) == 55
    assert set(skeleton.roles) == set(ROLES)
    assert skeleton.roles["spine3"] == "UpperChest" and skeleton.roles["right_collar"] == "RightShoulder"
    for joint in hands:
        parent = skeleton.joints[skeleton.parents[skeleton.index(joint)]]
        assert parent == joint[: 4 if joint[0] == "L" else 5] + "Hand" or parent.startswith(joint[:8])


def test_each_tip_hangs_from_a_leaf():
    skeleton = skeletons.get("unity_humanoid")
    leaves = {joint for joint in range(len(skeleton)) if not skeleton.children[joint]}
    assert {end.joint for end in skeleton.ends} <= leaves
    assert len(skeleton.ends) == 12
