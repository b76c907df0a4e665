"""cgspeed: the joints of B. Hahne's BVH conversion of the CMU takes that carry the body (rest pose: T-pose)."""

import numpy as np

from kinescale.skeletons.base import EndSite, Skeleton

_TREE = (
    # joint, parent, role, offset from the parent in meters (one subject's, rounded)
    ("hip", -1, "hips", (0.0, 0.0, 0.0)),
    ("abdomen", 0, "spine1", (0.0, 0.207, -0.007)),
    ("chest", 1, "spine3", (0.0, 0.117, -0.005)),
    ("neck", 2, "neck", (0.0, 0.222, -0.022)),
    ("head", 3, "head", (-0.002, 0.071, 0.012)),
    ("rCollar", 2, "right_collar", (-0.027, 0.193, -0.049)),
    ("rShldr", 5, "right_shoulder", (-0.088, -0.020, 0.015)),
    ("rForeArm", 6, "right_elbow", (-0.282, -0.017, 0.005)),
    ("rHand", 7, "right_wrist", (-0.226, 0.008, 0.071)),
    ("lCollar", 2, "left_collar", (0.027, 0.193, -0.049)),
    ("lShldr", 9, "left_shoulder", (0.088, -0.020, 0.015)),
    ("lForeArm", 10, "left_elbow", (0.282, -0.017, 0.005)),
    ("lHand", 11, "left_wrist", (0.226, 0.008, 0.071)),
    ("rButtock", 0, None, (-0.088, 0.044, 0.012)),
    ("rThigh", 13, "right_hip", (0.0, -0.017, -0.022)),
    ("rShin", 14, "right_knee", (0.0, -0.368, 0.007)),
    ("rFoot", 15, "right_ankle", (0.007, -0.451, -0.051)),
    ("lButtock", 0, None, (0.088, 0.044, 0.012)),
    ("lThigh", 17, "left_hip", (0.0, -0.017, -0.022)),
    ("lShin", 18, "left_knee", (0.0, -0.368, 0.007)),
    ("lFoot", 19, "left_ankle", (-0.007, -0.451, -0.051)),
)

SKELETON = Skeleton(
    name="cgspeed",
    joints=tuple(row[0] for row in _TREE),
    parents=tuple(row[1] for row in _TREE),
    offsets=np.array([row[3] for row in _TREE]),
    roles={row[2]: row[0] for row in _TREE if row[2]},
    ends=(EndSite(16, (-0.011, -0.037, 0.121)), EndSite(20, (0.011, -0.037, 0.121))),
)
