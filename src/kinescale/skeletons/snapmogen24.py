"""snapmogen24: the 24 joints of SnapMoGen's motions in the order of their 296 features, in meters.

Guo et al. 2025 (SnapMoGen); the order and tree are those of the features' kinematic chains, where both legs start at
joint 15, a second joint of the pelvis. The names are ours, since features have none, and so are the offsets:
rounded adult proportions in a T-pose.
"""

import numpy as np

from kinescale.skeletons.base import EndSite, Skeleton

_TREE = (
    # joint, parent, role, offset from the parent in meters
    ("hips", -1, "hips", (0.0, 0.0, 0.0)),
    ("spine1", 0, "spine1", (0.0, 0.09, -0.01)),
    ("spine2", 1, "spine2", (0.0, 0.12, 0.0)),
    ("chest", 2, "spine3", (0.0, 0.11, 0.0)),
    ("neck1", 3, "neck", (0.0, 0.15, -0.01)),
    ("neck2", 4, None, (0.0, 0.06, 0.01)),
    ("head", 5, "head", (0.0, 0.06, 0.01)),
    ("left_collar", 3, "left_collar", (0.05, 0.10, 0.0)),
    ("left_shoulder", 7, "left_shoulder", (0.12, 0.02, -0.01)),
    ("left_elbow", 8, "left_elbow", (0.27, 0.0, 0.0)),
    ("left_wrist", 9, "left_wrist", (0.25, 0.0, 0.0)),
    ("right_collar", 3, "right_collar", (-0.05, 0.10, 0.0)),
    ("right_shoulder", 11, "right_shoulder", (-0.12, 0.02, -0.01)),
    ("right_elbow", 12, "right_elbow", (-0.27, 0.0, 0.0)),
    ("right_wrist", 13, "right_wrist", (-0.25, 0.0, 0.0)),
    ("pelvis", 0, None, (0.0, -0.03, 0.0)),
    ("left_hip", 15, "left_hip", (0.09, -0.03, 0.0)),
    ("left_knee", 16, "left_knee", (0.0, -0.41, 0.0)),
    ("left_ankle", 17, "left_ankle", (0.0, -0.41, 0.0)),
    ("left_toes", 18, "left_toes", (0.0, -0.06, 0.13)),
    ("right_hip", 15, "right_hip", (-0.09, -0.03, 0.0)),
    ("right_knee", 20, "right_knee", (0.0, -0.41, 0.0)),
    ("right_ankle", 21, "right_ankle", (0.0, -0.41, 0.0)),
    ("right_toes", 22, "right_toes", (0.0, -0.06, 0.13)),
)

SKELETON = Skeleton(
    name="snapmogen24",
    joints=tuple(row[0] for row in _TREE),
    parents=tuple(row[1] for row in _TREE),
    offsets=np.array([row[3] for row in _TREE]),
    roles={row[2]: row[0] for row in _TREE if row[2] is not None},
    ends=(
        EndSite(6, (0.0, 0.18, 0.02)),
        EndSite(10, (0.16, 0.0, 0.0)),
        EndSite(14, (-0.16, 0.0, 0.0)),
        EndSite(19, (0.0, 0.0, 0.06)),
        EndSite(23, (0.0, 0.0, 0.06)),
    ),
)
