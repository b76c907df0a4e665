"""Body axes (up, left, forward) in a pose, and classification of rest poses: T-pose, A-pose, arms down or other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kinescale.rigging.joint_tree import Tree

SIDES = ("left", "right")
_LEG, _ARM = ("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")

SNAP_UP_DEGREES, SNAP_LEFT_DEGREES = 30.0, 1.0
"""A trunk, and a line across, this near to a coordinate axis are taken to lie along it: no back is quite straight."""
FOOT_AHEAD, JOINT_AHEAD = 0.3, 0.008
"""Least share of a foot's, or of a limb's, length by which it must point ahead to tell front from back."""

T_POSE_DEGREES, A_POSE_DEGREES = 15.0, 70.0
"""Arms less below the level than the first make a T-pose, less than the second an A-pose; further they hang down."""
LEAST_STRAIGHT = (0.8, 0.7)
"""Distance from hip to ankle over thigh plus shin of a leg that stands, in a rest pose and in a frame of a motion."""
LEVEL_TRUNK, LEAST_DOWN = 0.6, 0.6
"""Greatest cosine between an animal's trunk and legs, and how far down its limbs reach, over their length."""
MIRRORED = (0.8, 0.5)
"""Least cosine between the lines across hips and shoulders of a body that is not twisted, in either."""


@dataclass(frozen=True)
class Axes:
    """Unit vectors of a body in its pose's coordinates.

    ``ahead``: evidence that the front is at +``forward``, from ``seen_by`` ("toes", "knees", "elbows"): positive where
    it agrees with the sides, negative where it does not, 0 (``seen_by`` "") where there is none.
    """

    up: Float[np.ndarray, "3"]
    left: Float[np.ndarray, "3"]
    ahead: float
    seen_by: str

    @property
    def forward(self) -> Float[np.ndarray, "3"]:
        """Direction the body faces, by its sides."""
        return np.cross(self.left, self.up)

    @property
    def matrix(self) -> Float[np.ndarray, "3 3"]:
        """The rotation that turns the body upright (+Y) and to face +Z."""
        return np.stack([self.left, self.up, self.forward])


def body_axes(tree: Tree, roles: Mapping[str, int]) -> Axes | None:
    """The axes of a body with known ``roles``; ``None`` where too few joints are known."""
    at = {role: tree.positions[joint] for role, joint in roles.items()}
    legs, trunk = _down_legs(at), _along_trunk(at)
    if legs is None and trunk is None:
        return None
    rising = [part for part in (trunk, None if legs is None else -legs) if part is not None]
    up = snapped(_unit(np.sum(rising, axis=0)), SNAP_UP_DEGREES)
    pairs = [(f"left_{p}", f"right_{p}") for p in ("hip", "shoulder")]
    across = [_unit(at[a] - at[b]) for a, b in pairs if a in at and b in at]
    if not across:
        return None
    level = np.sum(across, axis=0)
    level = level - up * float(level @ up)
    if float(np.linalg.norm(level)) < 0.1 * len(across):
        return None
    left = _unit(level)
    left = snapped(left, SNAP_LEFT_DEGREES) if tree.symmetric else left
    left = _unit(left - up * float(left @ up))
    ahead, seen_by = _front(tree, roles, up, np.cross(left, up))
    return Axes(up, left, ahead, seen_by)


def _down_legs(at: Mapping[str, np.ndarray]) -> np.ndarray | None:
    legs = [at[f"{s}_ankle"] - at[f"{s}_hip"] for s in SIDES if f"{s}_ankle" in at and f"{s}_hip" in at]
    return _unit(np.sum(legs, axis=0)) if legs else None


