"""Legs and arms by geometry alone, for skeletons whose joint names are meaningless.

Twins are two branches of one joint whose bones have equal lengths. Of all pairs of twins, legs and arms are two that
are arranged as on a person: legs opposite to the trunk, arms shorter and apart the same way. A quadruped, whose
trunk lies across its legs, has no such two; neither has a hand, a chain or a spider.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from kinescale.rigging.joint_tree import MAX_DEPTH, Tree
from kinescale.rigging.limbs import Limb, fit_pair
from kinescale.rigging.role_names import NameTag

MAX_JOINTS = 512
MAX_COMPARED = 20_000
"""Most pairs of joints that are compared: bounds the time for hostile trees."""
BRANCHES = 12
"""Branches of one joint that are compared, longest first: limbs are among the longest."""
TWIN = 0.15
"""Largest difference in length of twin bones, as a share of the longer one."""
LEAST_LIMB = 0.12
"""Shortest limb, as a share of the longest path from the root."""
KEPT = 16
"""Pairs of twins that are examined, longest first."""

AGAINST = -0.5
"""Largest cosine between trunk and legs: a trunk rises from the legs."""
STRAIGHT = 0.75
ARM_RANGE = (0.3, 1.4)
TRUNK_RANGE = (0.25, 1.4)
"""Arms, and the trunk from hips to shoulders, over the legs' length."""


@dataclass(frozen=True)
class Pair:
    """Twins, two branches of equal bones: the joint they branch from, their chains, and their common length."""

    joint: int
    chains: tuple[tuple[int, ...], tuple[int, ...]]
    length: float


@dataclass(frozen=True)
class Limbs:
    """Two legs and two arms; the first of each are on one side of the body, the second on the other."""

    legs: tuple[Limb, Limb]
    arms: tuple[Limb, Limb]


class _TooManyPairsError(Exception):
    """More than ``MAX_COMPARED`` pairs of joints."""


def find_twins(tree: Tree) -> list[Pair]:
    """The longest pairs of twins, which are the same in every pose; none for trees too large to be a person's."""
    if len(tree.skeleton) > MAX_JOINTS or max(tree.depth) > MAX_DEPTH:
        return []
    try:
        return sorted(_twins(tree), key=lambda pair: -pair.length)[:KEPT]
    except _TooManyPairsError:
        return []


def find_limbs(tree: Tree, tags: Sequence[NameTag], pairs: Sequence[Pair]) -> Limbs | None:
    """The legs and arms of a body in a pose among pairs of twins, or ``None`` where it is not that of a person."""
    best: tuple[float, Limbs] | None = None
    for legs in pairs:
        fitted = fit_pair(tree, legs.chains, tags, "leg", 0.0, True)
        if fitted is None or not _stands(tree, fitted):
            continue
        for arms in pairs:
            limbs = _with_arms(tree, tags, (legs, fitted), arms)
            if limbs is None:
                continue
            misfit = limbs.legs[0].misfit + limbs.arms[0].misfit
            score = legs.length + arms.length - misfit * leg_length(tree, fitted)
            if best is None or score > best[0]:
                best = (score, limbs)
    return best[1] if best is not None else None


def leg_length(tree: Tree, legs: Sequence[Limb]) -> float:
    """Mean thigh plus shin of fitted legs, meters; 0 for none."""
    lengths = [_bone(tree, leg, "hip", "knee") + _bone(tree, leg, "knee", "ankle") for leg in legs]
    return float(np.mean(lengths)) if lengths else 0.0


def _bone(tree: Tree, limb: Limb, a: str, b: str) -> float:
    return float(np.linalg.norm(tree.positions[limb.places[b]] - tree.positions[limb.places[a]]))


