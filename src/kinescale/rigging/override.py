"""User override of roles and T-pose: a small JSON file that maps roles to joints and describes the rest pose.

    {"roles": {"left_shoulder": "LeftArm", "spine2": null}, "guess": true, "rest": "auto", "up": "+y", "forward": "+z"}

``roles``: role -> joint, or null for none. ``guess``: whether roles that are not named stay as they were found; without
them only those given count. ``rest``: "auto"; "t_pose", the rest pose has its arms out already; "a_pose", it stands
with its arms hanging, however odd it looks. ``up`` and ``forward``: the rest pose's axes, where they are guessed wrong.
Every entry may be left out.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from kinescale.core.errors import InputError, SkeletonError
from kinescale.core.files import read_bytes_bounded
from kinescale.core.records import read_json
from kinescale.kinematics.rotations import matrix_to_quat
from kinescale.rigging.body_axes import Axes, body_axes
from kinescale.rigging.joint_tree import tree
from kinescale.rigging.recognize import Poses, posed_trees_of, with_t_pose
from kinescale.rigging.t_pose import t_pose
from kinescale.skeletons.base import ROLES, Skeleton

MAX_BYTES = 1024 * 1024
RESTS = ("auto", "t_pose", "a_pose")
AXIS_NAMES = ("+x", "-x", "+y", "-y", "+z", "-z")
_KEYS = ("roles", "guess", "rest", "up", "forward")
_SHOWN = 60


@dataclass(frozen=True)
class Override:
    """Override of roles and rest pose; fields as in the module's docstring. ``source`` begins error messages."""

    roles: Mapping[str, str | None] = field(default_factory=dict)
    guess: bool = True
    rest: str = "auto"
    up: str | None = None
    forward: str | None = None
    source: str = "roles"

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", MappingProxyType(dict(self.roles)))
        for role in self.roles:
            if role not in ROLES:
                raise InputError(f"{self.source}: '{_short(role)}' is no role{_nearest(role, ROLES)}")
        taken: dict[str, str] = {}
        for role, joint in self.roles.items():
            if joint is not None and joint in taken:
                raise InputError(f"{self.source}: joint '{_short(joint)}' plays both '{taken[joint]}' and '{role}'.")
            if joint is not None:
                taken[joint] = role
        if self.rest not in RESTS:
            raise InputError(f"{self.source}: 'rest' is '{_short(self.rest)}'; expected one of {', '.join(RESTS)}.")
        for name in ("up", "forward"):
            axis = getattr(self, name)
            if axis is not None and axis not in AXIS_NAMES:
                raise InputError(
                    f"{self.source}: '{name}' is '{_short(axis)}'; expected one of {', '.join(AXIS_NAMES)}."
                )
        if (self.up is None) != (self.forward is None):
            raise InputError(f"{self.source}: 'up' and 'forward' belong together; give both or none.")
        if self.up is not None and self.forward is not None and self.up[1] == self.forward[1]:
            raise InputError(f"{self.source}: 'up' and 'forward' are both along {self.up[1]}; expected two axes.")


def read_override(path: str | Path) -> Override:
    """Read an override from a JSON file; ``InputError`` for anything that is not as described above."""
    read_bytes_bounded(path, MAX_BYTES)
    value = read_json(path, error=InputError)
    where = str(path)
    if not isinstance(value, dict):
        raise InputError(f'{where}: holds no object; expected one such as {{"roles": {{"left_hip": "LeftUpLeg"}}}}.')
    for key in value:
        if key not in _KEYS:
            raise InputError(f"{where}: '{_short(key)}' is no entry{_nearest(key, _KEYS)}")
    roles = value.get("roles", {})
    if not isinstance(roles, dict) or not all(joint is None or isinstance(joint, str) for joint in roles.values()):
        raise InputError(f"{where}: 'roles' must map roles to names of joints, or to null for none.")
    if not isinstance(value.get("guess", True), bool):
        raise InputError(f"{where}: 'guess' must be true or false.")
    for key in ("rest", "up", "forward"):
        if key in value and not isinstance(value[key], str):
            raise InputError(f"{where}: '{key}' must be a text.")
    return Override(**{**_lower(value), "source": where})