def _along_trunk(at: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """From between the hip joints (or the hips) to between the shoulders (or the chest, neck or head)."""
    low = _between(at, "hip", ("hips", "spine1"))
    high = _between(at, "shoulder", ("spine3", "neck", "head"))
    if low is None or high is None or float(np.linalg.norm(high - low)) == 0:
        return None
    return _unit(high - low)


def _between(at: Mapping[str, np.ndarray], pair: str, others: tuple[str, ...]) -> np.ndarray | None:
    if f"left_{pair}" in at and f"right_{pair}" in at:
        return (at[f"left_{pair}"] + at[f"right_{pair}"]) / 2
    return next((at[role] for role in others if role in at), None)


def _front(tree: Tree, roles: Mapping[str, int], up: np.ndarray, forward: np.ndarray) -> tuple[float, str]:
    """Evidence for ``forward`` and its source: feet point along it, else knees bend along it or elbows against it."""
    feet = [foot for side in SIDES if (foot := foot_bone(tree, roles, side)) is not None]
    if feet:
        share = float(np.sum(feet, axis=0) @ forward) / sum(float(np.linalg.norm(foot)) for foot in feet)
        if abs(share) >= FOOT_AHEAD:
            return share, "toes"
    for name, places, sign in (
        ("knees", ("hip", "knee", "ankle"), 1.0),
        ("elbows", ("shoulder", "elbow", "wrist"), -1.0),
    ):
        share = sign * _bend(tree, roles, places, forward)
        if abs(share) >= JOINT_AHEAD:
            return share, name
    return 0.0, ""


def foot_bone(tree: Tree, roles: Mapping[str, int], side: str) -> np.ndarray | None:
    """From the ankle to the toes, else to the farthest child or end site of the ankle; ``None`` without any."""
    ankle, toes = roles.get(f"{side}_ankle"), roles.get(f"{side}_toes")
    if ankle is None:
        return None
    bone = tree.longest_bone(ankle) if toes is None else tree.positions[toes] - tree.positions[ankle]
    return bone if bone is not None and float(np.linalg.norm(bone)) > 0 else None


def _bend(tree: Tree, roles: Mapping[str, int], places: tuple[str, ...], forward: np.ndarray) -> float:
    """Offset of the middle joints of both limbs from the line between their ends, along ``forward``, over that line."""
    shares = []
    for side in SIDES:
        joints = [roles.get(f"{side}_{place}") for place in places]
        if None in joints:
            return 0.0
        a, b, c = (tree.positions[joint] for joint in joints)
        length = float(np.linalg.norm(c - a))
        if length > 0:
            line = (c - a) / length
            away = (b - a) - line * float((b - a) @ line)
            shares.append(float(away @ forward) / length)
    return float(np.mean(shares)) if shares else 0.0


def is_body(tree: Tree, roles: Mapping[str, int]) -> bool:
    """Whether the pose is one that a person can stand in: legs straight, apart and against the trunk, not twisted.

    Files whose joint frames point along the bones have a folded rest pose, which is none.
    """
    at = {role: tree.positions[joint] for role, joint in roles.items()}
    moving = 0 if tree.symmetric else 1
    if any(np.linalg.norm(span) < LEAST_STRAIGHT[moving] * whole for span, whole in _spans(at, _LEG)):
        return False
    legs, trunk = _down_legs(at), _along_trunk(at)
    if legs is None and trunk is None:
        return False
    if legs is not None and trunk is not None and float(legs @ trunk) > -0.5:
        return False
    # ankles in a walk may be anywhere
    pairs = [(f"left_{p}", f"right_{p}") for p in ("hip", "shoulder", *(() if moving else ("ankle",)))]
    lines = [_unit(at[a] - at[b]) for a, b in pairs if a in at and b in at]
    if any(float(a @ b) < MIRRORED[moving] for a in lines[:1] for b in lines[1:]):
        return False
    return all(abs(float(line @ trunk)) < 0.5 for line in lines) if trunk is not None else True


def is_creature(tree: Tree, roles: Mapping[str, int]) -> bool:
    """Whether a rest pose stands as animals do: on legs that are nearly straight, the trunk level over them.

    Front legs, where they are known as arms, point the same way as the hind legs.
    """
    at = {role: tree.positions[joint] for role, joint in roles.items()}
    legs, trunk = _down_legs(at), _along_trunk(at)
    if legs is None or trunk is None or abs(float(legs @ trunk)) > LEVEL_TRUNK:
        return False
    return all(float(span @ legs) >= LEAST_DOWN * whole for span, whole in _spans(at, _LEG, _ARM))


def _spans(at: Mapping[str, np.ndarray], *kinds: tuple[str, ...]) -> Iterator[tuple[np.ndarray, float]]:
    """Of each limb whose three joints are known: vector from its first to its last joint, length along its bones."""
    for names in ([f"{side}_{place}" for place in places] for side in SIDES for places in kinds):
        if all(name in at for name in names):
            a, b, c = (at[name] for name in names)
            yield c - a, float(np.linalg.norm(b - a) + np.linalg.norm(c - b))


def arm_angle_degrees(tree: Tree, roles: Mapping[str, int], axes: Axes) -> float | None:
    """How far the arms point below the level, degrees: 0 in a T-pose, 90 when they hang; mean of both."""
    angles = []
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        arm = tree.bone(roles, f"{side}_shoulder", f"{side}_wrist")
        if arm is not None:
            out = math.hypot(sign * float(arm @ axes.left), float(arm @ axes.forward))
            angles.append(math.degrees(math.atan2(-float(arm @ axes.up), out)))
    return float(np.mean(angles)) if angles else None


def rest_kind(tree: Tree, roles: Mapping[str, int], axes: Axes) -> str:
    """ "T-pose", "A-pose", "arms down" or "other" for a pose with these axes."""
    if not is_body(tree, roles):
        return "other"
    angle = arm_angle_degrees(tree, roles, axes)
    if angle is None or angle < -T_POSE_DEGREES:
        return "other"
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        arm = tree.bone(roles, f"{side}_shoulder", f"{side}_wrist")
        if arm is not None:
            arm = _unit(arm)
            # arms stretched to the front are neither
            if angle < A_POSE_DEGREES and sign * float(arm @ axes.left) < abs(float(arm @ axes.forward)):
                return "other"
    return "T-pose" if angle < T_POSE_DEGREES else "A-pose" if angle < A_POSE_DEGREES else "arms down"


def axis_name(direction: Float[np.ndarray, "3"]) -> str:
    """The coordinate axis nearest to a direction, as "+Y"."""
    axis = int(np.argmax(np.abs(direction)))
    return f"{'+' if direction[axis] >= 0 else '-'}{'XYZ'[axis]}"


def _unit(vector: np.ndarray) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else vector


def snapped(direction: Float[np.ndarray, "3"], degrees: float) -> Float[np.ndarray, "3"]:
    """A unit vector, or the coordinate axis that it is within ``degrees`` of."""
    axis = int(np.argmax(np.abs(direction)))
    near = np.zeros(3)
    near[axis] = np.sign(direction[axis])
    return near if float(direction @ near) >= math.cos(math.radians(degrees)) else direction
