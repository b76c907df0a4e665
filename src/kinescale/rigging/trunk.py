"""Trunk roles: hips, spine, neck and head, from where the limbs are attached and the names in between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kinescale.rigging.body_axes import SIDES, Axes, body_axes, is_body
from kinescale.rigging.joint_tree import MAX_DEPTH, Tree
from kinescale.rigging.limbs import MAIN, Limb, name_fit
from kinescale.rigging.role_geometry import leg_length
from kinescale.rigging.role_names import NameTag

LEG_TO_HEIGHT = 0.475
"""Thigh plus shin over stature."""
NECK_TO_HEAD, BARE_TIP = 0.14, 0.08
"""Over stature: the farthest a head joint stands above the neck joint, and the bone that leads to a skull's top."""
EYES = 0.015
"""How far an eye stands aside, over the leg's length."""
MIDDLE, RISING = (0.03, 0.1), (0.6, 0.3)
"""A neck or head joint strays sideways by less than this share of the leg, and rises at least so steeply (cosine): at
rest, and in a frame of a motion."""

SAME_PLACE, NEAR = 0.005, 0.3
"""Over the leg's length: joints nearer than the first are in one place, joints nearer than the second close by."""


Sided = dict[tuple[str, str], Limb]
"""("leg" or "arm", side) -> limb."""


def roles_of(limbs: Sided) -> dict[str, int]:
    return {f"{side}_{place}": joint for (_, side), limb in limbs.items() for place, joint in limb.places.items()}


def find_trunk(tree: Tree, limbs: Sided, tags: Sequence[NameTag]) -> dict[str, int]:
    """Assign hips, spine, neck and head: role -> joint."""
    if not limbs or max(tree.depth) > MAX_DEPTH:
        return {}
    chest = _meeting(tree, limbs, "arm")
    hips = _hips(tree, limbs, tags, chest)
    found = {} if hips is None else {"hips": hips}
    if hips is not None and chest is not None:
        found |= _spine(tree, hips, chest, tags)
    base = chest if chest is not None else hips
    if base is not None:
        found |= _neck_and_head(tree, base, limbs, tags)
    taken = {joint for limb in limbs.values() for joint in limb.places.values()}
    return {role: joint for role, joint in found.items() if joint not in taken}


def _meeting(tree: Tree, limbs: Sided, kind: str) -> int | None:
    """The joint that both limbs of a kind are attached to, or the parent of the only one."""
    firsts = [min(limb.places.values()) for side in SIDES if (limb := limbs.get((kind, side))) is not None]
    if len(firsts) == 2:
        return tree.meet(*firsts)
    if not firsts:
        return None
    parent = tree.skeleton.parents[firsts[0]]
    return parent if parent >= 0 else None


def whole_legs(limbs: Sided) -> list[Limb]:
    return [limb for (kind, _), limb in limbs.items() if kind == "leg" and set(MAIN["leg"]) <= set(limb.places)]


def _hips(tree: Tree, limbs: Sided, tags: Sequence[NameTag], chest: int | None) -> int | None:
    meeting = _meeting(tree, limbs, "leg")
    if meeting is None:
        return next((joint for joint, tag in enumerate(tags) if name_fit(tag, "hips") > 0), None)
    shared = meeting if chest is None else tree.meet(meeting, chest)
    leg = leg_length(tree, whole_legs(limbs))
    apart = float(np.linalg.norm(tree.positions[shared] - tree.positions[meeting]))
    if shared != chest and SAME_PLACE * leg < apart < NEAR * leg:
        # legs attached to a joint of their own below the one that carries legs and trunk: the upper one moves the body
        return shared
    if name_fit(tags[meeting], "hips") > 0:
        return meeting
    # some rigs attach the legs to the lowest spine joint; the pelvis is then right above
    above = [joint for joint in tree.up(meeting)[1:] if name_fit(tags[joint], "hips") > 0]
    close = above and float(np.linalg.norm(tree.positions[above[0]] - tree.positions[meeting])) < NEAR * leg
    return above[0] if close else meeting


