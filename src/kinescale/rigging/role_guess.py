"""Role assignment for any skeleton: limbs by joint names, else by geometry; then the trunk between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kinescale.rigging.body_axes import SIDES, body_axes, is_body
from kinescale.rigging.joint_tree import MAX_DEPTH, Tree
from kinescale.rigging.limbs import MAIN, Limb, fit_pair, name_fit
from kinescale.rigging.role_geometry import Pair, find_limbs, find_twins, leg_length
from kinescale.rigging.role_names import NameTag, read_names
from kinescale.rigging.trunk import Sided, find_trunk, roles_of, whole_legs

PLACES = {"leg": ("hip", "knee", "ankle", "toes"), "arm": ("collar", "shoulder", "elbow", "wrist")}
MAX_CANDIDATES = 256
LEAST_NAMED = 2
"""Main joints of a limb that must be named for the limb to be found by names."""


@dataclass(frozen=True)
class Guess:
    """Assigned roles. ``roles``: role -> joint. ``how``: role -> "name" or "geometry". ``sides``: evidence for left and
    right, "names", "toes", "knees", "elbows" or "" for the convention."""

    roles: Mapping[str, int]
    how: Mapping[str, str]
    sides: str


def guess(rest: Tree, frames: Callable[[], Sequence[Tree]] = tuple) -> Guess:
    """Assign roles to the joints of a skeleton; none where it is not that of a person.

    ``frames`` returns further poses. It is called only where names leave limbs open and the rest pose shows no body;
    the roles found in most of them are taken.
    """
    tags = read_names(rest.skeleton.joints)
    limbs = _by_names(rest, tags)
    twins = [] if _paired(limbs) else find_twins(rest)
    first = _complete(rest, limbs, tags, twins)
    if _paired(limbs) or is_person(first.roles) or not twins:
        return first
    votes = [found for frame in frames() if is_person((found := _complete(frame, limbs, tags, twins)).roles)]
    counts = Counter(tuple(sorted(found.roles.items())) for found in votes)
    return max(votes, key=lambda found: counts[tuple(sorted(found.roles.items()))], default=first)


def is_person(roles: Mapping[str, int]) -> bool:
    """Whether all main joints of both legs and both arms are known."""
    return all(f"{side}_{place}" in roles for places in MAIN.values() for place in places for side in SIDES)


def _paired(limbs: Sided) -> bool:
    return all((kind, side) in limbs for kind in MAIN for side in SIDES)


def _complete(tree: Tree, named: Sided, tags: Sequence[NameTag], twins: Sequence[Pair]) -> Guess:
    """The named limbs, those that the shape of one pose adds, and the trunk between them."""
    limbs, sides = named, "names" if named else ""
    if not _paired(named):
        shaped, seen_by = _by_shape(tree, tags, twins)
        if shaped and all(_agree(shaped, named, kind) for kind, _ in named):
            # limbs found by name are kept; geometry adds the others, on the sides that names give
            limbs = {**(_swapped(shaped) if _crossed(shaped, named) else shaped), **named}
            sides = sides or seen_by
    roles: dict[str, int] = {}
    for role, joint in roles_of(limbs).items():
        if joint not in roles.values():  # limbs of a damaged skeleton may share a joint
            roles[role] = joint
    trunk = find_trunk(tree, limbs, tags)
    how = {
        role: "name" if name_fit(tags[joint], _place(role)) > 0 else "geometry"
        for role, joint in {**roles, **trunk}.items()
    }
    return Guess({**trunk, **roles}, how, sides)


def _place(role: str) -> str:
    """A role as the vocabulary of names has it: without side and number."""
    return role.removeprefix("left_").removeprefix("right_").rstrip("123")


def _by_names(tree: Tree, tags: Sequence[NameTag]) -> Sided:
    """Limbs found by joint names; bends of the rest pose count only where it shows a body."""
    chains = {(kind, side): chain for kind in MAIN for side in SIDES if (chain := _named_chain(tree, tags, kind, side))}
    plain = _fitted(tree, chains, tags, bent=False)
    return _fitted(tree, chains, tags, bent=True) if plain and is_body(tree, roles_of(plain)) else plain


def _fitted(
    tree: Tree, chains: Mapping[tuple[str, str], Sequence[int]], tags: Sequence[NameTag], *, bent: bool
) -> Sided:
    found: Sided = {}
    for kind in MAIN:
        sides = [side for side in SIDES if (kind, side) in chains]
        if not sides:
            continue
        tops = _apart(tree, [chains[kind, side] for side in sides])
        length = leg_length(tree, whole_legs(found))
        limbs = fit_pair(tree, tops, tags, kind, length, bent) or [_partly(chain, tags, kind) for chain in tops]
        for side, limb in zip(sides, limbs, strict=True):
            named = sum(name_fit(tags[limb.places[place]], place) > 0 for place in MAIN[kind] if place in limb.places)
            if named >= LEAST_NAMED:
                found[kind, side] = limb
    return found


def _partly(chain: Sequence[int], tags: Sequence[NameTag], kind: str) -> Limb:
    """A limb with fewer than three main joints: those that are named."""
    places: dict[str, int] = {}
    for place in PLACES[kind]:
        left = [joint for joint in chain if joint not in places.values() and name_fit(tags[joint], place) > 0.5]
        if left and (not places or left[0] > max(places.values())):
            places[place] = left[0]
    return Limb(places, 0.0, tuple(chain))


def _named_chain(tree: Tree, tags: Sequence[NameTag], kind: str, side: str) -> list[int]:
    """Path from the root to the deepest joint of the branch that holds most of a limb's named joints."""
    named = [
        joint
        for joint, tag in enumerate(tags)
        if tag.side == side and any(tag.fits.get(place, 0) > 0 for place in PLACES[kind])
    ][:MAX_CANDIDATES]
    marked = set(named)
    best: tuple[int, int, int] | None = None
    for joint in named:
        if tree.depth[joint] > MAX_DEPTH:
            continue
        above = [j for j in tree.up(joint) if j in marked]
        words = {max(PLACES[kind], key=lambda place: tags[j].fits.get(place, 0)) for j in above}
        rank = (len(words & set(MAIN[kind])), -tree.depth[joint], -joint)
        if best is None or rank > best:
            best, top = rank, above[-1]
            chain = tree.down(top, joint)
    if best is None or best[0] < LEAST_NAMED:
        return []
    chain = [*reversed([j for j in tree.up(top) if j != top]), top, *chain]
    for _ in range(3):
        # the foot, or what an arm ends with, may have no name
        children = [c for c in tree.skeleton.children[chain[-1]] if not tags[c].helper]
        if not children:
            break
        chain.append(max(children, key=lambda c: tree.lengths[c] + tree.reach[c]))
    return chain


