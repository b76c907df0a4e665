"""Retargeting of joint orientations from one joint tree to another by roles.

The world rotation of a joint away from the T-pose is applied to its counterpart, whose T-pose is the same. Bones whose
directions differ in the two T-poses (a leg that rests 20 degrees spread, a
foot bone that slopes more) are aligned, so that limbs point the same way on both bodies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.kinematics.rotations import quat_angle, quat_apply, quat_between, quat_conjugate, quat_multiply
from kinescale.kinematics.rotations import quat_slerp as slerp

BONES = {
    "neck": "head",
    **{f"{side}_{a}": f"{side}_{b}" for side in ("left", "right") for a, b in (
        ("collar", "shoulder"), ("shoulder", "elbow"), ("elbow", "wrist"),
        ("hip", "knee"), ("knee", "ankle"), ("ankle", "toes"),
    )},
}  # fmt: skip
"""The roles whose joint moves one bone, and the role at that bone's far end; only these are aligned."""

FEET = ("left_ankle", "right_ankle")
TRUNK = ("spine1", "spine2", "spine3", "neck", "head")
"""Joints without a counterpart interpolate the rotation between these; elsewhere they follow their parent."""

LINES = {
    "hips": (("left_hip", "right_hip"),),
    "spine3": (("left_collar", "right_collar"), ("left_shoulder", "right_shoulder")),
}
"""Role -> pairs of roles whose line shows the orientation of pelvis or chest; the first known pair is used."""
OFF_LINE_DEGREES = 2.0
"""A line that strays farther than this from where its joint carries it is turned by joints in between."""

BENDING = ("spine1", "spine2", "spine3")
"""The part of the trunk with limbs only at its upper end."""

LEG = ("hip", "knee", "ankle")
ARM = ("collar", "shoulder", "elbow", "wrist")
SIDES = ("left", "right")

RESTING_COLLAR = (0.98, 0.06, -0.18)
"""Direction of a left collar bone, from chest to shoulder, by default: the mean of captured takes."""
FORK_SHARE = 0.2
"""A collar nearer to the midline than this share of its distance from the chest is a branching point of the trunk, as
in
ASF files, and does not move."""

CHORD_ROUNDS = 3
LEAST_BONE_M = 1e-3


@dataclass(frozen=True, eq=False)
class Body:
    """A skeleton for retargeting: tree, roles (role -> joint) and T-pose (root at the origin)."""

    parents: tuple[int, ...]
    roles: Mapping[str, int]
    t_world: Float[Tensor, "J 4"]
    t_positions: Float[Tensor, "J 3"]

    def length(self, roles: Sequence[str]) -> Tensor:
        """Sum of the straight distances from role to role."""
        at = self.t_positions[[self.roles[role] for role in roles]]
        return (at[1:] - at[:-1]).norm(dim=-1).sum()

    def path(self, lower: str, upper: str) -> list[int]:
        """Joints from that of role ``lower`` up the tree's branch to that of ``upper``; empty if it is elsewhere."""
        first, last = self.roles[lower], self.roles[upper]
        chain = [last, *ancestors(last, self.parents)]
        return chain[: chain.index(first) + 1][::-1] if first in chain else []


def retarget_rotations(
    source_world: Float[Tensor, "T Js 4"], source: Body, target: Body, *, flat_soles: bool = False
) -> Float[Tensor, "T Jt 4"]:
    """World orientations of the target's joints, [T, Jt, 4].

    A trunk joint of the target whose role the source lacks interpolates the rotation between its neighbors, any
    other follows its parent. ``flat_soles`` leaves the foot bone unaligned: a sole that is flat on the source is
    flat on the target, however the foot bones slope.
    """
    turn: dict[int, Tensor] = {}
    lines = _line_turns(source_world, source)
    for role, joint in target.roles.items():
        if role not in source.roles:
            continue
        at = source.roles[role]
        delta = _delta(source_world, source, at) if at not in lines else lines[at]
        end = None if flat_soles and role in FEET else BONES.get(role)
        if end is not None and end in source.roles and end in target.roles:
            bone_s = source.t_positions[source.roles[end]] - source.t_positions[at]
            bone_t = target.t_positions[target.roles[end]] - target.t_positions[joint]
            delta = quat_multiply(delta, quat_between(bone_t, bone_s))
        turn[joint] = delta
    _bend_for_lost_joints(turn, source_world, source, target)
    _reach_for_lost_collars(turn, source_world, source, target)
    for joint, parent in enumerate(target.parents):
        if joint not in turn:
            turn[joint] = _unpaired(joint, parent, target, turn)
    return torch.stack([quat_multiply(turn[j], target.t_world[j]) for j in range(len(target.parents))], dim=1)


def _delta(source_world: Float[Tensor, "T J 4"], body: Body, joint: int) -> Float[Tensor, "T 4"]:
    """World rotation of a joint away from its T-pose."""
    return quat_multiply(source_world[:, joint], quat_conjugate(body.t_world[joint]))


