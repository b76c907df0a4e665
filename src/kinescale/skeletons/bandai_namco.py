"""bandai_namco: the 21 body joints of the Bandai-Namco Research Motiondataset (its 22nd node stands on the floor).

The files' joint frames point along the bones (left limbs along +x, right limbs along -x), so their rest pose is
folded; the T-pose below was derived from the hinges: knees and elbows bend about local y.
"""

import numpy as np
import torch

from kinescale.kinematics.forward import global_to_local
from kinescale.kinematics.rotations import matrix_to_quat
from kinescale.skeletons.base import EndSite, Skeleton

# World directions that local x, y, z take in the T-pose, as matrix columns. Left is +X, up +Y, forward +Z.
_L, _R, _U, _D, _F, _B = (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)
_HIPS = (_U, _R, _F)
_TRUNK = (_U, _F, _L)
_ARM_L, _ARM_R = (_L, _U, _F), (_L, _D, _B)
_LEG_L, _LEG_R = (_D, _L, _F), (_U, _L, _B)
# The foot bone runs 28 degrees below level when standing, the toes 10 degrees (measured on standing frames).
_SIN28, _COS28, _SIN10, _COS10 = 0.46947, 0.88295, 0.17365, 0.98481
_FOOT_L = ((0, -_SIN28, _COS28), _L, (0, _COS28, _SIN28))
_FOOT_R = ((0, _SIN28, -_COS28), _L, (0, -_COS28, -_SIN28))
_TOES_L = ((0, -_SIN10, _COS10), _L, (0, _COS10, _SIN10))
_TOES_R = ((0, _SIN10, -_COS10), _L, (0, -_COS10, -_SIN10))

_TREE = (
    # joint, parent, role, offset in meters, T-pose frame
    ("Hips", -1, "hips", (0.0, 0.0, 0.0), _HIPS),
    ("Spine", 0, "spine1", (0.157357, 0.0, 0.0), _TRUNK),
    ("Chest", 1, "spine3", (0.0898455, -0.00406207, 0.0), _TRUNK),
    ("Neck", 2, "neck", (0.163773, 0.0, 0.0), _TRUNK),
    ("Head", 3, "head", (0.0645672, 0.0, 0.0), _TRUNK),
    ("Shoulder_L", 2, "left_collar", (0.129942, -0.00242716, 0.0498039), _ARM_L),
    ("UpperArm_L", 5, "left_shoulder", (0.0534809, 0.0, 0.0), _ARM_L),
    ("LowerArm_L", 6, "left_elbow", (0.243286, 0.0, 0.0), _ARM_L),
    ("Hand_L", 7, "left_wrist", (0.222916, 0.0, 0.0), _ARM_L),
    ("Shoulder_R", 2, "right_collar", (0.129945, -0.00242716, -0.0498039), _ARM_R),
    ("UpperArm_R", 9, "right_shoulder", (-0.0534813, 0.0, 0.0), _ARM_R),
    ("LowerArm_R", 10, "right_elbow", (-0.243289, 0.0, 0.0), _ARM_R),
    ("Hand_R", 11, "right_wrist", (-0.222915, 0.0, 0.0), _ARM_R),
    ("UpperLeg_L", 0, "left_hip", (-0.0219248, -0.0646944, 0.0), _LEG_L),
    ("LowerLeg_L", 13, "left_knee", (0.390811, 0.0, 0.0), _LEG_L),
    ("Foot_L", 14, "left_ankle", (0.409854, 0.0, 0.0), _FOOT_L),
    ("Toes_L", 15, "left_toes", (0.117543, 0.0, 0.0), _TOES_L),
    ("UpperLeg_R", 0, "right_hip", (-0.0219251, 0.0646944, 0.0), _LEG_R),
    ("LowerLeg_R", 17, "right_knee", (-0.390811, 0.0, 0.0), _LEG_R),
    ("Foot_R", 18, "right_ankle", (-0.409854, 0.0, 0.0), _FOOT_R),
    ("Toes_R", 19, "right_toes", (-0.117543, 0.0, 0.0), _TOES_R),
)
_PARENTS = tuple(row[1] for row in _TREE)
_FRAMES = torch.tensor([row[4] for row in _TREE], dtype=torch.float64).transpose(-1, -2)

SKELETON = Skeleton(
    name="bandai_namco",
    joints=tuple(row[0] for row in _TREE),
    parents=_PARENTS,
    offsets=np.array([row[3] for row in _TREE]),
    roles={row[2]: row[0] for row in _TREE},
    t_pose=global_to_local(matrix_to_quat(_FRAMES), _PARENTS).numpy(),
    ends=(
        EndSite(4, (0.17, 0.0, 0.0)),
        EndSite(8, (0.16, 0.0, 0.0)),
        EndSite(12, (-0.16, 0.0, 0.0)),
        EndSite(16, (0.06, 0.0, 0.0)),
        EndSite(20, (-0.06, 0.0, 0.0)),
    ),
)
