"""Give a skeleton read from a file its roles and T-pose, when its joint names are those of a known skeleton."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kinescale.core.family import Family
from kinescale.skeletons.base import Skeleton

LEAST_SHARE = 0.9
"""Share of a known skeleton's role joints that must be present by name."""


def recognise(skeleton: Skeleton) -> Skeleton:
    """The same tree with roles and T-pose of the best matching known skeleton.

    Roles already set are kept. A skeleton that matches none comes back unchanged.
    """
    if skeleton.roles:
        return skeleton
    family = Family("kinescale.skeletons", "skeleton")
    best: tuple[int, Skeleton] | None = None
    for name in family.names():
        known: Skeleton = family.get(name, "SKELETON")
        present = [joint for joint in known.roles.values() if joint in skeleton.joints]
        if len(present) >= LEAST_SHARE * len(known.roles) and (best is None or len(present) > best[0]):
            best = (len(present), known)
    if best is None:
        return skeleton
    known = best[1]
    roles = {role: joint for role, joint in known.roles.items() if joint in skeleton.joints}
    t_pose = None
    if known.t_pose is not None:
        # Joints the known skeleton does not list (fingers, twist bones) keep their rest rotation.
        t_pose = np.tile([0.0, 0.0, 0.0, 1.0], (len(skeleton), 1))
        for row, joint in enumerate(skeleton.joints):
            if joint in known.joints:
                t_pose[row] = known.t_pose[known.index(joint)]
    return replace(skeleton, roles=roles, t_pose=t_pose)
