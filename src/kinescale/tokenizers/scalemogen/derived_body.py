"""The graph, parts and contacts of any skeleton, from its tree and its roles, in the manner of the published lists.

ScaleMoGen (arXiv 2605.11704), section 1.4 of its method notes, states the twelve parts for two skeletons; for
``humanml22`` these rules give the published lists.
"""

from __future__ import annotations

from kinescale.core.errors import ConfigError, SkeletonError
from kinescale.skeletons.base import Skeleton
from kinescale.tokenizers.scalemogen.bodies import Body

CONTACTS = ("left_ankle", "left_toes", "right_ankle", "right_toes")


def derived_body(skeleton: Skeleton) -> Body:
    """The body of a skeleton with hips, legs and arms; ``ConfigError`` names a role that it lacks.

    Example
    -------
    >>> from kinescale import skeletons
    >>> body = derived_body(skeletons.get("mixamo"))
    >>> len(body.parts), body.joints == len(skeletons.get("mixamo"))
    (12, True)
    """
    try:
        parts = _Tree(skeleton).parts()
        ankle_left, toes_left, ankle_right, toes_right = (skeleton.role(role) for role in CONTACTS)
    except SkeletonError as problem:
        raise ConfigError(f"ScaleMoGen cannot part the body: {problem}") from None
    edges = tuple((parent, joint) for joint, parent in enumerate(skeleton.parents) if parent >= 0)
    return Body(len(skeleton), edges, parts, (ankle_left, toes_left, ankle_right, toes_right))


class _Tree:
    """Joint sets of a skeleton by their place in the tree."""

    def __init__(self, skeleton: Skeleton):
        self.skeleton = skeleton

    def above(self, joint: int) -> list[int]:
        """The joint and its ancestors, up to the root."""
        found = [joint]
        while self.skeleton.parents[found[-1]] >= 0:
            found.append(self.skeleton.parents[found[-1]])
        return found

    def below(self, joint: int) -> set[int]:
        """The joint and everything under it."""
        return {other for other in range(len(self.skeleton)) if joint in self.above(other)}

    def near(self, joint: int) -> set[int]:
        """The joint, its parent and its children."""
        return {*self.above(joint)[:2], *self.skeleton.children[joint]}

    def chain(self, first: int, last: int) -> list[int]:
        """Joints from ``first`` down to ``last``, both included."""
        found = self.above(last)
        if first not in found:
            name = self.skeleton.joints[first]
            raise SkeletonError(f"'{self.skeleton.joints[last]}' of '{self.skeleton.name}' is not below '{name}'.")
        return found[: found.index(first) + 1][::-1]

    def parts(self) -> tuple[tuple[int, ...], ...]:
        """Joints of each of the twelve parts, which overlap where they meet; every joint is in one at least."""
        role = self.skeleton.role
        hips, shoulders = role("hips"), [role("left_shoulder"), role("right_shoulder")]
        shared = [joint for joint in self.above(shoulders[0]) if joint in self.above(shoulders[1])]
        chest = shared[0]
        top = next((role(name) for name in ("head", "neck") if name in self.skeleton.roles), chest)
        legs = []
        for side in ("left", "right"):
            knee = role(f"{side}_knee")
            legs += [set(self.chain(hips, knee)), self.below(knee)]
        arms = []
        for side, shoulder in zip(("left", "right"), shoulders, strict=True):
            # with no collar between them, chest and shoulder alone would say nothing of the arm's direction
            end = shoulder if len(self.chain(chest, shoulder)) > 2 else role(f"{side}_elbow")
            arms += [set(self.chain(chest, end)), self.below(shoulder)]
        neck = self.chain(chest, top)[1:2]
        head = {chest}.union(*map(self.below, neck))
        parts = [set(self.above(hips)) | self.near(hips), *legs, set(self.chain(hips, chest)), self.near(chest)]
        return self._covering([*parts, *arms, head])

    def _covering(self, parts: list[set[int]]) -> tuple[tuple[int, ...], ...]:
        """The parts, with joints of none of them (a tail, a hat) in the last that holds their parent."""
        for joint, parent in enumerate(self.skeleton.parents):
            if not any(joint in part for part in parts):
                next(part for part in reversed(parts) if parent in part).add(joint)
        return tuple(tuple(sorted(part)) for part in parts)