def _spine(tree: Tree, hips: int, chest: int, tags: Sequence[NameTag]) -> dict[str, int]:
    """First, middle and last joint on the path from the hips to where the arms are attached."""
    meeting = tree.meet(hips, chest)
    if meeting == chest:
        way = tree.up(hips)
        chain = way[1 : way.index(chest) + 1]
    else:
        chain = tree.down(meeting, chest)
    chain = [joint for joint in chain if joint == chest or not tags[joint].helper]
    if not chain:
        return {}
    found = {"spine3": chain[-1]}
    if len(chain) > 1:
        found["spine1"] = chain[0]
    if len(chain) > 2:
        steps = np.linalg.norm(np.diff(tree.positions[chain], axis=0), axis=1)
        along = np.concatenate([[0.0], np.cumsum(steps)])
        found["spine2"] = chain[1 + int(np.argmin(np.abs(along[1:-1] - along[-1] / 2)))]
    return found


def _neck_and_head(tree: Tree, base: int, limbs: Sided, tags: Sequence[NameTag]) -> dict[str, int]:
    tops = {limb.chain[0] for limb in limbs.values()}
    hanging = {j for top in tops if top != base for j in tree.below(top)}
    free = [j for j in tree.below(base) if j not in hanging and j != base]
    named = [j for j in free if name_fit(tags[j], "head") > 0]
    if named:
        head = min(named, key=lambda j: (-name_fit(tags[j], "head"), tree.depth[j], j))
        way = [j for j in tree.down(base, head)[:-1] if not tags[j].helper]
        necks = [j for j in way if name_fit(tags[j], "neck") > 0] or way
        return {"head": head, **({"neck": necks[0]} if necks and base != head else {})}
    if ("arm", "left") not in limbs and ("arm", "right") not in limbs:
        return {}
    roles = roles_of(limbs)
    axes = body_axes(tree, roles) if is_body(tree, roles) else None
    leg = leg_length(tree, whole_legs(limbs))
    shown = _longest(tree, base, set(free), tags) if axes is None else _rising(tree, base, set(free), axes, leg)
    way = _to_head(tree, shown, leg)
    way = [j for j in way if not tags[j].helper]
    if not way:
        return {}
    return {"head": way[-1], **({"neck": way[0]} if len(way) > 1 else {})}


def _longest(tree: Tree, base: int, free: set[int], tags: Sequence[NameTag]) -> list[int]:
    """Joints of the longest path from the chest, where the pose does not show which way is up."""
    way: list[int] = []
    here = base
    while True:
        children = [c for c in tree.skeleton.children[here] if c in free and not tags[c].helper]
        if not children:
            return way
        here = max(children, key=lambda c: float(tree.lengths[c]) + tree.reach[c])
        way.append(here)


def _rising(tree: Tree, base: int, free: set[int], axes: Axes, leg: float) -> list[int]:
    """Joints that rise from the chest in the body's middle, as far as the path continues."""
    up, left = axes.up, axes.left
    moving = 0 if tree.symmetric else 1
    top = {j: float(tree.positions[j] @ up) for j in free}
    for joint, tip in tree.tip_of.items():
        if joint in top:
            top[joint] = max(top[joint], float(tip @ up))
    for joint in sorted(free, reverse=True):
        parent = tree.skeleton.parents[joint]
        if parent in top:
            top[parent] = max(top[parent], top[joint])
    way: list[int] = []
    here = base
    while True:
        steps = {c: tree.positions[c] - tree.positions[here] for c in tree.skeleton.children[here] if c in free}
        # a face has two eyes at the sides and a jaw in front: the path to the head ends above them
        aside = [float((tree.positions[c] - tree.positions[here]) @ left) for c in steps]
        if way and min(aside, default=0.0) < -EYES * leg and max(aside, default=0.0) > EYES * leg:
            break
        steps = {
            c: step
            for c, step in steps.items()
            if abs(float((tree.positions[c] - tree.positions[base]) @ left)) <= MIDDLE[moving] * leg
            and float(step @ up) >= (RISING[moving] if way else 0.0) * float(np.linalg.norm(step))
        }
        if not steps:
            break
        here = max(steps, key=lambda c: top[c])
        way.append(here)
    return way


def _to_head(tree: Tree, way: Sequence[int], leg: float) -> list[int]:
    """The joints of the path up to the head joint, without the top of the skull."""
    if not way:
        return []
    stature = leg / LEG_TO_HEIGHT if leg > 0 else float("inf")
    along = np.cumsum([0.0, *(tree.lengths[j] for j in way[1:])])
    near = [j for j, length in zip(way, along, strict=True) if length <= NECK_TO_HEAD * stature]
    last = near[-1]
    bare = len(near) > 1 and not tree.skeleton.children[last] and last not in tree.tip_of
    return near[:-1] if bare and float(tree.lengths[last]) >= BARE_TIP * stature else near
