"""T-pose of any body with known roles, from its rest pose or another pose in which it stands.

The whole body is turned upright to face +Z. Then, from the trunk outwards, each arm bone is swung along +-X and each
leg bone straight down, by the shortest way, so that a limb keeps the twist it had; feet keep their slope and turn
their toes ahead. Trunk and head stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float

from kinescale.kinematics.rotations import (
    matrix_to_quat,
    quat_about_y,
    quat_apply,
    quat_between,
    quat_conjugate,
    quat_multiply,
)
from kinescale.rigging.body_axes import Axes, foot_bone
from kinescale.rigging.joint_tree import Tree

LIMB_DEGREES, FOOT_DEGREES = 3.0, 15.0
"""A rest pose within these of a T-pose is one."""
LIKE_DEGREES = (3.0, 20.0)
"""Limb bones, and the lines across hips and shoulders, of one T-pose that stands like another differ by less."""
FLAT = 0.3
"""Least level share of a foot that shows a heading."""
STEEPEST = 0.5
"""Least level share of a foot that stands; one that points down like a shin does not show its slope."""
SLOPE_DEGREES = 28.0
"""How far a foot runs down from the ankle to the toes where the pose does not show it."""

_DOWN, _LEFT = np.array([0.0, -1.0, 0.0]), np.array([1.0, 0.0, 0.0])
BONES = (
    ("shoulder", "elbow", _LEFT, True),
    ("elbow", "wrist", _LEFT, True),
    ("hip", "knee", _DOWN, False),
    ("knee", "ankle", _DOWN, False),
)
"""Bones that are set: from, to, direction of the left one, and whether the right one's is opposite."""
_SIGN = {"left": 1.0, "right": -1.0}


def stands_in_t_pose(tree: Tree, roles: Mapping[str, int], limb_degrees: float, foot_degrees: float) -> bool:
    """Whether arms, legs and feet are within these angles of a T-pose that faces +Z, Y up."""
    least = math.cos(math.radians(limb_degrees))
    known = False
    for side, sign in _SIGN.items():
        for a, b, direction, turned in BONES:
            bone = tree.bone(roles, f"{side}_{a}", f"{side}_{b}")
            if bone is not None:
                known = True
                if float(bone @ direction) * (sign if turned else 1.0) < least * float(np.linalg.norm(bone)):
                    return False
        foot = foot_bone(tree, roles, side)
        level = foot is not None and math.hypot(foot[0], foot[2]) > FLAT * np.linalg.norm(foot)
        if level and foot is not None and abs(math.degrees(math.atan2(foot[0], foot[2]))) > foot_degrees:
            return False
    level_enough = math.cos(math.radians(min(foot_degrees, 45.0)))
    for place in ("hip", "shoulder"):
        across = tree.bone(roles, f"right_{place}", f"left_{place}")
        if across is not None and float(across[0]) < level_enough * float(np.linalg.norm(across)):
            return False
    return known


def stands_like(tree: Tree, other: Tree) -> bool:
    """Whether arms and legs of two bodies point the same way; both skeletons have roles."""
    ours, theirs = tree.skeleton.role_indices(), other.skeleton.role_indices()
    lines = [(f"{side}_{a}", f"{side}_{b}", LIKE_DEGREES[0]) for side in _SIGN for a, b, _, _ in BONES]
    lines += [(f"right_{place}", f"left_{place}", LIKE_DEGREES[1]) for place in ("hip", "shoulder")]
    for a, b, degrees in lines:
        u, v = tree.bone(ours, a, b), other.bone(theirs, a, b)
        if u is None or v is None:
            continue
        if float(u @ v) < math.cos(math.radians(degrees)) * float(np.linalg.norm(u) * np.linalg.norm(v)):
            return False
    return True


def t_pose(tree: Tree, roles: Mapping[str, int], axes: Axes) -> Float[np.ndarray, "J 4"] | None:
    """Local rotations xyzw of the T-pose, or ``None`` when the rest pose is one already."""
    turn_degrees = math.degrees(math.acos(min(1.0, (float(np.trace(axes.matrix)) - 1) / 2)))
    if turn_degrees < FOOT_DEGREES and stands_in_t_pose(tree, roles, LIMB_DEGREES, FOOT_DEGREES):
        return tree.pose
    upright = matrix_to_quat(torch.from_numpy(axes.matrix.copy()))
    aims = _aims(tree, roles)
    feet = {roles[f"{s}_ankle"]: s for s in _SIGN if f"{s}_ankle" in roles}

    def place(joint: int, carried: torch.Tensor, _: list[torch.Tensor]) -> torch.Tensor:
        standing = quat_multiply(upright, tree.world[joint])
        if joint in aims:
            bone, aim = aims[joint]
            turned = carried if joint else standing
            own = quat_apply(quat_conjugate(tree.world[joint]), torch.from_numpy(bone))
            return quat_multiply(quat_between(quat_apply(turned, own), torch.from_numpy(aim)), turned)
        foot = foot_bone(tree, roles, feet[joint]) if joint in feet else None
        if foot is not None:
            # as it stood on the ground: a foot does not roll when its leg is brought to the middle
            return quat_multiply(_ahead(quat_apply(upright, torch.from_numpy(foot))), standing)
        return standing if joint in feet or not joint else carried

    return tree.posed_by(place)


def _aims(tree: Tree, roles: Mapping[str, int]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """joint -> its bone in the pose, and the direction of that bone in the T-pose."""
    aims = {}
    for side, sign in _SIGN.items():
        for a, b, direction, turned in BONES:
            bone = tree.bone(roles, f"{side}_{a}", f"{side}_{b}")
            if bone is not None and float(np.linalg.norm(bone)) > 0:
                aims[roles[f"{side}_{a}"]] = (bone, direction * sign if turned else direction)
    return aims


def _ahead(foot: torch.Tensor) -> torch.Tensor:
    """Rotation about the vertical that points a foot bone forward and keeps its slope."""
    level = math.hypot(float(foot[0]), float(foot[2]))
    if level < STEEPEST * float(foot.norm()):
        slope = math.radians(SLOPE_DEGREES)
        return quat_between(foot, foot.new_tensor([0.0, -math.sin(slope), math.cos(slope)]))
    return quat_about_y(-torch.atan2(foot[0], foot[2]))
