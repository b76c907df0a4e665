"""Skeleton recognition: roles and T-pose of a skeleton from a file, by known joint names, else by names and geometry.

``recognize`` returns the skeleton; ``examine`` returns a report of what was found and how. ``role_guess`` combines
names and geometry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from kinescale.core.family import Family
from kinescale.rigging.body_axes import (
    SIDES,
    arm_angle_degrees,
    axis_name,
    body_axes,
    is_body,
    is_creature,
    rest_kind,
)
from kinescale.rigging.folded_pose import folded_t_pose
from kinescale.rigging.joint_tree import Tree, posed_trees, tree
from kinescale.rigging.role_guess import guess
from kinescale.rigging.t_pose import stands_like, t_pose
from kinescale.rigging.trunk import LEG_TO_HEIGHT
from kinescale.skeletons.base import Skeleton

LEAST_SHARE = 0.9
"""Share of a known skeleton's role joints that must be present by name."""
MAX_POSES = 16
"""Frames of a motion that are examined where the rest pose shows no standing body."""

Pose = Float[np.ndarray, "J 4"]
Poses = Float[np.ndarray, "T J 4"]


@dataclass(frozen=True)
class Reading:
    """Report on a skeleton: roles, how each was found, T-pose, axes and size.

    Parameters
    ----------
    skeleton : with its roles and T-pose.
    how : role -> "known skeleton NAME", "name", "geometry" or "file".
    sides : evidence for left and right: "names", "toes", "knees", "elbows", or "convention" where there is none.
    rest : "T-pose", "A-pose", "arms down" or "other"; "unknown" without a body's roles.
    arm_angle_degrees : how far the arms hang below the level at rest; ``None`` where unknown.
    up, forward : coordinate axis nearest to the body's at rest, as "+Y"; ``None`` where unknown.
    height_m : from the lowest to the highest point along ``up``, in a pose where the body stands.
    warnings : a sentence each.
    """

    skeleton: Skeleton
    how: Mapping[str, str]
    sides: str
    rest: str
    arm_angle_degrees: float | None
    up: str | None
    forward: str | None
    height_m: float | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    """``folded``: the T-pose was made from the bones' directions, as no rest pose stands; ``None``: there is none.
    ``creature``: the body stands as animals do, and has been given no roles.
    """

    skeleton: Skeleton
    how: Mapping[str, str]
    sides: str
    folded: bool | None
    creature: bool = False


def recognize(
    skeleton: Skeleton, *, rest: Pose | None = None, poses: Float[np.ndarray, "T J 4"] | None = None
) -> Skeleton:
    """The same tree with roles and T-pose, as far as they can be determined.

    Roles already set are kept. ``rest``: local rotations xyzw [J, 4] of the rest pose, where it is not the identities
    (node rotations of a glTF file). ``poses``: local rotations [T, J, 4] of a motion, some of which are examined where
    the rest pose is folded and shows no body. A skeleton that is not a person's is returned unchanged.

    Example
    -------
    >>> from kinescale import skeletons
    >>> bare = replace(skeletons.get("mixamo"), roles={})
    >>> recognize(bare).roles["left_knee"]
    'mixamorig:LeftLeg'
    """
    return skeleton if skeleton.roles else _find(skeleton, rest, poses, True).skeleton


def recognize_in_pose(skeleton: Skeleton, pose: Pose) -> Skeleton | None:
    """The skeleton with roles and T-pose taken from one pose; ``None`` where the body does not stand in it.

    ``pose``: local rotations xyzw, such as those that a skin was bound in. Roles already set are kept.
    """
    named = skeleton if skeleton.roles else _find(skeleton, pose, None, True).skeleton
    option, roles = tree(named, pose), named.role_indices()
    if not roles or not is_body(option, roles):
        return None
    axes = body_axes(option, roles)
    return None if axes is None else replace(named, t_pose=t_pose(option, roles, axes))


def examine(
    skeleton: Skeleton,
    *,
    rest: Pose | None = None,
    poses: Poses | None = None,
    known: bool = True,
) -> Reading:
    """Report of what ``recognize`` finds, and how. Roles already set are kept, and compared with what would be found.

    ``known=False`` leaves out the look-up of known skeletons by their names.
    """
    bare = replace(skeleton, roles={}, t_pose=None)
    found = _find(bare, rest, poses, known)
    if skeleton.roles:
        same = {role: how for role, how in found.how.items() if found.skeleton.roles[role] == skeleton.roles.get(role)}
        how = {role: same.get(role, "file") for role in skeleton.roles}
        folded = found.folded and _one_t_pose(skeleton, found.skeleton)
        found = _Found(skeleton, how, found.sides if same else "names", folded)
    return _describe(found, _trees(found.skeleton, rest, poses))


