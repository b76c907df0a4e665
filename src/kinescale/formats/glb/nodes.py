"""Node tree of a glTF file: joints, and the transforms of nodes between and above them.

glTF 2.0, section 3.5.3 "Transformations". A joint keeps its node's world position and world orientation, so its
offset is the node's translation in the parent's frame; nodes between joints are folded into the joint below,
those above the first joint into its track in the world, and uniform scales into the offsets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from kinescale.core.conventions import MAX_JOINTS
from kinescale.formats.base.names import unique_names
from kinescale.formats.glb.container import Document
from kinescale.kinematics.rotations import matrix_to_quat

MAX_NODES = 2 * MAX_JOINTS
"""Most nodes at and above the joints, and most in all chains together."""
MAIN_TREE = 0.5
"""One of several joint trees that has more than this share of all joints is taken alone."""
MAX_NAME = 256
EVEN = 1e-3
"""Relative difference between the axes of a scale, or over time, up to which the scale is uniform or constant."""
UNIT_SCALE = 1e-6
"""A scale this near to 1 is taken as 1."""

NOWHERE = -1
"""The world, in the place of a node number."""


@dataclass(frozen=True)
class Node:
    """A node's rest transform: translation [3], unit rotation [4] xyzw, scale [3]."""

    translation: np.ndarray
    rotation: np.ndarray
    scale: np.ndarray


@dataclass(frozen=True)
class Rig:
    """The joints of a file.

    ``names`` and ``parents`` are as in ``Skeleton``; ``chains`` [J] are the nodes from below the parent joint (from the
    top of the scene for the root) down to the joint itself; a joint invented as common root of several trees has an
    empty one. ``nodes`` has the rest transform of every node in a chain; ``skin`` is the skin's record; ``left_out``
    counts joints in small trees besides the main one (control bones).
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    chains: tuple[tuple[int, ...], ...]
    nodes: dict[int, Node]
    skin: dict[str, Any]
    left_out: int

    def scaling_nodes(self) -> set[int]:
        """Nodes whose scale affects a joint: those with a joint below them."""
        last = {chain[-1]: joint for joint, chain in enumerate(self.chains) if chain}
        above = set(self.parents)
        return {node for node in self.nodes if node not in last or last[node] in above}


def read_rig(document: Document, animated: list[int]) -> Rig:
    """The joints of the skin that has the most; without a skin, the nodes at and below those that are ``animated``."""
    parents = _parents(document)
    skins = document.table("skins")
    chosen = [document.indices(skin, "joints", len(parents), f"skin {i}") for i, skin in enumerate(skins)]
    most = max(range(len(skins)), key=lambda i: len(chosen[i]), default=None)
    members = _below(document, animated) if most is None else chosen[most]
    if not members:
        document.fail("has neither a skin with joints nor an animation; expected an animated skeleton.")
    if len(members) > MAX_JOINTS:
        document.fail(f"has {len(members)} joints; expected at most {MAX_JOINTS}.")
    above = _needed(document, members, parents)
    kept = _with_one_top(members, above)
    order = _parents_first(kept, above)
    place = {node: joint for joint, node in enumerate(order)}
    chains = [_chain(node, above, place) for node in order]
    if sum(map(len, chains)) > MAX_NODES:
        document.fail(f"has more than {MAX_NODES} nodes between its joints.")
    ups = [above.get(chain[0], NOWHERE) if chain else NOWHERE for chain in chains]
    # below an invented root, every chain ends in the world
    invented = order[0] == NOWHERE
    joint_parents = [-1, *(0 if invented and up == NOWHERE else place[up] for up in ups[1:])]
    needed = sorted({node for chain in chains for node in chain})
    return Rig(
        _names(document, order),
        tuple(joint_parents),
        tuple(chains),
        {node: _node(document, node) for node in needed},
        skins[most] if most is not None else {},
        max(0, len(members) - len(kept)),
    )


def _parents(document: Document) -> list[int]:
    nodes = document.table("nodes")
    count = len(nodes)
    parents = [NOWHERE] * count
    for number, node in enumerate(nodes):
        children = node.get("children", ())
        # a quick check first: there may be hundreds of thousands of nodes
        if not isinstance(children, (list, tuple)) or any(type(c) is not int or not 0 <= c < count for c in children):
            document.indices(node, "children", count, document.node_name(number))
        for child in children:
            if parents[child] != NOWHERE:
                document.fail(f"{document.node_name(child)} has two parents, {parents[child]} and {number}.")
            parents[child] = number
    return parents


def _below(document: Document, animated: list[int]) -> list[int]:
    """The given nodes and everything below them, in the file's order."""
    nodes = document.table("nodes")
    found: set[int] = set()
    waiting = list(animated)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += nodes[node].get("children", [])
    return sorted(found)


