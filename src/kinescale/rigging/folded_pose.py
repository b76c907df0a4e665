"""T-pose of a body whose rest pose is folded, from the skeleton alone.

Files whose joint frames point along the bones draw a rest pose in which no body can stand. A standing frame of the
motion is no T-pose either: a body that leans in it would be upright after retargeting. So bones are set one after the
other, from the hips outwards: hips and chest by the lines across hips and shoulders and the trunk above, every other
bone by the shortest turn to where it points in a T-pose. An axis of the joint's frame that is near a bone is used
instead of it, since rigs align axes, not crooked bones.

Bones do not show the rotation of a limb's frame about itself. It follows the parent joint, except for quarter turns
where the frames of a motion clearly show one: so clips of one skeleton have one T-pose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float

from kinescale.kinematics.rotations import (
    matrix_to_quat,
    quat_apply,
    quat_between,
    quat_conjugate,
    quat_multiply,
)
from kinescale.rigging.body_axes import SIDES, snapped
from kinescale.rigging.joint_tree import Tree

TRUNK = ("spine1", "spine2", "spine3", "neck", "head")
SNAP_DEGREES = 15.0
"""An axis of a joint's frame that is this near to its bone, or to an axis of the T-pose, is taken to lie along it."""
ANKLE_HEIGHT, TOES_HEIGHT = 0.09, 0.03
"""Heights over the sole, in legs, of ankle and toe joints: they give a foot's slope."""
STEEPEST = math.radians(45.0)
CLEARER = math.radians(30.0)
"""A quarter turn about a limb is taken when it leaves so much less twist, in the middle of the frames."""
OPPOSITE = 1e-6

_UP, _LEFT, _AHEAD = np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])


def folded_t_pose(tree: Tree, roles: Mapping[str, int], frames: Sequence[Tree] = ()) -> Float[np.ndarray, "J 4"] | None:
    """Local rotations xyzw of the T-pose; ``None`` where hips, legs or trunk are not known.

    ``tree`` is in its rest pose; ``frames`` are poses of a motion.
    """
    needed = ["hips", *(f"{side}_{place}" for side in SIDES for place in ("hip", "knee", "ankle"))]
    if any(role not in roles for role in needed) or not any(role in roles for role in TRUNK):
        return None
    aims, blocks = _aims(tree, roles), _blocks(tree, roles)

    def place(joint: int, carried: torch.Tensor, world: list[torch.Tensor]) -> torch.Tensor:
        if joint in blocks:
            return _fitted(tree.world[joint], blocks[joint])
        if joint not in aims:
            return carried
        bone, aim = (torch.from_numpy(vector) for vector in aims[joint])
        own = quat_apply(quat_conjugate(tree.world[joint]), bone).numpy()
        own = torch.from_numpy(snapped(own / np.linalg.norm(own), SNAP_DEGREES))
        turned = quat_multiply(_shortest(quat_apply(carried, own), aim), carried)
        parent = tree.skeleton.parents[joint]
        if not frames or parent < 0:
            return turned
        pairs = [(frame.world[parent], frame.world[joint]) for frame in frames]
        return _quarter_turned(turned, world[parent], aim, pairs)

    return tree.posed_by(place)


