"""unity_humanoid: the 55 bones of Unity's humanoid avatar, on an adult of our own in a T-pose.

Names are those of the program's ``HumanBodyBones``; which of them a character has is up to its avatar.
"""

from kinescale.skeletons.base.adult import adult, both

_FINGERS = {"thumb": "Thumb", "index": "Index", "middle": "Middle", "ring": "Ring", "pinky": "Little"}
_PARTS = {
    "hips": "Hips",
    "spine1": "Spine",
    "spine2": "Chest",
    "spine3": "UpperChest",
    "neck": "Neck",
    "head": "Head",
    "jaw": "Jaw",
    "left_eye": "LeftEye",
    "left_collar": "LeftShoulder",
    "left_shoulder": "LeftUpperArm",
    "left_elbow": "LeftLowerArm",
    "left_wrist": "LeftHand",
    **{
        f"left_{ours}{number}": f"Left{theirs}{bone}"
        for ours, theirs in _FINGERS.items()
        for number, bone in enumerate(("Proximal", "Intermediate", "Distal"), start=1)
    },
    "left_hip": "LeftUpperLeg",
    "left_knee": "LeftLowerLeg",
    "left_ankle": "LeftFoot",
    "left_toes": "LeftToes",
}

SKELETON = adult("unity_humanoid", both(_PARTS, {"Left": "Right"}))
