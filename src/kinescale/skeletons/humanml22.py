"""humanml22: the 22 body joints of HumanML3D (SMPL order), T-pose, adult proportions of our own in meters.

Names and order are those of the field (Guo et al. 2022, "Generating Diverse and Natural 3D Human Motions from
Text"). The offsets are rounded adult proportions (stature about 1.70 m), not those of any body model.
"""

import numpy as np

from kinescale.skeletons.base import EndSite, Skeleton

_TREE = (
    # joint, parent, role, offset from the parent in meters
    ("pelvis", -1, "hips", (0.0, 0.0, 0.0)),
    ("left_hip", 0, "left_hip", (0.08, -0.06, 0.0)),
    ("right_hip", 0, "right_hip", (-0.08, -0.06, 0.0)),
    ("spine1", 0, "spine1", (0.0, 0.11, -0.01)),
    ("left_knee", 1, "left_knee", (0.0, -0.39, 0.0)),
    ("right_knee", 2, "right_knee", (0.0, -0.39, 0.0)),
    ("spine2", 3, "spine2", (0.0, 0.13, 0.0)),
    ("left_ankle", 4, "left_ankle", (0.0, -0.41, 0.0)),
    ("right_ankle", 5, "right_ankle", (0.0, -0.41, 0.0)),
    ("spine3", 6, "spine3", (0.0, 0.06, 0.01)),
    ("left_foot", 7, "left_toes", (0.0, -0.06, 0.11)),
    ("right_foot", 8, "right_toes", (0.0, -0.06, 0.11)),
    ("neck", 9, "neck", (0.0, 0.20, -0.02)),
    ("left_collar", 9, "left_collar", (0.06, 0.11, -0.01)),
    ("right_collar", 9, "right_collar", (-0.06, 0.11, -0.01)),
    ("head", 12, "head", (0.0, 0.09, 0.02)),
    ("left_shoulder", 13, "left_shoulder", (0.11, 0.03, 0.0)),
    ("right_shoulder", 14, "right_shoulder", (-0.11, 0.03, 0.0)),
    ("left_elbow", 16, "left_elbow", (0.26, 0.0, 0.0)),
    ("right_elbow", 17, "right_elbow", (-0.26, 0.0, 0.0)),
    ("left_wrist", 18, "left_wrist", (0.25, 0.0, 0.0)),
    ("right_wrist", 19, "right_wrist", (-0.25, 0.0, 0.0)),
)

SKELETON = Skeleton(
    name="humanml22",
    joints=tuple(row[0] for row in _TREE),
    parents=tuple(row[1] for row in _TREE),
    offsets=np.array([row[3] for row in _TREE]),
    roles={row[2]: row[0] for row in _TREE},
    ends=(
        EndSite(10, (0.0, 0.0, 0.06)),
        EndSite(11, (0.0, 0.0, 0.06)),
        EndSite(15, (0.0, 0.17, 0.02)),
        EndSite(20, (0.16, 0.0, 0.0)),
        EndSite(21, (-0.16, 0.0, 0.0)),
    ),
)
