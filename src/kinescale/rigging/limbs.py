"""Limb fitting: which joints of a chain are hip, knee and ankle, or shoulder, elbow and wrist.

Three joints of the chain are chosen so that the bones between them have the proportions of a body (Drillis and Contini
1966, "Body Segment Parameters": thigh and shin nearly equal, upper arm and forearm a third of the leg each), leave out
no bend of the chain, and fit what the names say. That leaves out twist joints in the middle of a bone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kinescale.rigging.joint_tree import Tree
from kinescale.rigging.role_names import NameTag

MAX_CHAIN = 16
"""Longest part of a chain that is examined, joints."""
NAME_WEIGHT = 2.0
STRANGE = 0.7
"""Penalty where a name means another place than the one tried."""
HELPER = 4.0
"""Penalty where a helper joint is tried as a main joint."""
BEND = 4.0
"""Weight of a bend that is skipped, as a share of the bone that skips it."""
APART, TOGETHER = 0.05, 2.0
"""Least distance between a left and a right joint, over their limb's length, and the penalty below it."""
UPPER_ARM, FOREARM = 0.325, 0.30
"""Bones of the arm over thigh plus shin."""
THIGH_TO_SHIN, UPPER_TO_FOREARM = 0.97, 1.07
TOES_AT = 0.68
"""Where along the foot, from ankle to tip, the toes begin."""

MAIN = {"leg": ("hip", "knee", "ankle"), "arm": ("shoulder", "elbow", "wrist")}


@dataclass(frozen=True)
class Limb:
    """One limb: joints by place ("hip", "collar" ...), deviation from body proportions (0 is best), and its chain."""

    places: dict[str, int]
    misfit: float
    chain: tuple[int, ...]


def fit_pair(
    tree: Tree, chains: Sequence[Sequence[int]], tags: Sequence[NameTag], kind: str, leg_length: float, bent: bool
) -> tuple[Limb, ...] | None:
    """Fit limbs of one or two sides to chains of joints; ``None`` for chains that are too short.

    Chains of the same number of joints are fitted together, so that left and right agree. ``leg_length`` (0: not
    known) scales arms; ``bent``: the pose shows true bends, else only lengths along the chain count.
    """
    chains = [list(chain)[:MAX_CHAIN] for chain in chains]
    if len({len(chain) for chain in chains}) > 1:
        apart = [fit_pair(tree, [chain], tags, kind, leg_length, bent) for chain in chains]
        found = [limbs[0] for limbs in apart if limbs is not None]
        return tuple(found) if len(found) == len(chains) else None
    if len(chains[0]) < len(MAIN[kind]):
        return None
    spans, skips = zip(*(_spans(tree, chain, bent) for chain in chains), strict=True)
    span, skip = np.mean(spans, axis=0), np.mean(skips, axis=0)
    whole = np.mean([_whole(tree, chain) for chain in chains])
    bones = _misfit(span, skip, float(whole), kind, leg_length)
    if bent and len(chains) == 2:
        # Two limbs do not begin in one place.
        apart = np.linalg.norm(tree.positions[chains[0]] - tree.positions[chains[1]], axis=1)
        bones = bones + np.where(apart < APART * whole, TOGETHER, 0.0)[:, None, None]
    named = np.mean([_named(chain, tags, MAIN[kind]) for chain in chains], axis=0)
    cost = bones - NAME_WEIGHT * (named[0][:, None, None] + named[1][None, :, None] + named[2][None, None, :])
    best = np.unravel_index(int(np.argmin(cost)), cost.shape)
    if not np.isfinite(cost[best]):
        return None
    a, b, c = (int(i) for i in best)
    return tuple(
        Limb(_places(tree, chain, (a, b, c), tags, kind), float(bones[a, b, c]), tuple(chain)) for chain in chains
    )


