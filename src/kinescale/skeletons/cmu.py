"""cmu: the 30 bones of the ASF files of CMU and HDM05, as joints at the bones' starts.

Arms lie along +-X at rest and toes point along +Z, but the legs spread by 20 degrees, which the T-pose takes
back. A joint sits where its bone begins: ``lfoot`` at the ankle, ``lradius`` at the elbow, and ``lwrist``,
which only twists, in the middle of the forearm, so that the wrist is ``lhand``. Offsets are medians over
subjects, made symmetric.
"""

import math

import numpy as np

from kinescale.skeletons.base import EndSite, Skeleton

_TREE = (
    # joint, parent, role, offset from the parent in meters
    ("root", -1, "hips", (0.0, 0.0, 0.0)),
    ("lhipjoint", 0, None, (0.0, 0.0, 0.0)),
    ("lfemur", 1, "left_hip", (0.090, -0.100, 0.042)),
    ("ltibia", 2, "left_knee", (0.138, -0.379, 0.0)),
    ("lfoot", 3, "left_ankle", (0.149, -0.409, 0.0)),
    ("ltoes", 4, "left_toes", (0.012, -0.031, 0.117)),
    ("rhipjoint", 0, None, (0.0, 0.0, 0.0)),
    ("rfemur", 6, "right_hip", (-0.090, -0.100, 0.042)),
    ("rtibia", 7, "right_knee", (-0.138, -0.379, 0.0)),
    ("rfoot", 8, "right_ankle", (-0.149, -0.409, 0.0)),
    ("rtoes", 9, "right_toes", (-0.012, -0.031, 0.117)),
    ("lowerback", 0, "spine1", (0.0, 0.0, 0.0)),
    ("upperback", 11, "spine2", (0.0, 0.118, -0.009)),
    ("thorax", 12, "spine3", (0.0, 0.119, -0.002)),
    ("lowerneck", 13, "neck", (0.0, 0.120, 0.004)),
    ("upperneck", 14, None, (0.0, 0.094, 0.009)),
    ("head", 15, "head", (0.0, 0.094, -0.012)),
    ("lclavicle", 13, "left_collar", (0.0, 0.120, 0.004)),
    ("lhumerus", 17, "left_shoulder", (0.186, 0.055, -0.012)),
    ("lradius", 18, "left_elbow", (0.288, 0.0, 0.0)),
    ("lwrist", 19, None, (0.186, 0.0, 0.0)),
    ("lhand", 20, "left_wrist", (0.093, 0.0, 0.0)),
    ("lfingers", 21, None, (0.041, 0.0, 0.0)),
    ("lthumb", 20, None, (0.093, 0.0, 0.0)),
    ("rclavicle", 13, "right_collar", (0.0, 0.120, 0.004)),
    ("rhumerus", 24, "right_shoulder", (-0.186, 0.055, -0.012)),
    ("rradius", 25, "right_elbow", (-0.288, 0.0, 0.0)),
    ("rwrist", 26, None, (-0.186, 0.0, 0.0)),
    ("rhand", 27, "right_wrist", (-0.093, 0.0, 0.0)),
    ("rfingers", 28, None, (-0.041, 0.0, 0.0)),
    ("rthumb", 27, None, (-0.093, 0.0, 0.0)),
)
_SPREAD = math.radians(20.0)


def _t_pose() -> np.ndarray:
    """Both legs turned straight down about Z; all else stays."""
    pose = np.tile([0.0, 0.0, 0.0, 1.0], (len(_TREE), 1))
    names = [row[0] for row in _TREE]
    for joint, angle in (("lfemur", -_SPREAD), ("rfemur", _SPREAD)):
        pose[names.index(joint)] = (0.0, 0.0, math.sin(angle / 2), math.cos(angle / 2))
    return pose


SKELETON = Skeleton(
    name="cmu",
    joints=tuple(row[0] for row in _TREE),
    parents=tuple(row[1] for row in _TREE),
    offsets=np.array([row[3] for row in _TREE]),
    roles={row[2]: row[0] for row in _TREE if row[2]},
    t_pose=_t_pose(),
    ends=(
        EndSite(5, (0.0, 0.0, 0.062)),
        EndSite(10, (0.0, 0.0, 0.062)),
        EndSite(16, (0.0, 0.097, -0.006)),
        EndSite(22, (0.033, 0.0, 0.0)),
        EndSite(23, (0.033, 0.0, 0.033)),
        EndSite(29, (-0.033, 0.0, 0.0)),
        EndSite(30, (-0.033, 0.0, 0.033)),
    ),
)