def _one_t_pose(one: Skeleton, other: Skeleton) -> bool:
    """Whether two T-poses of one tree have the same joint positions; else one comes from outside the skeleton."""
    a, b = (tree(each, each.t_pose).positions for each in (one, other))
    return bool(np.abs(a - b).max() < 1e-3 * max(float(np.ptp(a[:, 1])), 1e-9))


def _find(skeleton: Skeleton, rest: Pose | None, poses: np.ndarray | None, known: bool) -> _Found:
    match = _known(skeleton) if known else None
    if match is not None:
        found = _as_known(skeleton, match, rest, poses)
    else:
        first = tree(skeleton, rest)
        guessed = guess(first, lambda: posed_trees_of(skeleton, poses))
        roles = {role: skeleton.joints[joint] for role, joint in guessed.roles.items()}
        if not roles:
            return _Found(skeleton, {}, "", None)
        named = replace(skeleton, roles=roles)
        made, folded = with_t_pose(named, _trees(named, rest, poses))
        found = _Found(made, guessed.how, guessed.sides or "convention", folded)
    if found.folded is not False and _is_animal(found.skeleton, rest, poses):
        return _Found(skeleton, {}, "", None, True)
    return found


def _is_animal(skeleton: Skeleton, rest: Pose | None, poses: np.ndarray | None) -> bool:
    """Whether the rest pose stands on its legs as animals do, and no frame shows a person standing."""
    roles = skeleton.role_indices()
    if not is_creature(tree(skeleton, rest), roles):
        return False
    return not any(is_body(frame, roles) for frame in posed_trees_of(skeleton, poses))


def with_t_pose(skeleton: Skeleton, trees: Sequence[Tree]) -> tuple[Skeleton, bool | None]:
    """The skeleton with the T-pose that the first standing rest pose gives, and whether there was none.

    Where none stands the T-pose is made from bone directions (``folded_pose``), so that it does not depend on the clip;
    ``None`` when the roles do not allow that either, and the T-pose is left as it is.
    """
    roles = skeleton.role_indices()
    for option in trees:
        axes = body_axes(option, roles) if option.symmetric and is_body(option, roles) else None
        if axes is not None:
            return replace(skeleton, t_pose=t_pose(option, roles, axes)), False
    rest = next((option for option in trees if option.symmetric), None)
    pose = None if rest is None else folded_t_pose(rest, roles, [option for option in trees if not option.symmetric])
    if pose is None:
        return skeleton, None
    return replace(skeleton, t_pose=pose), True


def _trees(skeleton: Skeleton, rest: Pose | None, poses: np.ndarray | None) -> list[Tree]:
    """The rest pose, followed by the examined frames where the body does not stand at rest."""
    first = tree(skeleton, rest)
    return [first] if is_body(first, skeleton.role_indices()) else [first, *posed_trees_of(skeleton, poses)]


def stature(skeleton: Skeleton) -> float | None:
    """Height of a person: of the T-pose where that stands, else from the legs; ``None`` where those have no roles.

    In the unit of the offsets, independent of any clip.
    """
    roles = skeleton.role_indices()
    tall = tree(skeleton, skeleton.t_pose)
    if roles and is_body(tall, roles):
        return tall.height or None
    legs = [
        [roles[f"{side}_{place}"] for place in ("hip", "knee", "ankle")]
        for side in SIDES
        if all(f"{side}_{place}" in roles for place in ("hip", "knee", "ankle"))
    ]
    lengths = [float(np.linalg.norm(np.diff(tall.positions[leg], axis=0), axis=1).sum()) for leg in legs]
    return sum(lengths) / len(lengths) / LEG_TO_HEIGHT or None if lengths else None


def rest_up(skeleton: Skeleton) -> str | None:
    """The coordinate axis along which the rest pose stands, as "+z"; ``None`` where it shows no standing body."""
    roles, rest = skeleton.role_indices(), tree(skeleton)
    axes = body_axes(rest, roles) if roles and is_body(rest, roles) else None
    return None if axes is None else axis_name(axes.up).lower()


