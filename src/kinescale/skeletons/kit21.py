"""kit21: the 21 joints of KIT-ML motion in the order of the field's 251 features, in meters.

Which side a joint is on follows the features of Guo et al. 2022 (right hip 11, left hip 16), whose tracks
face +Z. The offsets are rounded adult proportions in a T-pose.
"""

import numpy as np

from kinescale.skeletons.base import EndSite, Skeleton

_TREE = (
    # joint, parent, role, offset from the parent in meters
    ("pelvis", -1, "hips", (0.0, 0.0, 0.0)),
    ("belly", 0, "spine1", (0.0, 0.12, 0.0)),
    ("thorax", 1, "spine2", (0.0, 0.16, 0.0)),
    ("lower_neck", 2, "spine3", (0.0, 0.15, -0.01)),
    ("upper_neck", 3, "head", (0.0, 0.15, 0.02)),
    ("right_shoulder", 3, "right_shoulder", (-0.18, -0.02, 0.0)),
    ("right_elbow", 5, "right_elbow", (-0.27, 0.0, 0.0)),
    ("right_wrist", 6, "right_wrist", (-0.24, 0.0, 0.0)),
    ("left_shoulder", 3, "left_shoulder", (0.18, -0.02, 0.0)),
    ("left_elbow", 8, "left_elbow", (0.27, 0.0, 0.0)),
    ("left_wrist", 9, "left_wrist", (0.24, 0.0, 0.0)),
    ("right_hip", 0, "right_hip", (-0.09, -0.02, 0.0)),
    ("right_knee", 11, "right_knee", (0.0, -0.44, 0.0)),
    ("right_ankle", 12, "right_ankle", (0.0, -0.40, 0.0)),
    ("right_midfoot", 13, None, (0.0, -0.04, 0.04)),
    ("right_foot", 14, "right_toes", (0.0, -0.02, 0.13)),
    ("left_hip", 0, "left_hip", (0.09, -0.02, 0.0)),
    ("left_knee", 16, "left_knee", (0.0, -0.44, 0.0)),
    ("left_ankle", 17, "left_ankle", (0.0, -0.40, 0.0)),
    ("left_midfoot", 18, None, (0.0, -0.04, 0.04)),
    ("left_foot", 19, "left_toes", (0.0, -0.02, 0.13)),
)

SKELETON = Skeleton(
    name="kit21",
    joints=tuple(row[0] for row in _TREE),
    parents=tuple(row[1] for row in _TREE),
    offsets=np.array([row[3] for row in _TREE]),
    roles={row[2]: row[0] for row in _TREE if row[2] is not None},
    ends=(
        EndSite(4, (0.0, 0.16, 0.02)),
        EndSite(7, (-0.16, 0.0, 0.0)),
        EndSite(10, (0.16, 0.0, 0.0)),
        EndSite(15, (0.0, 0.0, 0.06)),
        EndSite(20, (0.0, 0.0, 0.06)),
    ),
)