def _needed(document: Document, members: list[int], parents: list[int]) -> dict[int, int]:
    """node -> its parent, for the joints and all nodes above them."""
    above: dict[int, int] = {}
    for member in members:
        node, path = member, set()
        while node != NOWHERE and node not in above:
            if node in path:
                document.fail(f"{document.node_name(node)} is its own ancestor.")
            path.add(node)
            node = parents[node]
            if len(above) + len(path) > MAX_NODES:
                document.fail(f"has more than {MAX_NODES} nodes at and above its joints.")
        above.update((step, parents[step]) for step in path)
    return above


def _line(node: int, above: dict[int, int]) -> list[int]:
    """A node and its ancestors, from the bottom up."""
    line = []
    while node != NOWHERE:
        line.append(node)
        node = above[node]
    return line


def _with_one_top(members: list[int], above: dict[int, int]) -> list[int]:
    """Joints of one tree: the main one of several, else all with their lowest common ancestor added."""
    chosen: set[int] = set(members)
    trees: dict[int, list[int]] = {}
    for member in members:
        top = [node for node in _line(member, above) if node in chosen][-1]
        trees.setdefault(top, []).append(member)
    largest = max(trees.values(), key=len)
    if len(largest) > MAIN_TREE * len(members):
        return largest
    tops = list(trees)
    shared = _line(above[tops[0]], above)
    for top in tops[1:]:
        others = set(_line(above[top], above))
        shared = [node for node in shared if node in others]
    return [shared[0] if shared else NOWHERE, *members]


def _parents_first(members: list[int], above: dict[int, int]) -> list[int]:
    """The same joints in an order with parents first."""
    chosen: set[int] = set(members)
    order: list[int] = []
    placed: set[int] = set()
    for member in members:
        line = [] if member == NOWHERE else [node for node in _line(member, above) if node in chosen]
        for node in reversed(line) if line else [member]:
            if node not in placed:
                placed.add(node)
                order.append(node)
    return order


def _chain(node: int, above: dict[int, int], place: dict[int, int]) -> tuple[int, ...]:
    if node == NOWHERE:
        return ()
    chain = [node]
    while above[chain[-1]] != NOWHERE and above[chain[-1]] not in place:
        chain.append(above[chain[-1]])
    return tuple(reversed(chain))


def _names(document: Document, order: list[int]) -> tuple[str, ...]:
    """Printable, unique names."""
    nodes = document.table("nodes")
    given = [nodes[node].get("name") if node != NOWHERE else "root" for node in order]
    whole = (
        name[:MAX_NAME] if isinstance(name, str) and name else f"joint_{node}"
        for name, node in zip(given, order, strict=True)
    )
    return tuple(unique_names("".join(c if c.isprintable() else "_" for c in name) for name in whole))


def _node(document: Document, number: int) -> Node:
    node, where = document.table("nodes")[number], document.node_name(number)
    if "matrix" in node:
        return _from_matrix(document, node, where)
    translation = document.vector(node, "translation", (0.0, 0.0, 0.0), where)
    rotation = document.vector(node, "rotation", (0.0, 0.0, 0.0, 1.0), where)
    length = float(np.linalg.norm(rotation))
    if length < 1e-6:
        document.fail(f"'rotation' of {where} has zero length; expected a unit quaternion.")
    scale = document.vector(node, "scale", (1.0, 1.0, 1.0), where)
    return Node(translation, rotation / length, scale)


def _from_matrix(document: Document, node: dict[str, Any], where: str) -> Node:
    identity = tuple(np.eye(4).ravel().tolist())
    matrix = document.vector(node, "matrix", identity, where).reshape(4, 4).T
    linear = matrix[:3, :3]
    scale = np.linalg.norm(linear, axis=0)
    if not scale.min() > 0:
        document.fail(f"'matrix' of {where} flattens what is below it; expected a scale above 0.")
    turn = linear / scale
    if np.abs(turn.T @ turn - np.eye(3)).max() > EVEN or np.linalg.det(turn) < 0:
        document.fail(f"'matrix' of {where} shears or mirrors; expected rotation, scale and translation.")
    return Node(matrix[:3, 3].copy(), _quaternion(turn), scale)


def _quaternion(turn: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, " 4"]:
    """The unit quaternion xyzw of a rotation matrix."""
    return matrix_to_quat(torch.from_numpy(turn.copy())).numpy()


def even_scale(document: Document, scale: Float[np.ndarray, " 3"], node: int) -> float:
    """A scale as one number above 0; ``FormatError`` when its axes differ, or mirror."""
    mean = float(scale.mean())
    if not (mean > 1 / 1e9 and float(np.ptp(scale)) <= EVEN * mean):
        shown = ", ".join(f"{value:.4g}" for value in scale)
        fault = "mirrors" if float(np.prod(scale)) < 0 else "scales"
        document.fail(
            f"{document.node_name(node)} {fault} the nodes below it, by ({shown}); expected one number above 0: "
            f"apply its scale in the program that made the file."
        )
    return 1.0 if abs(mean - 1) < UNIT_SCALE else mean
