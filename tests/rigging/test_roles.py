"""Roles of any skeleton: bundled ones with their names, with none, and changed; naming schemes"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale import skeletons
from kinescale.kinematics.rotations import axis_angle_quat, quat_apply, quat_multiply
from kinescale.rigging import examine, recognize
from kinescale.skeletons import EndSite, Skeleton
from kinescale.skeletons.base import role_mirror

BUNDLED = tuple(skeletons.FAMILY.names())
FOLDED = ("bandai_namco", "iclone")
"""Skeletons whose rest pose is folded up; a file gives the pose beside it."""


def turned(skeleton: Skeleton, pose: np.ndarray | None, turn: torch.Tensor) -> tuple[Skeleton, np.ndarray | None]:
    """The body turned as a whole: its offsets, or the root of its pose."""
    if pose is not None:
        pose = pose.copy()
        pose[0] = quat_multiply(turn, torch.from_numpy(pose[0])).numpy()
        return skeleton, pose
    ends = tuple(replace(end, offset=tuple(_apply(turn, np.array(end.offset)).tolist())) for end in skeleton.ends)
    return replace(skeleton, offsets=_apply(turn, skeleton.offsets), ends=ends), None


def _apply(turn: torch.Tensor, vectors: np.ndarray) -> np.ndarray:
    return quat_apply(turn, torch.from_numpy(np.array(vectors))).numpy()


def scaled(skeleton: Skeleton, factor: float) -> Skeleton:
    ends = tuple(replace(end, offset=tuple(factor * x for x in end.offset)) for end in skeleton.ends)
    return replace(skeleton, offsets=factor * skeleton.offsets, ends=ends)


def reordered(skeleton: Skeleton, pose: np.ndarray | None, random) -> tuple[Skeleton, np.ndarray | None]:
    """The same tree with its joints in another order, parents first."""
    waiting, order = [0], []
    while waiting:
        joint = waiting.pop(random.randrange(len(waiting)))
        order.append(joint)
        waiting += skeleton.children[joint]
    place = {joint: i for i, joint in enumerate(order)}
    made = replace(
        skeleton,
        joints=tuple(skeleton.joints[j] for j in order),
        parents=tuple(-1 if skeleton.parents[j] < 0 else place[skeleton.parents[j]] for j in order),
        offsets=skeleton.offsets[order],
        ends=tuple(EndSite(place[end.joint], end.offset) for end in skeleton.ends),
    )
    return made, None if pose is None else pose[order]


def with_joint(skeleton: Skeleton, pose: np.ndarray | None, name: str, parent: int, offset) -> tuple:
    made = replace(
        skeleton,
        joints=(*skeleton.joints, name),
        parents=(*skeleton.parents, parent),
        offsets=np.vstack([skeleton.offsets, offset]),
    )
    return made, None if pose is None else np.vstack([pose, [0.0, 0.0, 0.0, 1.0]])


def with_helpers(skeleton: Skeleton, pose: np.ndarray | None) -> tuple[Skeleton, np.ndarray | None]:
    """Twist joints in the middle of limb bones, fingers where there are none, a long prop in the right hand."""
    parts = {role: skeleton.index(joint) for role, joint in skeleton.roles.items()}
    for side in ("left", "right"):
        for a, b in (("shoulder", "elbow"), ("hip", "knee")):
            middle = 0.5 * skeleton.offsets[parts[f"{side}_{b}"]]
            skeleton, pose = with_joint(skeleton, pose, f"twist {side} {a}", parts[f"{side}_{a}"], middle)
        wrist = parts[f"{side}_wrist"]
        if not skeleton.children[wrist]:
            along = skeleton.offsets[wrist] / np.linalg.norm(skeleton.offsets[wrist])
            for finger in range(3):
                first = 0.09 * along + np.array([0.0, 0.0, 0.02 * (finger - 1)])
                skeleton, pose = with_joint(skeleton, pose, f"finger {side} {finger}", wrist, first)
                skeleton, pose = with_joint(skeleton, pose, f"tip {side} {finger}", len(skeleton) - 1, 0.04 * along)
    return with_joint(skeleton, pose, "prop", parts["right_wrist"], np.array([0.05, 0.1, 0.9]))


def on_a_root(skeleton: Skeleton, pose: np.ndarray | None) -> tuple[Skeleton, np.ndarray | None]:
    """The skeleton below a joint that stands on the floor."""
    offsets = np.vstack([np.zeros(3), skeleton.offsets])
    offsets[1] = [0.0, 0.95, 0.0]
    made = replace(
        skeleton,
        joints=("the floor", *skeleton.joints),
        parents=(-1, *(p + 1 for p in skeleton.parents)),
        offsets=offsets,
        ends=tuple(EndSite(end.joint + 1, end.offset) for end in skeleton.ends),
    )
    return made, None if pose is None else np.vstack([[0.0, 0.0, 0.0, 1.0], pose])


def bare(name: str) -> tuple[Skeleton, np.ndarray | None]:
    """A bundled skeleton that keeps its roles only to compare with, and the pose that shows its body."""
    skeleton = skeletons.get(name)
    pose = skeleton.t_pose.copy() if name in FOLDED and skeleton.t_pose is not None else None
    return replace(skeleton, t_pose=None), pose


def nameless(skeleton: Skeleton) -> Skeleton:
    """Names that say nothing; roles are gone."""
    return replace(skeleton, joints=tuple(f"joint_{i}" for i in range(len(skeleton))), roles={})


@pytest.mark.parametrize("name", BUNDLED)
def test_names_and_shape_find_the_roles_of_a_bundled_skeleton(name):
    skeleton, pose = bare(name)
    found = examine(replace(skeleton, roles={}), rest=pose, known=False)
    assert dict(found.skeleton.roles) == dict(skeleton.roles)
    assert found.rest == "T-pose" and found.up == "+Y" and found.forward == "+Z" and not found.warnings
    assert found.height_m is not None and 1.3 < found.height_m < 1.85
    assert set(found.how.values()) <= {"name", "geometry"} and found.sides == "names"


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_skeleton_is_known_by_its_names(name):
    skeleton, pose = bare(name)
    known = recognize(replace(skeleton, roles={}), rest=pose)
    assert set(known.roles.items()) >= set(skeleton.roles.items())
    kept = skeletons.get(name)
    assert recognize(kept) is kept


@pytest.mark.parametrize("name", BUNDLED)
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_shape_alone_finds_the_roles_however_the_skeleton_is_changed(name, data):
    skeleton, pose = bare(name)
    if data.draw(st.booleans(), "helpers"):
        skeleton, pose = with_helpers(skeleton, pose)
    if data.draw(st.booleans(), "root"):
        skeleton, pose = on_a_root(skeleton, pose)
    skeleton, pose = turned(
        skeleton, pose, axis_angle_quat(torch.tensor(data.draw(st.floats(-3.1, 3.1))).double(), "y")
    )
    if data.draw(st.booleans(), "z up"):
        skeleton, pose = turned(skeleton, pose, axis_angle_quat(torch.tensor(torch.pi / 2).double(), "x"))
    skeleton = scaled(skeleton, data.draw(st.sampled_from([0.01, 1.0, 100.0])))
    skeleton, pose = reordered(skeleton, pose, data.draw(st.randoms(use_true_random=False)))
    found = examine(nameless(skeleton), rest=pose, known=False)
    roles = {role: skeleton.joints[found.skeleton.index(joint)] for role, joint in found.skeleton.roles.items()}
    assert roles == dict(skeleton.roles)
    assert found.sides == "toes"


@pytest.mark.parametrize("name", ["humanml22", "cmu", "mixamo"])
def test_left_and_right_without_toes_are_told_by_bent_joints_or_else_by_convention(name):
    skeleton, _ = bare(name)
    feet = {skeleton.index(skeleton.roles[f"{s}_{p}"]) for s in ("left", "right") for p in ("ankle", "toes")}
    kept = [j for j in range(len(skeleton)) if not any(j != a and a in feet for a in _above(skeleton, j))]
    place = {j: i for i, j in enumerate(kept)}
    offsets = skeleton.offsets[kept].copy()
    cut = Skeleton(
        "cut",
        tuple(f"b{i}" for i in range(len(kept))),
        tuple(-1 if skeleton.parents[j] < 0 else place[skeleton.parents[j]] for j in kept),
        offsets,
    )
    want = {r: cut.joints[place[skeleton.index(j)]] for r, j in skeleton.roles.items() if "toes" not in r}
    found = examine(cut)
    assert found.sides == "convention" and any("left from right" in line for line in found.warnings)
    assert dict(found.skeleton.roles) == want
    # knees that bend to -Z say that the body faces there
    for side in ("left", "right"):
        offsets[place[skeleton.index(skeleton.roles[f"{side}_knee"])], 2] -= 0.05
        offsets[place[skeleton.index(skeleton.roles[f"{side}_ankle"])], 2] += 0.05
    back = examine(replace(cut, offsets=offsets))
    assert back.sides == "knees"
    assert dict(back.skeleton.roles) == {role_mirror(role): joint for role, joint in want.items()}


def _above(skeleton: Skeleton, joint: int) -> list[int]:
    found = [joint]
    while skeleton.parents[found[-1]] >= 0:
        found.append(skeleton.parents[found[-1]])
    return found


# Names of hips, spine1, spine3, neck, head, then collar, shoulder, elbow, wrist, hip, knee, ankle, toes of the left
# side ("-": no such joint), and what makes the right side of it.
SCHEMES = {
    "mixamo": (
        "mixamorig1:Hips Spine Spine2 Neck Head LeftShoulder LeftArm LeftForeArm LeftHand LeftUpLeg LeftLeg "
        "LeftFoot LeftToeBase",
        "Left", "Right",
    ),
    "unity": (
        "Hips Spine Chest Neck Head LeftShoulder LeftUpperArm LeftLowerArm LeftHand LeftUpperLeg LeftLowerLeg "
        "LeftFoot LeftToes",
        "Left", "Right",
    ),
    "biped": (
        "Bip01_Pelvis Bip01_Spine Bip01_Spine1 Bip01_Neck Bip01_Head Bip01_L_Clavicle Bip01_L_UpperArm "
        "Bip01_L_Forearm Bip01_L_Hand Bip01_L_Thigh Bip01_L_Calf Bip01_L_Foot Bip01_L_Toe0",
        "_L_", "_R_",
    ),
    "valve": (
        "ValveBiped.Bip01_Pelvis ValveBiped.Bip01_Spine ValveBiped.Bip01_Spine4 ValveBiped.Bip01_Neck1 "
        "ValveBiped.Bip01_Head1 ValveBiped.Bip01_L_Clavicle ValveBiped.Bip01_L_UpperArm ValveBiped.Bip01_L_Forearm "
        "ValveBiped.Bip01_L_Hand ValveBiped.Bip01_L_Thigh ValveBiped.Bip01_L_Calf ValveBiped.Bip01_L_Foot "
        "ValveBiped.Bip01_L_Toe0",
        "_L_", "_R_",
    ),
    "unreal": (
        "pelvis spine_01 spine_03 neck_01 head clavicle_l upperarm_l lowerarm_l hand_l thigh_l calf_l foot_l "
        "ball_l",
        "_l", "_r",
    ),
    "vrm": (
        "J_Bip_C_Hips J_Bip_C_Spine J_Bip_C_UpperChest J_Bip_C_Neck J_Bip_C_Head J_Bip_L_Shoulder J_Bip_L_UpperArm "
        "J_Bip_L_LowerArm J_Bip_L_Hand J_Bip_L_UpperLeg J_Bip_L_LowerLeg J_Bip_L_Foot J_Bip_L_ToeBase",
        "_L_", "_R_",
    ),
    "rokoko": (
        "Hips Spine1 Spine4 Neck Head LeftShoulder LeftArm LeftForeArm LeftHand LeftThigh LeftShin LeftFoot "
        "LeftToe",
        "Left", "Right",
    ),
    "xsens": (
        "Pelvis L5 T8 Neck Head LeftShoulder LeftUpperArm LeftForeArm LeftHand LeftUpperLeg LeftLowerLeg LeftFoot "
        "LeftToe",
        "Left", "Right",
    ),
    "smpl": (
        "m_avg_Pelvis m_avg_Spine1 m_avg_Spine3 m_avg_Neck m_avg_Head m_avg_L_Collar m_avg_L_Shoulder "
        "m_avg_L_Elbow m_avg_L_Wrist m_avg_L_Hip m_avg_L_Knee m_avg_L_Ankle m_avg_L_Foot",
        "_L_", "_R_",
    ),
    "cmu": (
        "root lowerback thorax lowerneck head lclavicle lhumerus lradius lhand lfemur ltibia lfoot ltoes",
        " l", " r",
    ),
    "rigify": (
        "DEF-spine DEF-spine.001 DEF-spine.003 DEF-spine.004 DEF-spine.006 DEF-shoulder.L DEF-upper_arm.L "
        "DEF-forearm.L DEF-hand.L DEF-thigh.L DEF-shin.L DEF-foot.L DEF-toe.L",
        ".L", ".R",
    ),
    "bvh": (
        "Hips Chest Chest4 Neck Head LeftCollar LeftShoulder LeftElbow LeftWrist LeftHip LeftKnee LeftAnkle "
        "LeftToe",
        "Left", "Right",
    ),
    "no collar": (
        "Hips Spine Chest Neck Head - LeftShoulder LeftElbow LeftWrist LeftHip LeftKnee LeftAnkle LeftToe",
        "Left", "Right",
    ),
    "leg and shin": (
        "hip abdomen chest neck head LCollar LUArm LFArm LHand LLeg LShin LAnkle LToe",
        " L", " R",
    ),
    "daz": (
        "hip abdomenLower chestUpper neckLower head lCollar lShldrBend lForearmBend lHand lThighBend lShin lFoot "
        "lToe",
        " l", " r",
    ),
    "iclone": (
        "CC_Base_Hip CC_Base_Waist CC_Base_Spine02 CC_Base_NeckTwist01 CC_Base_Head CC_Base_L_Clavicle "
        "CC_Base_L_Upperarm CC_Base_L_Forearm CC_Base_L_Hand CC_Base_L_Thigh CC_Base_L_Calf CC_Base_L_Foot "
        "CC_Base_L_ToeBase",
        "_L_", "_R_",
    ),
    "kinect": (
        "SpineBase SpineMid SpineShoulder Neck Head - ShoulderLeft ElbowLeft WristLeft HipLeft KneeLeft AnkleLeft "
        "FootLeft",
        "Left", "Right",
    ),
    "mmd": (
        "下半身 上半身 上半身2 首 頭 左肩 左腕 左ひじ 左手首 左足 左ひざ 左足首 左つま先",
        "左", "右",
    ),
}  # fmt: skip
PLACES = ("collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "toes")


def in_scheme(scheme: str, *, folded: bool) -> tuple[Skeleton, dict[str, str]]:
    """The humanml22 body with the joints and names of a scheme, twists and fingers beside them; and its roles.

    Where ``folded``, all offsets point along x, as in files whose rest pose shows nothing.
    """
    words, left, right = SCHEMES[scheme]
    names = f" {words}".split()
    other = f" {words}".replace(left, right).split()
    roles = dict(zip(("hips", "spine1", "spine3", "neck", "head"), names[:5], strict=True))
    roles |= {f"left_{place}": name for place, name in zip(PLACES, names[5:], strict=True) if name != "-"}
    roles |= {f"right_{place}": name for place, name in zip(PLACES, other[5:], strict=True) if name != "-"}
    body, _ = with_helpers(skeletons.get("humanml22"), None)
    known = {body.index(joint): role for role, joint in body.roles.items()}
    joints, parents, offsets, place = [], [], [], {}
    for joint, name in enumerate(body.joints):
        role = known.get(joint)
        if role is not None and role not in roles:
            continue  # what hangs from it moves up
        parent, offset = body.parents[joint], body.offsets[joint].copy()
        while parent >= 0 and parent not in place:
            offset += body.offsets[parent]
            parent = body.parents[parent]
        place[joint] = len(joints)
        joints.append(roles[role] if role is not None else name)
        parents.append(-1 if parent < 0 else place[parent])
        offsets.append([np.linalg.norm(offset), 0.0, 0.0] if folded else offset)
    return Skeleton(scheme, tuple(joints), tuple(parents), np.array(offsets)), roles


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_names_of_many_programs(scheme, folded):
    skeleton, roles = in_scheme(scheme, folded=folded)
    found = examine(skeleton, known=False)
    assert dict(found.skeleton.roles) == roles
    assert found.sides == "names"
    limbs = [role for role in roles if role.startswith(("left_", "right_"))]
    assert {found.how[role] for role in limbs} == {"name"}
