"""mixamo: the 65 joints of Mixamo's standard rig, fingers and tips included, on an adult of our own in a T-pose.

Names as in the program's files. Its ``LeftShoulder`` is the collarbone, ``LeftArm`` the upper arm and ``LeftLeg`` the
shin; ``HeadTop_End`` and the ``Toe_End``s are tips, as is the fourth joint of each finger.
"""

from kinescale.skeletons.base.adult import adult, both

_PREFIX = "mixamorig:"
_PARTS = {
    "hips": "Hips",
    "spine1": "Spine",
    "spine2": "Spine1",
    "spine3": "Spine2",
    "neck": "Neck",
    "head": "Head",
    "head_top": "HeadTop_End",
    "left_collar": "LeftShoulder",
    "left_shoulder": "LeftArm",
    "left_elbow": "LeftForeArm",
    "left_wrist": "LeftHand",
    **{
        f"left_{finger.lower()}{number}": f"LeftHand{finger}{number}"
        for finger in ("Thumb", "Index", "Middle", "Ring", "Pinky")
        for number in (1, 2, 3, 4)
    },
    "left_hip": "LeftUpLeg",
    "left_knee": "LeftLeg",
    "left_ankle": "LeftFoot",
    "left_toes": "LeftToeBase",
    "left_toe_tip": "LeftToe_End",
}

SKELETON = adult("mixamo", both({part: _PREFIX + joint for part, joint in _PARTS.items()}, {"Left": "Right"}))