def _lower(value: dict[str, Any]) -> dict[str, Any]:
    """Axes in small letters, with their sign."""
    axes = {key: value[key].lower() for key in ("up", "forward") if key in value}
    return {**value, **{key: axis if axis[:1] in ("+", "-") else f"+{axis}" for key, axis in axes.items()}}


def override(skeleton: Skeleton, wanted: Override, *, poses: Poses | None = None) -> Skeleton:
    """The skeleton with the roles of an override, and the T-pose that follows from them.

    ``poses``: local rotations [T, J, 4] of a motion, examined where the rest pose is folded up, as in ``recognize``.
    Raises ``InputError`` for a joint that is not there, naming the nearest one, and ``SkeletonError`` when ``rest``
    calls for a T-pose and the roles do not show how the body stands.
    """
    for joint in wanted.roles.values():
        if joint is not None and joint not in skeleton.joints:
            raise InputError(
                f"{wanted.source}: there is no joint '{_short(joint)}' in '{_short(skeleton.name)}'"
                f"{_nearest(joint, skeleton.joints)}"
            )
    given = {role: joint for role, joint in wanted.roles.items() if joint is not None}
    # a joint that is given a role loses the one guessed for it
    kept = {
        role: joint
        for role, joint in (skeleton.roles if wanted.guess else {}).items()
        if role not in wanted.roles and joint not in given.values()
    }
    made = replace(skeleton, roles={role: joint for role in ROLES if (joint := {**kept, **given}.get(role))})
    roles = made.role_indices()
    if wanted.rest == "auto" and wanted.up is None:
        if all(
            made.roles.get(role) == skeleton.roles.get(role) for role in ROLES if role.startswith(("left", "right"))
        ):
            return made
        options = [tree(made), *([] if made.t_pose is None else [tree(made, made.t_pose)])]
        return with_t_pose(made, [*options, *posed_trees_of(made, poses)])[0]
    rest = tree(made)
    axes = _axes(wanted) if wanted.up is not None else body_axes(rest, roles)
    if axes is None:
        raise SkeletonError(
            f"{wanted.source}: the roles do not show how the body stands at rest; give 'up' and 'forward', or the "
            f"roles of both hips and ankles."
        )
    if wanted.rest == "t_pose":
        return replace(made, t_pose=_turned_only(made, axes))
    return replace(made, t_pose=t_pose(rest, roles, axes))


def _axes(wanted: Override) -> Axes:
    given = (wanted.up or "+y", wanted.forward or "+z")
    up, forward = (np.eye(3)["xyz".index(axis[1])] * (1 if axis[0] == "+" else -1) for axis in given)
    return Axes(up, np.cross(up, forward), 1.0, "")


def _turned_only(skeleton: Skeleton, axes: Axes) -> np.ndarray | None:
    """The T-pose of a body whose rest pose is one, but for where it faces."""
    if np.abs(axes.matrix - np.eye(3)).max() < 1e-9:
        return None
    pose = np.tile([0.0, 0.0, 0.0, 1.0], (len(skeleton), 1))
    pose[0] = matrix_to_quat(torch.from_numpy(axes.matrix.copy())).numpy()
    return pose


def _nearest(name: str, known: tuple[str, ...]) -> str:
    """The end of a message: the nearest of the known names."""
    lower = {option.lower(): option for option in reversed(known)}
    near = difflib.get_close_matches(name[:_SHOWN].lower(), list(lower), n=1, cutoff=0.4)
    listed = ", ".join(_short(option) for option in known[:6]) + (", ..." if len(known) > 6 else "")
    return f"; did you mean '{_short(lower[near[0]])}'?" if near else f"; expected one such as {listed}."


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
