"""The skeleton contract: a tree of named joints with rest offsets, a T-pose and roles.

Offsets are in meters in the parent's frame. Rotating every joint by the identity gives the *rest* pose, as files
draw it; ``t_pose`` holds the local rotations that make a T-pose out of it (arms along +-X, legs straight down,
toes and face along +Z), which is what retargeting compares. Where the rest pose is the T-pose they are identities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np

from kinescale.core.conventions import MAX_JOINTS, MAX_LENGTH_M
from kinescale.core.errors import SkeletonError

ROLES = (
    "hips",
    *("spine1", "spine2", "spine3", "neck", "head"),
    *("left_collar", "left_shoulder", "left_elbow", "left_wrist"),
    *("right_collar", "right_shoulder", "right_elbow", "right_wrist"),
    *("left_hip", "left_knee", "left_ankle", "left_toes"),
    *("right_hip", "right_knee", "right_ankle", "right_toes"),
)
"""All roles of joints; retargeting, contacts, mirroring and captions address joints by them."""


@dataclass(frozen=True)
class EndSite:
    """The tip of a leaf joint: a bone end with no rotation of its own. ``offset`` in meters, [3]."""

    joint: int
    offset: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Joint tree with rest offsets, roles and T-pose; immutable.

    Parameters
    ----------
    name : its name in files and messages.
    joints : J unique names; a parent always comes before its children; joint 0 is the root.
    parents : J indices, -1 for the root.
    offsets : float64 [J, 3], meters, in the parent's frame at rest; the root's is normally zero.
    roles : role (one of ``ROLES``) -> joint name; partial maps are allowed.
    t_pose : float64 [J, 4] xyzw local rotations that make the T-pose; ``None`` means the rest pose is one.
    ends : tips of leaf joints.

    Raises ``SkeletonError`` for an invalid tree, names or numbers.

    Example
    -------
    >>> import numpy as np
    >>> from kinescale import Skeleton
    >>> offsets = np.array([[0.0, 0.0, 0.0], [0.0, -0.4, 0.0]])
    >>> leg = Skeleton("leg", ("hip", "knee"), (-1, 0), offsets, {"left_hip": "hip"})
    >>> leg
    Skeleton(leg, 2 joints, 1 roles)
    >>> leg.role("left_hip"), leg.children
    (0, ((1,), ()))
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    roles: Mapping[str, str] = field(default_factory=dict)
    t_pose: np.ndarray | None = None
    ends: tuple[EndSite, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.joints)
        if not 1 <= count <= MAX_JOINTS:
            raise SkeletonError(f"skeleton '{self.name}' has {count} joints; expected 1 to {MAX_JOINTS}.")
        if len(set(self.joints)) != count:
            twice = sorted({j for j in self.joints if self.joints.count(j) > 1})
            raise SkeletonError(f"skeleton '{self.name}' has two joints named '{twice[0]}'.")
        if len(self.parents) != count or self.parents[0] != -1:
            raise SkeletonError(f"skeleton '{self.name}': joint 0 must be the root, and each joint needs a parent.")
        for joint, parent in enumerate(self.parents[1:], start=1):
            if not 0 <= parent < joint:
                raise SkeletonError(f"skeleton '{self.name}': joint '{self.joints[joint]}' comes before its parent.")
        for role, joint in self.roles.items():
            if role not in ROLES:
                raise SkeletonError(f"'{role}' is not a role. Known: {', '.join(ROLES)}.")
            if joint not in self.joints:
                raise SkeletonError(f"skeleton '{self.name}' has no joint '{joint}' for the role '{role}'.")
        object.__setattr__(self, "joints", tuple(self.joints))
        object.__setattr__(self, "parents", tuple(int(p) for p in self.parents))
        object.__setattr__(self, "offsets", _frozen(self.offsets, (count, 3), f"offsets of '{self.name}'"))
        object.__setattr__(self, "roles", MappingProxyType(dict(self.roles)))
        for end in self.ends:
            if not (0 <= end.joint < count and all(abs(value) <= MAX_LENGTH_M for value in end.offset)):
                raise SkeletonError(f"skeleton '{self.name}' has an end site of no joint, or too far away.")
        if self.t_pose is not None:
            object.__setattr__(self, "t_pose", _frozen(self.t_pose, (count, 4), f"T-pose of '{self.name}'"))

    def __len__(self) -> int:
        return len(self.joints)

    def __repr__(self) -> str:
        return f"Skeleton({self.name}, {len(self)} joints, {len(self.roles)} roles)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Skeleton):
            return NotImplemented
        return (
            self.joints == other.joints
            and self.parents == other.parents
            and np.array_equal(self.offsets, other.offsets)
            and self.ends == other.ends
        )

    def __hash__(self) -> int:
        return hash((self.joints, self.parents))

    def index(self, joint: str) -> int:
        """Index of a joint by name."""
        try:
            return self.joints.index(joint)
        except ValueError:
            raise SkeletonError(f"skeleton '{self.name}' has no joint '{joint}'.") from None

    def role(self, role: str) -> int:
        """Index of the joint with a role; ``SkeletonError`` when there is none."""
        if role not in self.roles:
            raise SkeletonError(f"skeleton '{self.name}' has no joint for the role '{role}'.")
        return self.index(self.roles[role])

    def role_indices(self) -> dict[str, int]:
        """Role -> joint index for all roles that have a joint."""
        return {role: self.index(joint) for role, joint in self.roles.items()}

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """Child indices of each joint, in rising order."""
        found: list[list[int]] = [[] for _ in self.parents]
        for joint, parent in enumerate(self.parents[1:], start=1):
            found[parent].append(joint)
        return tuple(map(tuple, found))

    def renamed(self, name: str) -> Skeleton:
        """The same skeleton under another name."""
        return replace(self, name=name, roles=dict(self.roles))


def _frozen(values: object, shape: tuple[int, ...], what: str) -> np.ndarray:
    array = np.array(values, dtype=np.float64)
    if array.shape != shape:
        raise SkeletonError(f"{what}: shape {array.shape}; expected {shape}.")
    if not (np.abs(array) <= MAX_LENGTH_M).all():
        raise SkeletonError(f"{what}: holds a value that is not finite or above {MAX_LENGTH_M:g}.")
    array.setflags(write=False)
    return array


def role_mirror(role: str) -> str:
    """The role on the other side: ``left_hip`` <-> ``right_hip``; the middle stays."""
    if role.startswith("left_"):
        return "right_" + role[5:]
    if role.startswith("right_"):
        return "left_" + role[6:]
    return role