def _spans(tree: Tree, chain: Sequence[int], bent: bool) -> tuple[Float[np.ndarray, "N N"], Float[np.ndarray, "N N"]]:
    """Distance from each joint of the chain to each later one, and the farthest bend between, as its share."""
    at = tree.positions[list(chain)]
    along = np.cumsum([0.0, *(tree.lengths[joint] for joint in chain[1:])])
    order = np.arange(len(chain))
    later = order[:, None] < order[None, :]
    if not bent:
        return np.where(later, along[None, :] - along[:, None], 0.0), np.zeros(later.shape)
    bones = at[None, :] - at[:, None]
    span = np.where(later, np.linalg.norm(bones, axis=-1), 0.0)
    line = bones / np.where(span > 0, span, 1.0)[..., None]
    # how far joint m, between i and j, is from the line that leads from i to j
    away = at[None, None] - at[:, None, None]
    off = np.linalg.norm(away - np.einsum("ijmk,ijk->ijm", away, line)[..., None] * line[:, :, None], axis=-1)
    between = (order[:, None, None] < order) & (order < order[None, :, None])
    skip = np.where(between & (span > 0)[..., None], off, 0.0).max(axis=-1)
    return span, skip / np.where(span > 0, span, 1.0)


def _whole(tree: Tree, chain: Sequence[int]) -> float:
    return float(sum(tree.lengths[joint] for joint in chain[1:]) + tree.tip_length(chain[-1]))


def _misfit(
    span: np.ndarray, skip: np.ndarray, whole: float, kind: str, leg_length: float
) -> Float[np.ndarray, "N N N"]:
    """Deviation of each choice of three joints from body proportions; infinite where they are not in order."""
    count = len(span)
    order = np.arange(count)
    upper, lower = span[:, :, None], span[None, :, :]
    good = (order[:, None, None] < order[None, :, None]) & (order[None, :, None] < order[None, None, :])
    good = good & (upper > 1e-4 * whole) & (lower > 1e-4 * whole)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = THIGH_TO_SHIN if kind == "leg" else UPPER_TO_FOREARM
        misfit = np.abs(np.log(upper / lower / expected))
        if kind == "arm" and leg_length > 0:
            misfit = misfit + 0.5 * np.abs(np.log(upper / (UPPER_ARM * leg_length)))
            misfit = misfit + 0.5 * np.abs(np.log(lower / (FOREARM * leg_length)))
        else:
            misfit = misfit + 0.5 * np.maximum(np.log(0.8 * whole / (upper + lower)), 0.0)
    return np.where(good, misfit + BEND * (skip[:, :, None] + skip[None, :, :]), np.inf)


def _named(chain: Sequence[int], tags: Sequence[NameTag], places: Sequence[str]) -> Float[np.ndarray, "3 N"]:
    return np.array([[name_fit(tags[joint], place) for joint in chain] for place in places])


def name_fit(tag: NameTag, place: str) -> float:
    """Fit of a joint's name to a place: up to 1; 0 where the name means nothing, negative for another place."""
    if tag.helper:
        return -HELPER
    return tag.fits.get(place, -STRANGE if tag.known else 0.0)


def _places(
    tree: Tree, chain: Sequence[int], main: tuple[int, int, int], tags: Sequence[NameTag], kind: str
) -> dict[str, int]:
    places = dict(zip(MAIN[kind], (chain[i] for i in main), strict=True))
    if kind == "arm":
        before = [joint for joint in chain[: main[0]] if name_fit(tags[joint], "collar") > -STRANGE]
        if before:
            places["collar"] = max(before, key=lambda joint: name_fit(tags[joint], "collar"))
        return places
    after = list(chain[main[2] + 1 :])
    if after:
        along = np.cumsum([tree.lengths[joint] for joint in after])
        whole = along[-1] + tree.tip_length(after[-1])
        scores = [
            NAME_WEIGHT * name_fit(tags[joint], "toes") - abs(way / whole - TOES_AT if whole > 0 else 0.0)
            for joint, way in zip(after, along, strict=True)
        ]
        best = int(np.argmax(scores))
        # a joint whose name means something else is not taken for the toes
        if scores[best] > -NAME_WEIGHT * STRANGE:
            places["toes"] = after[best]
    return places
