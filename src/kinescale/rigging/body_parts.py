"""Body parts by name: the roles of each part and their joints on a skeleton.

A part is a set of roles, so that one name means the same on every skeleton. Every role is a part of its own, too.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from kinescale.core.errors import InputError, SkeletonError
from kinescale.skeletons.base import ROLES, Skeleton

ROOT_ROLE = "hips"
"""The role whose joint follows the path over the ground."""


def _limb(side: str, *roles: str) -> tuple[str, ...]:
    return tuple(f"{side}_{role}" for role in roles)


_ARM, _LEG = ("collar", "shoulder", "elbow", "wrist"), ("hip", "knee", "ankle", "toes")
_HEAD, _TORSO = ("neck", "head"), ("spine1", "spine2", "spine3")
_ARMS = _limb("left", *_ARM) + _limb("right", *_ARM)
_LEGS = _limb("left", *_LEG) + _limb("right", *_LEG)

PARTS: dict[str, tuple[str, ...]] = {
    "root": (ROOT_ROLE,),
    "torso": _TORSO,
    "head": _HEAD,
    "left_arm": _limb("left", *_ARM),
    "right_arm": _limb("right", *_ARM),
    "left_leg": _limb("left", *_LEG),
    "right_leg": _limb("right", *_LEG),
    "arms": _ARMS,
    "legs": _LEGS,
    "upper_body": _TORSO + _HEAD + _ARMS,
    "lower_body": (ROOT_ROLE, *_LEGS),
    "body": ROLES,
}
"""Part -> roles. ``root`` is the hips and the path over the ground."""


def part_names(text: str | Sequence[str]) -> tuple[str, ...]:
    """The parts named in ``"left_arm,head"`` or in a sequence, each once, in the order given.

    Hyphens and spaces are read as underscores. Raises ``InputError`` for a name that is neither a part nor a role.
    """
    words = text.split(",") if isinstance(text, str) else list(text)
    names = ["_".join(word.replace("-", " ").lower().split()) for word in words]
    for name in names:
        if name not in PARTS and name not in ROLES:
            near = difflib.get_close_matches(name, [*PARTS, *ROLES], n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise InputError(f"there is no part '{name}' of the body{hint} Known: {', '.join(PARTS)}, or a role.")
    return tuple(dict.fromkeys(names))


def part_roles(names: Iterable[str]) -> frozenset[str]:
    """The roles of some parts together; those of all for none."""
    named = part_names(list(names))
    return frozenset(role for name in named for role in PARTS.get(name, (name,))) or frozenset(ROLES)


def part_joints(skeleton: Skeleton, roles: Iterable[str], names: Sequence[str] = ()) -> tuple[int, ...]:
    """The joints that play ``roles``, and those without a role below them (fingers belong to their wrist), ascending.

    Raises ``SkeletonError`` when no joint plays any of them; ``names`` are the parts to blame.
    """
    wanted = set(roles)
    played = {joint: role for role, joint in skeleton.role_indices().items()}
    inside: list[bool] = []
    for joint, parent in enumerate(skeleton.parents):
        inherited = inside[parent] if parent >= 0 else ROOT_ROLE in wanted
        inside.append(played[joint] in wanted if joint in played else inherited)
    joints = tuple(joint for joint, within in enumerate(inside) if within)
    if not joints:
        what = f"the part {', '.join(names)}" if names else "these parts"
        raise SkeletonError(
            f"skeleton '{skeleton.name}' has no joint that plays a role of {what}; say with --roles FILE.json which "
            "joint plays which."
        )
    return joints