class _Matcher:
    """Branch comparison bone by bone, each pair of branches once."""

    def __init__(self, tree: Tree):
        self.tree = tree
        self.slack = 0.005 * tree.reach[0]
        self.compared = 0
        self.seen: dict[tuple[int, int], tuple[float, tuple[tuple[int, int], ...]]] = {}
        self.branches = [self._longest(below) for below in tree.skeleton.children]

    def _longest(self, joints: Sequence[int]) -> list[int]:
        whole = {joint: self.tree.reach[joint] + float(self.tree.lengths[joint]) for joint in joints}
        return sorted(sorted(joints, key=lambda joint: -whole[joint])[:BRANCHES])

    def alike(self, a: float, b: float) -> bool:
        self.compared += 1
        if self.compared > MAX_COMPARED:
            raise _TooManyPairsError
        return abs(a - b) <= TWIN * max(a, b) + self.slack

    def match(self, a: int, b: int) -> tuple[float, tuple[tuple[int, int], ...]]:
        """Common length of two branches below their tops, and the pairs of joints along the longest common path."""
        if (a, b) not in self.seen:
            tips = (self.tree.tip_length(a), self.tree.tip_length(b))
            best: tuple[float, tuple[tuple[int, int], ...]] = (min(tips) if self.alike(*tips) else 0.0, ())
            for c in self.branches[a]:
                for d in self.branches[b]:
                    bones = (float(self.tree.lengths[c]), float(self.tree.lengths[d]))
                    if not self.alike(*bones):
                        continue
                    length, way = self.match(c, d)
                    if length + min(bones) > best[0] or not best[1]:
                        best = (length + min(bones), ((c, d), *way))
            self.seen[a, b] = best
        return self.seen[a, b]


def _twins(tree: Tree) -> list[Pair]:
    """Every two branches of one joint with bones of equal lengths all the way down."""
    matcher = _Matcher(tree)
    least = LEAST_LIMB * tree.reach[0]
    found = []
    for joint, below in enumerate(matcher.branches):
        long = [child for child in below if tree.reach[child] + tree.lengths[child] >= least]
        for a, b in combinations(long, 2):
            if not matcher.alike(float(tree.lengths[a]), float(tree.lengths[b])):
                continue
            length, way = matcher.match(a, b)
            if length >= least and len(way) >= 2:
                ways = (a, *(x for x, _ in way)), (b, *(y for _, y in way))
                found.append(Pair(joint, ways, length))
    return found


def _stands(tree: Tree, legs: Sequence[Limb]) -> bool:
    """Whether both legs are straight and apart; at rest they are not crossed either."""
    for leg in legs:
        whole = _bone(tree, leg, "hip", "knee") + _bone(tree, leg, "knee", "ankle")
        if _bone(tree, leg, "hip", "ankle") < STRAIGHT * whole:
            return False
    hips, ankles = (_across(tree, legs, place) for place in ("hip", "ankle"))
    uncrossed = float(hips @ ankles) > 0 or not tree.symmetric
    return uncrossed and float(np.linalg.norm(hips)) > 0.05 * leg_length(tree, legs)


def _across(tree: Tree, limbs: Sequence[Limb], place: str) -> np.ndarray:
    return tree.positions[limbs[0].places[place]] - tree.positions[limbs[1].places[place]]


def _center(tree: Tree, limbs: Sequence[Limb], place: str) -> np.ndarray:
    return (tree.positions[limbs[0].places[place]] + tree.positions[limbs[1].places[place]]) / 2


def _with_arms(tree: Tree, tags: Sequence[NameTag], legs: tuple[Pair, tuple[Limb, ...]], arms: Pair) -> Limbs | None:
    """Two pairs as legs and arms of one body; ``None`` where the second cannot be its arms."""
    pair, fitted = legs
    inside = {joint for chain in pair.chains for joint in chain}
    if arms.joint == pair.joint or arms.joint in inside or inside & {j for chain in arms.chains for j in chain}:
        return None
    # neither pair may be attached to the other
    tops = {chain[0] for chain in (*pair.chains, *arms.chains)}
    if tops & {*tree.up(pair.joint), *tree.up(arms.joint)} - {pair.joint, arms.joint}:
        return None
    length = leg_length(tree, fitted)
    others = fit_pair(tree, arms.chains, tags, "arm", length, True)
    if others is None:
        return None
    reach = np.mean([_bone(tree, arm, "shoulder", "elbow") + _bone(tree, arm, "elbow", "wrist") for arm in others])
    trunk = _center(tree, others, "shoulder") - _center(tree, fitted, "hip")
    height = float(np.linalg.norm(trunk))
    if not (ARM_RANGE[0] < reach / length < ARM_RANGE[1] and TRUNK_RANGE[0] < height / length < TRUNK_RANGE[1]):
        return None
    down = _center(tree, fitted, "ankle") - _center(tree, fitted, "hip")
    hips, shoulders = _across(tree, fitted, "hip"), _across(tree, others, "shoulder")
    if _cosine(trunk, down) > AGAINST or abs(_cosine(hips, shoulders)) < 0.7 or abs(_cosine(hips, trunk)) > 0.5:
        return None
    first, second = others if float(hips @ shoulders) > 0 else others[::-1]
    return Limbs((fitted[0], fitted[1]), (first, second))


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / scale if scale > 0 else 0.0
