"""Drawn body of a skeleton: bones with side and thickness, and the head.

Points are the joints, then the end sites. Bones are as thick as the part of a body they belong to.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kinescale.render.base.sides import joint_sides
from kinescale.skeletons.base import Skeleton

ADULT_THIGH = 0.40
"""Meters; the radii below are those of a body with such a thigh."""

SIZES = (0.05, 20.0)
"""Smallest and largest scale of a body relative to an adult's."""


class Thickness(NamedTuple):
    """Radii of a bone at its two ends, meters."""

    start: float
    end: float


class Bone(NamedTuple):
    """A line between two points, with the side of its lower end and its radii."""

    start: int
    end: int
    side: str
    thickness: Thickness = Thickness(0.03, 0.03)


PARTS = {
    "hip": Thickness(0.075, 0.085),
    "knee": Thickness(0.083, 0.056),
    "ankle": Thickness(0.056, 0.036),
    "toes": Thickness(0.038, 0.030),
    "spine1": Thickness(0.095, 0.090),
    "spine2": Thickness(0.090, 0.095),
    "spine3": Thickness(0.095, 0.095),
    "neck": Thickness(0.095, 0.050),
    "head": Thickness(0.048, 0.046),
    "collar": Thickness(0.085, 0.064),
    "shoulder": Thickness(0.060, 0.052),
    "elbow": Thickness(0.048, 0.038),
    "wrist": Thickness(0.038, 0.027),
}
"""By the role, without its side, of the joint at the bone's end."""

BEYOND = {
    "wrist": Thickness(0.024, 0.018),
    "ankle": Thickness(0.034, 0.026),
    "toes": Thickness(0.028, 0.022),
}
"""Of bones past the last joint with a role, by that joint's role."""

FINGER = Thickness(0.012, 0.009)
ELSE = Thickness(0.030, 0.022)


def bones(skeleton: Skeleton) -> tuple[Bone, ...]:
    """The bones of a body: to joints in their order, then to end sites."""
    sides, radii = joint_sides(skeleton), thicknesses(skeleton)
    # in some files the hips are below a node on the floor: that link is not a bone
    above = {0}
    joint = body_of(skeleton)
    while joint > 0:
        above.add(joint)
        joint = skeleton.parents[joint]
    within = _in_head(skeleton)
    found = [
        Bone(parent, joint, sides[joint], radii[joint])
        for joint, parent in enumerate(skeleton.parents)
        if joint not in above and parent not in within
    ]
    ends = [(k, end.joint) for k, end in enumerate(skeleton.ends, start=len(skeleton)) if end.joint not in within]
    return (*found, *(Bone(joint, k, sides[joint], radii[k]) for k, joint in ends))


def body_of(skeleton: Skeleton) -> int:
    """The joint whose path is the body's: the hips, else joint 0."""
    return skeleton.role("hips") if "hips" in skeleton.roles else 0


def head(skeleton: Skeleton) -> tuple[int, int] | None:
    """The head's joint and its tip (the joint itself where it has none); ``None`` without a head."""
    if "head" not in skeleton.roles:
        return None
    joint = skeleton.role("head")
    tips = [len(skeleton) + i for i, end in enumerate(skeleton.ends) if end.joint == joint]
    if not tips and len(skeleton.children[joint]) == 1:
        tips = [skeleton.children[joint][0]]
    return joint, tips[0] if tips else joint


def _in_head(skeleton: Skeleton) -> set[int]:
    """The head's joint and all below it: eyes, a jaw, its top. The head is drawn as one."""
    if "head" not in skeleton.roles:
        return set()
    within = {skeleton.role("head")}
    for joint, parent in enumerate(skeleton.parents):
        if parent in within:
            within.add(joint)
    return within


def thicknesses(skeleton: Skeleton) -> tuple[Thickness, ...]:
    """Radii of the bone that ends at each joint, then of those that end at each end site."""
    scale = body_scale(skeleton)
    parts = {joint: role.split("_")[-1] for role, joint in skeleton.role_indices().items()}
    below = _role_below(skeleton, parts)
    hands = {joint for joint, part in parts.items() if part == "wrist"}
    radii: list[Thickness] = []
    past: list[str | None] = []
    for joint, parent in enumerate(skeleton.parents):
        above = past[parent] if parent >= 0 else None
        past.append(parts.get(joint, above))
        part = below[joint]
        if part in PARTS:
            radii.append(_scaled(PARTS[part], scale))
        else:
            finger = above == "wrist" and (parent not in hands or len(skeleton.children[parent]) > 1)
            radii.append(_scaled(FINGER if finger else BEYOND.get(above or "", ELSE), scale))
    for end in skeleton.ends:
        above = past[end.joint]
        finger = above == "wrist" and end.joint not in hands
        radii.append(_scaled(FINGER if finger else BEYOND.get(above or "", ELSE), scale))
    return tuple(radii)


def body_scale(skeleton: Skeleton) -> float:
    """Size of a skeleton relative to an adult's: by its thigh, else by its longest path from root to leaf."""
    lengths = np.linalg.norm(skeleton.offsets, axis=1)
    thighs = [lengths[skeleton.role(f"{s}_knee")] for s in ("left", "right") if f"{s}_knee" in skeleton.roles]
    size = float(np.mean(thighs)) / ADULT_THIGH if thighs else _reach(skeleton, lengths)
    return float(np.clip(size, *SIZES))


def _reach(skeleton: Skeleton, lengths: np.ndarray) -> float:
    way = np.zeros(len(skeleton))
    for joint, parent in enumerate(skeleton.parents):
        if parent >= 0:
            way[joint] = way[parent] + lengths[joint]
    return float(way.max()) or 1.0


def _role_below(skeleton: Skeleton, parts: dict[int, str]) -> list[str]:
    """The role of each joint, else of the first joint below it that has one: a bone in two pieces is one bone."""
    below = [parts.get(joint, "") for joint in range(len(skeleton))]
    for joint in range(len(skeleton) - 1, 0, -1):
        parent = skeleton.parents[joint]
        if below[joint] and not below[parent]:
            below[parent] = below[joint]
    return below


def _scaled(thickness: Thickness, scale: float) -> Thickness:
    return Thickness(round(thickness.start * scale, 5), round(thickness.end * scale, 5))
