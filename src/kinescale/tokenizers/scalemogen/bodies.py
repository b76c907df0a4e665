"""How ScaleMoGen sees a body: its joint graph, twelve overlapping parts of it, and seven parts of those.

Section 1.4 of the method notes. The twelve and the seven are the same for all bodies. The lists here are those of the
published skeletons, whose indices checkpoints depend on (the one for kit21 is our own, made like that for humanml22);
any other skeleton's follow from its tree and roles (``derived_body``). Which of a frame's features belong to which
joint (section 1.3) is here too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from pydantic import Field

from kinescale.core.errors import ConfigError
from kinescale.core.records import Record

Edges = tuple[tuple[int, int], ...]
Parts = tuple[tuple[int, ...], ...]

MIDDLE_EDGES: Edges = ((0, 1), (0, 3), (0, 5), (1, 2), (3, 4), (5, 6), (6, 7), (6, 9), (6, 11), (7, 8), (9, 10))
"""Graph of the twelve parts: root, left hip, left leg, right hip, right leg, spine, chest, left shoulder, left arm,
right shoulder, right arm, head."""

LATENT_PARTS: Parts = ((0, 1, 3, 5), (0, 1, 2), (0, 3, 4), (0, 5, 6), (6, 7, 8), (6, 9, 10), (6, 11))
"""The seven latents over the twelve parts."""

LATENT_NAMES = ("root", "left leg", "right leg", "spine", "left arm", "right arm", "head")


def _side(side: str, *roles: str) -> frozenset[str]:
    return frozenset(f"{side}_{role}" for role in roles)


LATENT_ROLES = (
    frozenset({"hips"}),
    *(_side(side, "hip", "knee", "ankle", "toes") for side in ("left", "right")),
    frozenset({"spine1", "spine2", "spine3"}),
    *(_side(side, "collar", "shoulder", "elbow", "wrist") for side in ("left", "right")),
    frozenset({"neck", "head"}),
)
"""The roles of each latent; where latents overlap, a role goes with the one that is named after it."""


@dataclass(frozen=True)
class Body:
    """``edges`` of the joint graph; ``missing``: edges that the reference lacks by a slip; ``parts``: joints of each of
    the twelve; ``contacts``: joints of the contact features (left ankle, left toes, right ankle, right toes)."""

    joints: int
    edges: Edges
    parts: Parts
    contacts: tuple[int, int, int, int]
    missing: Edges = ()

    def graph(self, faithful: bool) -> Edges:
        """The joint graph, in the faithful setting as the reference has it."""
        return tuple(edge for edge in self.edges if not (faithful and edge in self.missing))


def _edges(text: str) -> Edges:
    pairs = [pair.split("-") for pair in text.split()]
    return tuple((int(a), int(b)) for a, b in pairs)


def _parts(text: str) -> Parts:
    return tuple(tuple(int(joint) for joint in part.split()) for part in text.split("|"))


BODIES = {
    "humanml22": Body(
        joints=22,
        edges=_edges(
            "0-1 0-2 0-3 1-4 2-5 3-6 4-7 5-8 6-9 7-10 8-11 9-12 9-13 9-14 12-15 13-16 14-17 16-18 17-19 18-20 19-21"
        ),
        parts=_parts(
            "0 1 2 3|0 1 4|4 7 10|0 2 5|5 8 11|0 3 6 9|6 9 12 13 14|9 13 16|16 18 20|9 14 17|17 19 21|9 12 15"
        ),
        contacts=(7, 10, 8, 11),
    ),
    "snapmogen24": Body(
        joints=24,
        edges=_edges(
            "0-1 0-15 0-16 0-20 1-2 1-15 2-3 3-4 3-7 3-11 4-5 5-6 7-8 8-9 9-10 11-12 12-13 13-14 15-16 15-20 16-17 "
            "17-18 18-19 20-21 21-22 22-23"
        ),
        parts=_parts(
            "0 1 15 16 20|0 15 16 17|17 18 19|0 15 20 21|21 22 23|0 1 2 3 15|2 3 4 7 11|3 7 8|8 9 10|3 11 12|12 13 14|"
            "3 4 5 6"
        ),
        contacts=(18, 19, 22, 23),
        missing=((7, 8),),
    ),
    "kit21": Body(
        joints=21,
        edges=_edges(
            "0-1 1-2 2-3 3-4 3-5 5-6 6-7 3-8 8-9 9-10 0-11 11-12 12-13 13-14 14-15 0-16 16-17 17-18 18-19 19-20"
        ),
        parts=_parts(
            "0 1 11 16|0 16 17|17 18 19 20|0 11 12|12 13 14 15|0 1 2|2 3 4 5 8|3 8 9|8 9 10|3 5 6|5 6 7|2 3 4"
        ),
        contacts=(19, 20, 14, 15),
    ),
}


ROOT = 4
"""Numbers of the root: yaw velocity, two planar velocities, height."""


class Columns(Record):
    """The features of a frame: ``root`` numbers of the root; then blocks of (numbers a joint, first joint); then one
    contact a joint of ``contacts``. The last block is the velocities, if there are ``velocities``."""

    root: int = Field(default=ROOT, ge=0)
    blocks: tuple[tuple[int, int], ...] = ((3, 1), (6, 1), (3, 0))
    contacts: tuple[int, ...] = ()
    velocities: bool = True

    def width(self, joints: int) -> int:
        """Features a frame of a body of so many joints."""
        return self.root + sum(size * (joints - first) for size, first in self.blocks) + len(self.contacts)

    def starts(self, joints: int) -> list[int]:
        """First column of each block, and of the contacts."""
        return list(accumulate((size * (joints - first) for size, first in self.blocks), initial=self.root))

    def of_joints(self, joints: int) -> list[list[int]]:
        """The columns of each joint: the root's own first, contacts last."""
        starts = self.starts(joints)
        found: list[list[int]] = [[] for _ in range(joints)]
        found[0] += range(self.root)
        for (size, first), start in zip(self.blocks, starts, strict=False):
            for joint in range(first, joints):
                found[joint] += range(start + size * (joint - first), start + size * (joint - first + 1))
        for channel, joint in enumerate(self.contacts):
            found[joint].append(starts[-1] + channel)
        return found


