"""Adult body shared by the Mixamo and Unity skeletons: about 1.75 m tall, in a T-pose, in meters.

The proportions are our own, rounded from those of anatomy (Drillis and Contini 1966, "Body Segment Parameters"); the
hands are those of the SMPL skeletons here.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from kinescale.skeletons.base import ROLES, EndSite, Skeleton
from kinescale.skeletons.base.smpl_body import Vector, fingertips, hand_rows

_BODY: tuple[tuple[str, str, Vector], ...] = (
    # part, parent part, offset; parts of the left side stand for both sides
    ("hips", "", (0.0, 0.0, 0.0)),
    ("spine1", "hips", (0.0, 0.10, -0.01)),
    ("spine2", "spine1", (0.0, 0.11, -0.01)),
    ("spine3", "spine2", (0.0, 0.12, 0.0)),
    ("neck", "spine3", (0.0, 0.16, -0.01)),
    ("head", "neck", (0.0, 0.09, 0.02)),
    ("head_top", "head", (0.0, 0.19, 0.02)),
    ("jaw", "head", (0.0, 0.01, 0.03)),
    ("left_eye", "head", (0.032, 0.075, 0.085)),
    ("left_collar", "spine3", (0.05, 0.11, -0.01)),
    ("left_shoulder", "left_collar", (0.125, 0.0, -0.01)),
    ("left_elbow", "left_shoulder", (0.275, 0.0, 0.0)),
    ("left_wrist", "left_elbow", (0.25, 0.0, 0.0)),
    *(row for row in hand_rows("left")),
    *((f"{joint[:-1]}4", joint, tip) for joint, tip in fingertips().items() if joint.startswith("left")),
    ("left_hip", "hips", (0.09, -0.06, 0.0)),
    ("left_knee", "left_hip", (0.0, -0.43, 0.0)),
    ("left_ankle", "left_knee", (0.0, -0.41, 0.0)),
    ("left_toes", "left_ankle", (0.0, -0.06, 0.13)),
    ("left_toe_tip", "left_toes", (0.0, 0.0, 0.07)),
)
ROWS = {part: (parent, offset) for part, parent, offset in _BODY}


def both(names: Mapping[str, str], right: Mapping[str, str]) -> dict[str, str]:
    """Names of the parts of both sides: right ones are left ones with the words of ``right`` replaced."""
    mirrored = {}
    for part, name in names.items():
        if part.startswith("left_"):
            for word, other in right.items():
                name = name.replace(word, other)
            mirrored["right_" + part[5:]] = name
    return {**names, **mirrored}


def adult(name: str, names: Mapping[str, str]) -> Skeleton:
    """Skeleton of the adult with the parts in ``names`` (part -> joint), limb by limb from the root down.

    A part that is left out and is attached to one that is not becomes an end site.
    """
    rows = list(_placed(names))
    joints = [part for part, _, _ in rows]
    ends = [
        EndSite(joints.index(parent), _sided(part, offset))
        for left, (parent, offset) in ROWS.items()
        for part, parent in _sides(left, parent)
        if part not in names and parent in names and not any(row[1] == parent for row in rows)
    ]
    return Skeleton(
        name=name,
        joints=tuple(names[part] for part in joints),
        parents=tuple(joints.index(parent) if parent else -1 for _, parent, _ in rows),
        offsets=np.array([offset for _, _, offset in rows]),
        roles={role: names[role] for role in ROLES if role in names},
        ends=tuple(ends),
    )


def _placed(names: Mapping[str, str], top: str = "") -> Iterator[tuple[str, str, Vector]]:
    """Rows of the parts below one, depth first, the left side before the right."""
    for left, (parent, offset) in ROWS.items():
        for part, above in _sides(left, parent):
            if above == top and part in names:
                yield part, above, _sided(part, offset)
                yield from _placed(names, part)


def _sides(left: str, parent: str) -> list[tuple[str, str]]:
    """A part and the one above it, for one side or both."""
    if not left.startswith("left_"):
        return [(left, parent)]
    return [(left, parent), ("right_" + left[5:], "right_" + parent[5:] if parent.startswith("left_") else parent)]


def _sided(part: str, offset: Vector) -> Vector:
    return (0.0 - offset[0], offset[1], offset[2]) if part.startswith("right_") else offset
