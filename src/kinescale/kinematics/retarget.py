"""Carry orientations from one joint tree to another, joint by joint of the same role.

Both characters are brought to the same T-pose in thought; what a joint has turned away from it, seen from the world, is
what its counterpart turns too. Bones that point elsewhere in the two T-poses (a leg that rests 20 degrees spread, a
foot bone that slopes more) are aligned, so that limbs point the same way on both bodies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.kinematics.rotations import quat_between, quat_conjugate, quat_multiply, quat_slerp

BONES = {
    "neck": "head",
    **{f"{side}_{a}": f"{side}_{b}" for side in ("left", "right") for a, b in (
        ("collar", "shoulder"), ("shoulder", "elbow"), ("elbow", "wrist"),
        ("hip", "knee"), ("knee", "ankle"), ("ankle", "toes"),
    )},
}  # fmt: skip
"""The roles whose joint moves one bone, and the role at that bone's far end; only these are aligned."""

LEG = ("hip", "knee", "ankle")


def retarget_rotations(
    source_world: Float[Tensor, "T Js 4"],
    source_t_world: Float[Tensor, "Js 4"],
    source_t_positions: Float[Tensor, "Js 3"],
    target_t_world: Float[Tensor, "Jt 4"],
    target_t_positions: Float[Tensor, "Jt 3"],
    target_parents: Sequence[int],
    source_roles: Mapping[str, int],
    target_roles: Mapping[str, int],
) -> Float[Tensor, "T Jt 4"]:
    """World orientations of the target's joints, [T, Jt, 4].

    ``*_t_world`` and ``*_t_positions`` are each skeleton's T-pose. A target joint whose role the source lacks takes
    the mean turn of its nearest ancestor and descendant that have one; a joint without either follows its parent.
    """
    turn: dict[int, Tensor] = {}
    for role, joint in target_roles.items():
        if role not in source_roles:
            continue
        source = source_roles[role]
        delta = quat_multiply(source_world[:, source], quat_conjugate(source_t_world[source]))
        end = BONES.get(role)
        if end is not None and end in source_roles and end in target_roles:
            bone_s = source_t_positions[source_roles[end]] - source_t_positions[source]
            bone_t = target_t_positions[target_roles[end]] - target_t_positions[joint]
            delta = quat_multiply(delta, quat_between(bone_t, bone_s))
        turn[joint] = delta
    for joint, parent in enumerate(target_parents):
        if joint not in turn:
            turn[joint] = _between(joint, parent, target_parents, turn, source_world)
    return torch.stack([quat_multiply(turn[j], target_t_world[j]) for j in range(len(target_parents))], dim=1)


def _between(joint: int, parent: int, parents: Sequence[int], turn: Mapping[int, Tensor], like: Tensor) -> Tensor:
    """Turn of a joint that has no counterpart: half-way between the joints above and below that have one."""
    if parent < 0:
        identity = like.new_tensor([0.0, 0.0, 0.0, 1.0])
        return identity.expand(like.shape[0], 4)
    above = turn[parent]
    below = [j for j in turn if j > joint and joint in _ancestors(j, parents)]
    # Only the trunk is split: a finger or twist bone has nothing below it that turns on its own account.
    if not below:
        return above
    nearest = min(below, key=lambda j: len(_ancestors(j, parents)))
    return quat_slerp(above, turn[nearest], above.new_full(above.shape[:1], 0.5))


def _ancestors(joint: int, parents: Sequence[int]) -> list[int]:
    found = []
    while parents[joint] >= 0:
        joint = parents[joint]
        found.append(joint)
    return found


def leg_length(positions: Float[Tensor, "J 3"], roles: Mapping[str, int]) -> float:
    """Mean over both legs of thigh plus shin, metres; 0 when neither leg is known."""
    lengths = []
    for side in ("left", "right"):
        joints = [roles.get(f"{side}_{part}") for part in LEG]
        if None not in joints:
            a, b, c = (positions[j] for j in joints)
            lengths.append(float((b - a).norm() + (c - b).norm()))
    return sum(lengths) / len(lengths) if lengths else 0.0


def hips_centre(positions: Float[Tensor, "*b J 3"], roles: Mapping[str, int]) -> Float[Tensor, "*b 3"]:
    """The point between the two hip joints (the hips joint itself where they are not known)."""
    if "left_hip" in roles and "right_hip" in roles:
        return (positions[..., roles["left_hip"], :] + positions[..., roles["right_hip"], :]) / 2
    return positions[..., roles.get("hips", 0), :]
