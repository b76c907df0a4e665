"""iclone: the body joints of iClone's Character Creator rig; every bone lies along its joint's local y."""

import math

import numpy as np
import torch

from kinescale.kinematics.forward import global_to_local
from kinescale.kinematics.rotations import axis_angle_quat, quat_multiply
from kinescale.skeletons.base import Skeleton


def _about(axis: str, degrees: float) -> torch.Tensor:
    return axis_angle_quat(torch.tensor(math.radians(degrees), dtype=torch.float64), axis)


# World orientations in the T-pose: the trunk upright, bones (local y) of the arms to the side, of the legs down.
_TRUNK = _about("z", 0.0)
_ARM_L, _ARM_R = _about("z", -90.0), _about("z", 90.0)
_LEG = _about("z", 180.0)
_FOOT = quat_multiply(_about("x", -62.0), _LEG)
_TOES = quat_multiply(_about("x", -85.0), _LEG)

_TREE = (
    # joint (without the prefix), parent, role, offset in meters (rounded), T-pose orientation
    ("Hip", -1, None, (0.0, 0.0, 0.0), _TRUNK),
    ("Pelvis", 0, "hips", (0.0, 0.0, 0.0), _TRUNK),
    ("L_Thigh", 1, "left_hip", (0.097, -0.022, 0.002), _LEG),
    ("L_Calf", 2, "left_knee", (-0.002, 0.477, -0.003), _LEG),
    ("L_Foot", 3, "left_ankle", (-0.003, 0.498, 0.003), _FOOT),
    ("L_ToeBase", 4, "left_toes", (-0.002, 0.133, 0.006), _TOES),
    ("R_Thigh", 1, "right_hip", (-0.097, -0.022, 0.002), _LEG),
    ("R_Calf", 6, "right_knee", (0.002, 0.477, -0.003), _LEG),
    ("R_Foot", 7, "right_ankle", (0.003, 0.498, 0.003), _FOOT),
    ("R_ToeBase", 8, "right_toes", (0.001, 0.134, 0.006), _TOES),
    ("Waist", 0, "spine1", (0.0, 0.079, 0.014), _TRUNK),
    ("Spine01", 10, "spine2", (0.0, 0.047, 0.017), _TRUNK),
    ("Spine02", 11, "spine3", (0.0, 0.147, -0.019), _TRUNK),
    ("NeckTwist01", 12, "neck", (0.0, 0.274, -0.001), _TRUNK),
    ("NeckTwist02", 13, None, (0.0, 0.038, 0.003), _TRUNK),
    ("Head", 14, "head", (0.0, 0.041, 0.004), _TRUNK),
    ("L_Clavicle", 12, "left_collar", (0.056, 0.210, 0.0), _ARM_L),
    ("L_Upperarm", 16, "left_shoulder", (0.004, 0.130, 0.008), _ARM_L),
    ("L_Forearm", 17, "left_elbow", (-0.008, 0.252, -0.002), _ARM_L),
    ("L_Hand", 18, "left_wrist", (-0.007, 0.257, -0.003), _ARM_L),
    ("R_Clavicle", 12, "right_collar", (-0.056, 0.210, 0.0), _ARM_R),
    ("R_Upperarm", 20, "right_shoulder", (-0.004, 0.130, 0.008), _ARM_R),
    ("R_Forearm", 21, "right_elbow", (0.008, 0.252, -0.003), _ARM_R),
    ("R_Hand", 22, "right_wrist", (0.007, 0.257, -0.004), _ARM_R),
)
_PARENTS = tuple(row[1] for row in _TREE)

SKELETON = Skeleton(
    name="iclone",
    joints=tuple(f"CC_Base_{row[0]}" for row in _TREE),
    parents=_PARENTS,
    offsets=np.array([row[3] for row in _TREE]),
    roles={row[2]: f"CC_Base_{row[0]}" for row in _TREE if row[2]},
    t_pose=global_to_local(torch.stack([row[4] for row in _TREE]), _PARENTS).numpy(),
)