def _aims(tree: Tree, roles: Mapping[str, int]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """joint -> its bone at rest and the direction of that bone in the T-pose, for all joints of trunk and limbs."""
    aims: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def along(joints: Sequence[int], direction: np.ndarray) -> None:
        for joint, end in pairwise(joints):
            bone = tree.positions[end] - tree.positions[joint]
            if float(np.linalg.norm(bone)) > 0:
                aims[joint] = (bone, direction)

    def tip(joint: int, direction: np.ndarray) -> None:
        bone = tree.longest_bone(joint)
        if bone is not None:
            aims[joint] = (bone, direction)

    trunk = [roles[role] for role in TRUNK if role in roles]
    along([roles["hips"], *tree.down(roles["hips"], trunk[-1])], _UP)
    if "head" in roles:
        tip(roles["head"], _UP)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        along(_limb(tree, roles, [f"{side}_{p}" for p in ("collar", "shoulder", "elbow", "wrist")]), sign * _LEFT)
        along(_limb(tree, roles, [f"{side}_{p}" for p in ("hip", "knee", "ankle")]), -_UP)
        if f"{side}_wrist" in roles:
            tip(roles[f"{side}_wrist"], sign * _LEFT)
        ankle, toes = roles[f"{side}_ankle"], roles.get(f"{side}_toes")
        slope = _slope(tree, roles, side)
        if toes is None:
            tip(ankle, slope)
        else:
            along([ankle, *tree.down(ankle, toes)], slope)
            tip(toes, _AHEAD)
    return aims


def _limb(tree: Tree, roles: Mapping[str, int], names: Sequence[str]) -> list[int]:
    """All joints from the first to the last of a limb, including twist joints in between."""
    ends = [roles[name] for name in names if name in roles]
    return [*ends[:1], *(joint for a, b in pairwise(ends) for joint in tree.down(a, b))]


def _slope(tree: Tree, roles: Mapping[str, int], side: str) -> Float[np.ndarray, "3"]:
    """Direction from ankle to toes of a foot that stands flat, by the leg's and the foot's length."""
    at = [tree.positions[roles[f"{side}_{place}"]] for place in ("hip", "knee", "ankle")]
    leg = float(np.linalg.norm(at[1] - at[0]) + np.linalg.norm(at[2] - at[1]))
    toes = roles.get(f"{side}_toes")
    if toes is not None:
        length, fall = float(np.linalg.norm(tree.positions[toes] - at[2])), (ANKLE_HEIGHT - TOES_HEIGHT) * leg
    else:
        length, fall = tree.reach[roles[f"{side}_ankle"]], ANKLE_HEIGHT * leg
    angle = min(math.asin(min(1.0, fall / length)) if length > 0 else 0.0, STEEPEST)
    return np.array([0.0, -math.sin(angle), math.cos(angle)])


def _blocks(tree: Tree, roles: Mapping[str, int]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """joint -> lines at rest that point left and up in the T-pose: of the hips, and of the chest."""
    found = {}
    for role, pairs, above in (
        ("hips", (("left_hip", "right_hip"),), TRUNK),
        ("spine3", (("left_collar", "right_collar"), ("left_shoulder", "right_shoulder")), ("neck", "head")),
    ):
        if role not in roles:
            continue
        joint = roles[role]
        here = tree.positions[joint]
        size = 1e-3 * max(tree.reach[joint], 1e-9)
        pair = next((pair for pair in pairs if all(name in roles for name in pair)), None)
        # only bones attached to the joint itself show its frame: a chain below may be folded
        across = None if pair is None else np.subtract(*(_carried(tree, joint, roles[name]) for name in pair))
        up = next(
            (
                bone
                for name in above
                if name in roles and float(np.linalg.norm(bone := _carried(tree, joint, roles[name]) - here)) > size
            ),
            None,
        )
        if across is not None and up is not None and float(np.linalg.norm(np.cross(across, up))) > size**2:
            found[joint] = (across, up)
    return found


def _carried(tree: Tree, joint: int, below: int) -> Float[np.ndarray, "3"]:
    """Rest position of the first joint apart from ``joint`` on the path to a joint below it."""
    for step in tree.down(joint, below):
        if float(np.linalg.norm(tree.positions[step] - tree.positions[joint])) > 0:
            return tree.positions[step]
    return tree.positions[joint]


def _fitted(base: torch.Tensor, lines: tuple[np.ndarray, np.ndarray]) -> torch.Tensor:
    """The orientation in which the first line points left and the second up as far as possible."""
    across, up = lines
    left = across / np.linalg.norm(across)
    up = up - left * float(up @ left)
    up = up / np.linalg.norm(up)
    turn = np.stack([left, up, np.cross(left, up)])
    matrix = matrix_to_quat(torch.from_numpy(turn.copy()))
    return _straightened(quat_multiply(matrix, base))


def _straightened(turn: torch.Tensor) -> torch.Tensor:
    """The orientation, or the one along the coordinate axes that it is within ``SNAP_DEGREES`` of."""
    axes = quat_apply(turn, torch.eye(3, dtype=turn.dtype)).numpy()
    near = np.zeros((3, 3))
    for row, axis in enumerate(axes):
        near[row, int(np.argmax(np.abs(axis)))] = np.sign(axis[int(np.argmax(np.abs(axis)))])
    least = math.cos(math.radians(SNAP_DEGREES))
    if abs(float(np.linalg.det(near)) - 1) > 1e-6 or float((axes * near).sum(axis=1).min()) < least:
        return turn
    return matrix_to_quat(torch.from_numpy(near.T.copy()))


def _shortest(bone: torch.Tensor, aim: torch.Tensor) -> torch.Tensor:
    """The shortest rotation from a bone to its aim; for opposite directions about the forward axis, as in rigs."""
    if float(bone @ aim) > -1 + OPPOSITE:
        return quat_between(bone, aim)
    ahead = torch.from_numpy(_AHEAD) - aim * float(aim[2])
    if float(ahead.norm()) < 0.5:
        ahead = torch.from_numpy(_LEFT)
    return torch.cat([ahead / ahead.norm(), ahead.new_zeros(1)])


def _quarter_turned(
    turned: torch.Tensor, above: torch.Tensor, aim: torch.Tensor, pairs: Sequence[tuple[torch.Tensor, torch.Tensor]]
) -> torch.Tensor:
    """``turned``, or that rotated about its bone by quarter turns, with the least twist against ``above`` in motion."""
    twists = []
    options = [_about(aim, quarters, turned) for quarters in range(4)]
    for option in options:
        angles = []
        for parent, child in pairs:
            by_parent = quat_multiply(parent, quat_conjugate(above))
            by_child = quat_multiply(child, quat_conjugate(option))
            relative = quat_multiply(quat_conjugate(by_parent), by_child)
            along = float(relative[:3] @ aim)
            angles.append(2 * math.atan2(abs(along), abs(float(relative[3]))))
        twists.append(float(np.median(angles)))
    best = int(np.argmin(twists))
    return options[best] if twists[best] < twists[0] - CLEARER else turned


def _about(aim: torch.Tensor, quarters: int, turned: torch.Tensor) -> torch.Tensor:
    half = quarters * math.pi / 4
    turn = torch.cat([aim * math.sin(half), aim.new_tensor([math.cos(half)])])
    return quat_multiply(turn, turned)
