"""Skeletons of MMCP: rest poses along the world's axes, so that identity rotations are the rest pose."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from kinescale.core.errors import SkeletonError
from kinescale.kinematics.forward import forward_kinematics
from kinescale.motion.retarget import NEEDED
from kinescale.rigging import recognize
from kinescale.server.errors import ApiError
from kinescale.server.mmcp import schema
from kinescale.skeletons.base import Skeleton

SAME_M = 1e-3
MAX_NAME = 128
IDENTITY = [0.0, 0.0, 0.0, 1.0]


def canonical_json(skeleton: Skeleton) -> dict[str, Any]:
    """The bundle's skeleton as MMCP has it: standing, its lowest joint on the floor."""
    joints = len(skeleton)
    still = torch.zeros(joints, 4, dtype=torch.float64)
    still[:, 3] = 1
    offsets = torch.as_tensor(skeleton.offsets.copy())
    places, _ = forward_kinematics(torch.zeros(3, dtype=torch.float64), still, offsets, skeleton.parents)
    height = -float(places[:, 1].min())
    rests = skeleton.offsets.copy()
    rests[0] = (0.0, height, 0.0)
    return {
        "joints": [
            {
                "name": name,
                "parent": None if parent < 0 else skeleton.joints[parent],
                "rest_translation": [round(float(x), 6) + 0.0 for x in rest],
                "rest_rotation": IDENTITY,
            }
            for name, parent, rest in zip(skeleton.joints, skeleton.parents, rests, strict=True)
        ],
        "coordinate_system": "right_handed_y_up",
        "units": "meters",
    }


def read_skeleton(given: schema.Skeleton, canonical: Skeleton) -> Skeleton:
    """The skeleton of a request: the canonical one itself where it is the same, else with roles recognized.

    Raises ``ApiError``: ``invalid_skeleton`` for what is no tree, ``retargeting_unsupported`` where hips and legs are
    not found.
    """
    errors = _problems(given)
    if errors:
        raise ApiError("invalid_skeleton", f"the skeleton is no tree of joints: {errors[0]}.", {"errors": errors[:20]})
    names = [joint.name for joint in given.joints]
    parents = tuple(-1 if joint.parent is None else names.index(joint.parent) for joint in given.joints)
    offsets = np.array([joint.rest_translation for joint in given.joints], dtype=np.float64)
    offsets[0] = 0.0
    same = tuple(names) == canonical.joints and parents == canonical.parents
    if same and np.allclose(offsets[1:], canonical.offsets[1:], atol=SAME_M):
        return canonical
    try:
        found = recognize(Skeleton("character", tuple(names), parents, offsets))
    except SkeletonError as problem:
        raise ApiError("invalid_skeleton", str(problem), {"errors": [str(problem)]}) from None
    missing = [role for role in NEEDED if role not in found.roles]
    if missing:
        raise ApiError(
            "retargeting_unsupported",
            f"no joint of the skeleton was found to be {', '.join(missing)}; a person's hips and legs are needed.",
            {"missing_roles": missing},
        )
    return found


def _problems(given: schema.Skeleton) -> list[str]:
    """What is wrong with the tree, a sentence part each."""
    found, seen = [], set()
    roots = [joint.name for joint in given.joints if joint.parent is None]
    if len(roots) != 1:
        found.append(f"{len(roots)} joints have no parent, expected one")
    for joint in given.joints:
        shown = (joint.display_name or joint.name)[:60]
        if not 0 < len(joint.name) <= MAX_NAME or joint.name != joint.name.strip() or not joint.name.isprintable():
            found.append(f"the name {joint.name[:60]!r} is empty, too long, or has blanks or control characters")
        if joint.name in seen:
            found.append(f"two joints are named '{shown}'")
        if joint.parent is not None and joint.parent not in seen:
            found.append(f"the parent of '{shown}' does not stand before it")
        seen.add(joint.name)
    if given.joints[0].parent is not None:
        found.append("the first joint has a parent")
    return found


def joint_map(canonical: Skeleton, own: Skeleton) -> dict[str, str]:
    """Canonical joint -> the request's joint with the same role."""
    return {joint: own.roles[role] for role, joint in canonical.roles.items() if role in own.roles}
