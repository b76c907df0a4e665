"""What ``kinescale info`` says of a motion's skeleton: its joints, roles and rest pose, and what looks wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinescale.cli.base.options import roles_file

if TYPE_CHECKING:
    from kinescale.motion import Motion
    from kinescale.rigging import Reading
    from kinescale.skeletons import Skeleton

READ_AS = {".bvh": "cm"}
"""The unit that lengths of a format are taken to be in, where neither its files nor the body say otherwise."""
USUAL_M = (0.9, 2.5)
"""Heights that raise no doubt."""

MOST_FRAMES = 64
DEEPEST = 40
"""Deeper joints are not indented further."""
STEADY = 0.8
"""Length of the mean of unit vectors from foot to head over which they agree on a direction."""


@dataclass(frozen=True)
class SkeletonReport:
    """``entries`` for the command's record, and the tree as lines of text."""

    entries: dict[str, Any]
    tree: list[str]


def about_skeleton(motion: Motion, path: Path, given: Path | None, notes: tuple[str, ...]) -> SkeletonReport:
    """What is known of the skeleton of a motion read from ``path``, with the roles of an override, if there is one.

    ``notes`` are what the reader assumed.
    """
    from kinescale.rigging import examine, override, read_override
    from kinescale.skeletons.base import ROLES

    file = roles_file(path, given)
    poses = motion.rotations.detach().numpy()
    reading = examine(motion.skeleton, poses=poses)
    skeleton, found_by = motion.skeleton, dict(reading.how)
    if file is not None:
        said = read_override(file)
        skeleton = override(skeleton, said, poses=poses)
        reading = examine(skeleton, poses=poses)
        found_by = {r: "override" if r in said.roles else found_by.get(r, reading.how[r]) for r in skeleton.roles}
    up = _motion_up(motion, skeleton)
    entries: dict[str, Any] = {
        "roles": {role: skeleton.roles[role] for role in ROLES if role in skeleton.roles},
        "roles_found_by": {
            how: [r for r in ROLES if found_by.get(r) == how] for how in dict.fromkeys(found_by.values())
        },
        "roles_missing": [role for role in ROLES if role not in skeleton.roles],
        "roles_file": None if file is None else str(file) + ("" if given is not None else " (beside the motion)"),
        "sides_told_by": reading.sides or "nothing",
        "rest_pose": _rest(reading),
        "rest_up": reading.up or "unknown",
        "rest_forward": reading.forward or "unknown",
        "motion_up": up or "unknown",
        "height_m": None if reading.height_m is None else round(reading.height_m, 3),
        "unit": _unit(path, reading.height_m, notes),
        "parents": {
            joint: None if parent < 0 else skeleton.joints[parent]
            for joint, parent in zip(skeleton.joints, skeleton.parents, strict=True)
        },
        "notes": list(notes),
        "warnings": [*reading.warnings, *_doubts(reading)],
    }
    return SkeletonReport(entries, _tree(skeleton))


def doubts(motion: Motion) -> list[str]:
    """What looks wrong with a motion's skeleton, a sentence each: the warnings of ``kinescale info``."""
    from kinescale.rigging import examine

    few = motion.rotations[:: max(1, len(motion) // MOST_FRAMES)].detach().cpu().numpy()
    reading = examine(motion.skeleton, poses=few)
    return [*reading.warnings, *_doubts(reading)]


def _rest(reading: Reading) -> str:
    if reading.arm_angle_degrees is None or reading.rest == "other":
        return reading.rest
    return f"{reading.rest}, arms {reading.arm_angle_degrees:.0f} degrees below level"


def _motion_up(motion: Motion, skeleton: Skeleton) -> str | None:
    """The world's axis along which the body stands in the motion, as "+Y"; ``None`` where it does not stand."""
    import torch

    high = [skeleton.roles.get(role) for role in ("head", "neck", "spine3") if role in skeleton.roles]
    low = [skeleton.roles[role] for role in ("left_ankle", "right_ankle") if role in skeleton.roles]
    if not high or not low:
        return None
    step = max(1, len(motion) // MOST_FRAMES)
    some = motion.replace(root=motion.root[::step].clone(), rotations=motion.rotations[::step].clone())
    positions = some.positions()
    joints = skeleton.joints
    feet = positions[:, [joints.index(joint) for joint in low]].mean(1)
    rising = torch.nn.functional.normalize(positions[:, joints.index(str(high[0]))] - feet, dim=-1).mean(0)
    axis = int(rising.abs().argmax())
    if float(rising[axis].abs()) < STEADY:
        return None
    return f"{'+' if float(rising[axis]) > 0 else '-'}{'XYZ'[axis]}"


def _unit(path: Path, height_m: float | None, notes: tuple[str, ...]) -> str:
    """The unit that lengths were read in."""
    told = next((note for note in notes if note.startswith("lengths are taken as ")), None)
    if told is not None:
        return f"{told.removeprefix('lengths are taken as ').split(',')[0]}, told by the body"
    usual = READ_AS.get(path.suffix.lower(), "m")
    if height_m is None:
        return f"{usual} (not checked: the height is not known)"
    return usual if USUAL_M[0] <= height_m <= USUAL_M[1] else f"{usual}, though the height is unusual"


def _doubts(reading: Reading) -> list[str]:
    said = []
    height = reading.height_m
    if height is not None and not USUAL_M[0] <= height <= USUAL_M[1]:
        said.append(f"the body is {height:.3g} m tall; --source-unit states the unit of lengths.")
    legs = ("hips", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle")
    missing = [role for role in legs if role not in reading.skeleton.roles]
    if missing and reading.skeleton.roles:
        said.append(f"no joint plays {', '.join(missing)}: the motion cannot be put on another skeleton.")
    return said


def _tree(skeleton: Skeleton) -> list[str]:
    """One line a joint, indented below its parent, with the role it plays."""
    played: Mapping[str, str] = {joint: role for role, joint in skeleton.roles.items()}
    lines: list[str] = []
    waiting = [(0, 1)]
    while waiting:
        joint, depth = waiting.pop()
        name = skeleton.joints[joint]
        role = f"  [{played[name].replace('_', ' ')}]" if name in played else ""
        lines.append(f"{'  ' * min(depth, DEEPEST)}{name}{role}")
        waiting += [(child, depth + 1) for child in reversed(skeleton.children[joint])]
    return lines
