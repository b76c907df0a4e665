"""Side (left, right, middle) of each joint: by role, else by name, else that of its parent."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kinescale.skeletons.base import Skeleton

LEFT, RIGHT, MIDDLE = "left", "right", "middle"
SIDES = (LEFT, RIGHT)

_WORDS = (("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT"))


def joint_sides(skeleton: Skeleton) -> tuple[str, ...]:
    """The side of each joint: "left", "right" or "middle".

    A role decides; without one, a name whose mirror name is also a joint (so "lowerback" is no left joint);
    joints with neither have the side of their parent, as fingers do.
    """
    by_role = {joint: role.split("_")[0] if "_" in role else MIDDLE for role, joint in skeleton.roles.items()}
    names = set(skeleton.joints)
    sides: list[str] = []
    for joint, parent in zip(skeleton.joints, skeleton.parents, strict=True):
        above = sides[parent] if parent >= 0 else MIDDLE
        sides.append(by_role.get(joint) or name_side(joint, names) or above)
    return tuple(sides)


def name_side(name: str, names: set[str]) -> str | None:
    """Side in a joint's name, given all joint names; ``None`` when there is none."""
    for side, other in _mirrors(name):
        if other in names:
            return side
    return None


def _mirrors(name: str) -> Iterator[tuple[str, str]]:
    for left, right in _WORDS:
        if left in name:
            yield LEFT, name.replace(left, right)
        if right in name:
            yield RIGHT, name.replace(right, left)
    # A lone letter: first (lfemur, LHip, l_hip), last (hip_l, hip.L) or between separators (arm_L_twist).
    for match in re.finditer(r"(?:^|(?<=[_.:\- ]))[lLrR]|[lLrR](?=$|[_.:\- ])", name):
        letter, at = match.group(), match.start()
        swapped = {"l": "r", "L": "R", "r": "l", "R": "L"}[letter]
        yield (LEFT if letter in "lL" else RIGHT), name[:at] + swapped + name[at + 1 :]