POSITION_FIRST = ((3, 1), (6, 1), (3, 0))
"""HumanML3D and KIT: positions and rotations without the root's, velocities of all joints."""

ROTATION_FIRST = ((6, 0), (3, 0), (3, 0))
"""SnapMoGen and ``rotations``: rotations, positions and velocities of all joints."""


def columns_of(body: Body, width: int) -> Columns:
    """The layout of ``width`` features over a body; ``ConfigError`` where neither layout known has that width."""
    known = [Columns(root=ROOT, blocks=blocks, contacts=body.contacts) for blocks in (POSITION_FIRST, ROTATION_FIRST)]
    for columns in known:
        if columns.width(body.joints) == width:
            return columns
    widths = " or ".join(str(columns.width(body.joints)) for columns in known)
    raise ConfigError(f"{width} features over {body.joints} joints; expected {widths}, or give 'columns'.")


PER_JOINT = {"positions": 3, "rotations": 6, "velocities": 3}
"""Numbers per joint of a feature's blocks that go by joints."""


def columns_of_blocks(body: Body, blocks: Mapping[str, tuple[int, int]]) -> Columns:
    """The layout of a feature with these blocks (name -> first column and the one past the last).

    Blocks before those of ``PER_JOINT`` belong to the root; one named "contacts" may come last. Raises ``ConfigError``
    for another order, or a block that does not end with the last joint.
    """
    names = sorted(blocks, key=blocks.__getitem__)
    by_joint = [name for name in names if name in PER_JOINT]
    ahead = names.index(by_joint[0]) if by_joint else 0
    found = []
    for name in by_joint:
        count, rest = divmod(blocks[name][1] - blocks[name][0], PER_JOINT[name])
        found.append((PER_JOINT[name], body.joints - count))
        if rest or not 0 < count <= body.joints:
            raise ConfigError(f"the feature's block '{name}' does not go by {body.joints} joints; give 'columns'.")
    contacts = body.contacts if names[-1:] == ["contacts"] else ()
    if not by_joint or names[ahead:] != [*by_joint, *(["contacts"] if contacts else [])]:
        raise ConfigError(
            f"blocks {', '.join(names)} are not the root's, then the joints', then contacts; give 'columns'."
        )
    root = blocks[by_joint[0]][0]
    return Columns(root=root, blocks=tuple(found), contacts=contacts, velocities=by_joint[-1] == "velocities")


def check_columns(columns: Columns, joints: int, width: int) -> None:
    """``ValueError`` unless every one of ``width`` features belongs to one joint and every joint has some."""
    sound = all(size > 0 and 0 <= first < joints for size, first in columns.blocks) and columns.blocks
    if not sound or any(not 0 <= joint < joints for joint in columns.contacts):
        raise ValueError(f"columns name joints outside 0 to {joints - 1}, or blocks of no numbers")
    if columns.width(joints) != width:
        raise ValueError(f"columns hold {columns.width(joints)} features; feature_width is {width}")
    if not all(columns.of_joints(joints)):
        raise ValueError("columns leave a joint without features")


def check_parts(groups: Sequence[Sequence[int]], parts: int) -> bool:
    """Whether each of ``parts`` parts is in exactly one group."""
    return sorted(part for group in groups for part in group) == list(range(parts))