def _line_turns(source_world: Float[Tensor, "T J 4"], body: Body) -> dict[int, Float[Tensor, "T 4"]]:
    """joint -> rotation of pelvis and chest where joints between them and their limbs rotate too: midway between the
    parents of left and right, and then onto the line between those."""
    found: dict[int, Tensor] = {}
    for role, pairs in LINES.items():
        pair = next((pair for pair in pairs if all(name in body.roles for name in pair)), None)
        if role not in body.roles or pair is None:
            continue
        joint = body.roles[role]
        ways = [_way(joint, body.roles[name], body.parents) for name in pair]
        if not all(ways) or all(len(way) == 1 for way in ways):
            continue  # both are attached to the joint itself
        ends = [_carried(source_world, body, [joint, *way]) for way in ways]
        still = body.t_positions[ways[0][-1]] - body.t_positions[ways[1][-1]]
        line = ends[0] - ends[1]
        if float(still.norm()) < LEAST_BONE_M or float(line.norm(dim=-1).min()) < LEAST_BONE_M:
            continue
        own = _delta(source_world, body, joint)
        above = [_delta(source_world, body, body.parents[way[-1]]) for way in ways]
        middle = slerp(above[0], above[1], above[0].new_full(above[0].shape[:1], 0.5))
        least = math.radians(OFF_LINE_DEGREES)
        off_line = float(_angle(quat_apply(own, still), line).max()) > least
        # both halves rotate as one, away from the joint: they are the pelvis, though the line may not show it
        as_one = all(_bears(body, way) for way in ways) and float(quat_angle(above[0], above[1]).max()) < least
        if not off_line and not (as_one and float(quat_angle(middle, own).max()) > least):
            continue
        found[joint] = quat_multiply(quat_between(quat_apply(middle, still), line), middle)
    return found


def _bears(body: Body, way: Sequence[int]) -> bool:
    """Whether the last joint of a path is apart from its parent, which therefore moves it."""
    bone = body.t_positions[way[-1]] - body.t_positions[body.parents[way[-1]]]
    return len(way) > 1 and float(bone.norm()) > LEAST_BONE_M


def _way(above: int, joint: int, parents: Sequence[int]) -> list[int]:
    """The joints below ``above`` down to ``joint``; empty where ``above`` is no ancestor."""
    chain = [joint, *ancestors(joint, parents)]
    return chain[: chain.index(above)][::-1] if above in chain else []


def _carried(source_world: Float[Tensor, "T J 4"], body: Body, way: Sequence[int]) -> Float[Tensor, "T 3"]:
    """Vector from the first to the last joint of a path."""
    bones = [
        quat_apply(quat_conjugate(body.t_world[a]), body.t_positions[b] - body.t_positions[a]) for a, b in pairwise(way)
    ]
    return torch.stack([quat_apply(source_world[:, a], bone) for a, bone in zip(way, bones, strict=False)]).sum(0)


def _angle(a: Float[Tensor, "T 3"], b: Float[Tensor, "T 3"]) -> Float[Tensor, " T"]:
    """Angle between vectors, radians."""
    return torch.atan2(torch.linalg.cross(a, b).norm(dim=-1), (a * b).sum(-1))


def _unpaired(joint: int, parent: int, body: Body, turn: Mapping[int, Tensor]) -> Tensor:
    """Rotation of a joint without a counterpart."""
    if parent < 0:
        return _unpaired_root(joint, body, turn[body.roles["hips"]])
    above = turn[parent]
    for side in SIDES:
        if body.roles.get(f"{side}_collar") == joint:
            return _resting_collar(side, body, above)
    # only the trunk is interpolated: twist bones and second hip bones have no rotation of their own
    below = [j for j in (body.roles.get(role) for role in TRUNK) if j is not None and j in turn]
    below = [j for j in below if joint in ancestors(j, body.parents)]
    if not below:
        return above
    nearest = min(below, key=lambda j: len(ancestors(j, body.parents)))
    steps = ancestors(nearest, body.parents).index(joint) + 2
    return slerp(above, turn[nearest], above.new_full(above.shape[:1], 1 / steps))


def _resting_collar(side: str, body: Body, chest: Tensor) -> Tensor:
    """Rotation of a collar from its parent's alone."""
    joint, shoulder = body.roles[f"{side}_collar"], body.roles.get(f"{side}_shoulder")
    if shoulder is None:
        return chest
    off = body.t_positions[joint] - body.t_positions[body.parents[joint]]
    if float(off[0].abs()) <= FORK_SHARE * float(off.norm()):
        return chest
    bone = body.t_positions[shoulder] - body.t_positions[joint]
    right = chest.new_tensor([1.0 if side == "left" else -1.0, 1.0, 1.0])
    return quat_multiply(chest, quat_between(bone, right * chest.new_tensor(RESTING_COLLAR)))