def _apart(tree: Tree, chains: Sequence[Sequence[int]]) -> list[list[int]]:
    """Two chains from where they diverge; the last six joints of a single one."""
    if len(chains) == 2:
        shared = next((i for i, (a, b) in enumerate(zip(*chains, strict=False)) if a != b), min(map(len, chains)))
        return [list(chain[shared:]) for chain in chains]
    (chain,) = chains
    return [list(chain[-6:])]


def _by_shape(tree: Tree, tags: Sequence[NameTag], twins: Sequence[Pair]) -> tuple[Sided, str]:
    """Limbs by geometry, with left and right from names, from what shows the front, or by convention."""
    found = find_limbs(tree, tags, twins)
    if found is None:
        return {}, ""
    limbs = {("leg", s): leg for s, leg in zip(SIDES, found.legs, strict=True)}
    limbs |= {("arm", s): arm for s, arm in zip(SIDES, found.arms, strict=True)}
    named_sides = sum(
        (tags[joint].side == side) - (tags[joint].side not in ("", side))
        for (_, side), limb in limbs.items()
        for joint in limb.places.values()
    )
    if named_sides:
        return (limbs if named_sides > 0 else _swapped(limbs)), "names"
    axes = body_axes(tree, roles_of(limbs))
    if axes is None:
        return {}, ""
    if axes.seen_by:
        return (limbs if axes.ahead > 0 else _swapped(limbs)), axes.seen_by
    # By convention a body faces +Z, or -Y where Z is up, or else has its left at +X.
    usual = np.array([0.0, 0.0, 1.0]) if abs(axes.up[1]) > 0.5 else np.array([0.0, -1.0, 0.0])
    toward = float(axes.forward @ usual)
    toward = toward if abs(toward) > 0.1 else float(axes.left[0])
    return (limbs if toward >= 0 else _swapped(limbs)), ""


def _swapped(limbs: Sided) -> Sided:
    other = {"left": "right", "right": "left"}
    return {(kind, other[side]): limb for (kind, side), limb in limbs.items()}


def _agree(shaped: Sided, named: Sided, kind: str) -> bool:
    """Whether geometry and names have found the same limbs of this kind (on either side)."""
    tops = {shaped[kind, side].places[MAIN[kind][1]] for side in SIDES}
    return all(limb.places.get(MAIN[kind][1]) in tops for (k, _), limb in named.items() if k == kind)


def _crossed(shaped: Sided, named: Sided) -> bool:
    return any(
        shaped[kind, side].places[MAIN[kind][1]] != limb.places.get(MAIN[kind][1])
        for (kind, side), limb in named.items()
    )