def posed_trees_of(skeleton: Skeleton, poses: Poses | None) -> list[Tree]:
    """The skeleton in up to ``MAX_POSES`` evenly spaced frames of a motion."""
    if poses is None or not len(poses):
        return []
    chosen = np.unique(np.linspace(0, len(poses) - 1, MAX_POSES).round().astype(int))
    return posed_trees(skeleton, np.asarray(poses)[chosen])


def _known(skeleton: Skeleton) -> Skeleton | None:
    """The known skeleton of which most role joints are present by name; ``None`` when none fits."""
    family = Family("kinescale.skeletons", "skeleton")
    here = set(skeleton.joints)
    best: tuple[int, Skeleton] | None = None
    for name in family.names():
        option: Skeleton = family.get(name, "SKELETON")
        present = sum(joint in here for joint in option.roles.values())
        if present >= LEAST_SHARE * len(option.roles) and (best is None or present > best[0]):
            best = (present, option)
    return None if best is None else best[1]


def _as_known(skeleton: Skeleton, known: Skeleton, rest: Pose | None, poses: np.ndarray | None) -> _Found:
    """Roles of the known skeleton, and its T-pose where that is a T-pose of this skeleton too."""
    roles = {role: joint for role, joint in known.roles.items() if joint in skeleton.joints}
    how = dict.fromkeys(roles, f"known skeleton {known.name}")
    pose = None
    if known.t_pose is not None:
        # Joints the known skeleton does not list (fingers, twist bones) keep their rest rotation.
        pose = np.tile([0.0, 0.0, 0.0, 1.0], (len(skeleton), 1))
        for row, joint in enumerate(skeleton.joints):
            if joint in known.joints:
                pose[row] = known.t_pose[known.index(joint)]
    named = replace(skeleton, roles=roles, t_pose=pose)
    in_known_pose = tree(named, pose)
    if rest is None and stands_like(in_known_pose, tree(known, known.t_pose)):
        return _Found(named, how, "names", False)
    trees = [tree(named, rest), in_known_pose, *posed_trees_of(named, poses)]
    made, folded = with_t_pose(named, trees)
    return _Found(made, how, "names", folded)


def _describe(found: _Found, trees: Sequence[Tree]) -> Reading:
    roles = found.skeleton.role_indices()
    rest = trees[0]
    standing = next((option for option in trees if is_body(option, roles)), None)
    axes = body_axes(rest, roles) if standing is rest else None
    kind, angle = "unknown", None
    if roles:
        kind = rest_kind(rest, roles, axes) if axes is not None else "other"
        angle = arm_angle_degrees(rest, roles, axes) if axes is not None else None
    height = None
    if standing is not None:
        height = tree(found.skeleton, found.skeleton.t_pose).height
    return Reading(
        found.skeleton,
        found.how,
        found.sides,
        kind,
        angle,
        None if axes is None else axis_name(axes.up),
        None if axes is None else axis_name(axes.forward),
        height,
        tuple(_warnings(found, trees, standing)),
    )


def _warnings(found: _Found, trees: Sequence[Tree], standing: Tree | None) -> list[str]:
    roles = found.skeleton.role_indices()
    if found.creature:
        return [
            "the body stands with its trunk level over its legs, as animals do, and never upright: no joint is given a "
            "role, so that it is not taken for a person; --roles gives them by hand."
        ]
    if not roles:
        return ["no joint has a role: the names say nothing, and the shape is not that of a person."]
    warnings = []
    axes = body_axes(trees[0], roles) if standing is trees[0] else None
    if found.sides == "convention":
        warnings.append("nothing tells left from right; sides are taken as if the body faced +Z (-Y where Z is up).")
    elif axes is not None and axes.seen_by == "toes" and axes.ahead < 0:
        warnings.append("the toes point backwards for these sides; left and right may be exchanged.")
    if found.folded is None and found.skeleton.t_pose is None and standing is None:
        warnings.append("no pose was found in which the body stands, so that its T-pose is not known.")
    elif found.folded:
        never = "" if standing is not None else ", and no frame shows the body standing"
        warnings.append(
            f"the rest pose is folded up{never}; the T-pose was made from the directions of the bones, and how limbs "
            f"are turned about themselves is a guess."
        )
    return warnings