def _reach_for_lost_collars(turn: dict[int, Tensor], source_world: Tensor, source: Body, target: Body) -> None:
    """Where the target lacks a collar of the source, swing the arm (in place in ``turn``) to compensate at the hand.

    The shoulder cannot follow the source's collar; the hand then moves by the displacement of the source's shoulder.
    """
    for side in SIDES:
        collar, shoulder, elbow, wrist = (f"{side}_{part}" for part in ARM)
        lost = collar in source.roles and collar not in target.roles
        arm = (shoulder, elbow, wrist)
        if not lost or not all(role in body.roles for role in arm for body in (source, target)):
            continue
        at = source.roles[collar]
        parent = source.parents[at]
        if parent < 0:
            continue
        moved, chest = (quat_multiply(source_world[:, j], quat_conjugate(source.t_world[j])) for j in (at, parent))
        bone = source.t_positions[source.roles[shoulder]] - source.t_positions[at]
        away = quat_apply(moved, bone) - quat_apply(_resting_collar(side, source, chest), bone)
        joints = [target.roles[role] for role in arm]
        bones = [target.t_positions[b] - target.t_positions[a] for a, b in pairwise(joints)]
        scale = float(sum(b.norm() for b in bones)) / float(source.length(arm))
        hand = _summed([turn[joint] for joint in joints[:2]], bones)
        swing = quat_between(hand, hand + scale * away)
        for joint in joints[:2]:
            turn[joint] = quat_multiply(swing, turn[joint])


def _unpaired_root(joint: int, body: Body, hips: Tensor) -> Tensor:
    """Rotation of the hips; where hips and spine are both children of the root, with the spine upright on the hips."""
    spine = body.roles.get("spine1")
    if spine is None or body.parents[spine] != joint or body.parents[body.roles["hips"]] != joint:
        return hips
    bone = body.t_positions[spine] - body.t_positions[joint]
    if float(bone.norm()) < LEAST_BONE_M:
        return hips
    return quat_multiply(hips, quat_between(bone, bone.new_tensor([0.0, 1.0, 0.0])))


def _bend_for_lost_joints(turn: dict[int, Tensor], source_world: Tensor, source: Body, target: Body) -> None:
    """Where the target lacks spine joints of the source, rotate the one below them so that it includes their bend.

    It is turned (in place in ``turn``, which is the caller's own) until the source's spine, its lost joints shared out
    evenly again, would point as it does.
    """
    shared = [role for role in BENDING if role in source.roles and role in target.roles]
    for lower, upper in pairwise(shared):
        path = source.path(lower, upper)
        lost = {source.roles[role] for role in BENDING if role in source.roles and role not in shared}
        if not lost & set(path) or not target.path(lower, upper):
            continue
        bones = [source.t_positions[b] - source.t_positions[a] for a, b in pairwise(path)]
        deltas = [quat_multiply(source_world[:, j], quat_conjugate(source.t_world[j])) for j in path]
        aim = _summed(deltas, bones)
        low, up = turn[target.roles[lower]], turn[target.roles[upper]]
        for _ in range(CHORD_ROUNDS):
            shares = [slerp(low, up, low.new_full(low.shape[:1], i / len(bones))) for i in range(len(bones))]
            low = quat_multiply(quat_between(_summed(shares, bones), aim), low)
        turn[target.roles[lower]] = low


def _summed(turns: Sequence[Tensor], bones: Sequence[Tensor]) -> Float[Tensor, "T 3"]:
    """End of a chain of bones, each with its own rotation."""
    return torch.stack([quat_apply(turn, bone) for turn, bone in zip(turns, bones, strict=False)]).sum(0)


def ancestors(joint: int, parents: Sequence[int]) -> list[int]:
    """Ancestors of a joint, nearest first."""
    found = []
    while parents[joint] >= 0:
        joint = parents[joint]
        found.append(joint)
    return found


def leg_length(positions: Float[Tensor, "J 3"], roles: Mapping[str, int]) -> float:
    """Mean over both legs of thigh plus shin, meters; 0 when neither leg is known."""
    lengths = []
    for side in ("left", "right"):
        joints = [roles.get(f"{side}_{part}") for part in LEG]
        if None not in joints:
            a, b, c = (positions[j] for j in joints)
            lengths.append(float((b - a).norm() + (c - b).norm()))
    return sum(lengths) / len(lengths) if lengths else 0.0


def hips_center(positions: Float[Tensor, "*b J 3"], roles: Mapping[str, int]) -> Float[Tensor, "*b 3"]:
    """The point between the two hip joints (the hips joint itself where they are not known)."""
    if "left_hip" in roles and "right_hip" in roles:
        return (positions[..., roles["left_hip"], :] + positions[..., roles["right_hip"], :]) / 2
    return positions[..., roles.get("hips", 0), :]
