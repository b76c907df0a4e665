"""A joint tree in one pose: positions, bones, depth and paths between joints, as finding roles needs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float

from kinescale.kinematics.forward import forward_kinematics, global_to_local
from kinescale.kinematics.rotations import quat_apply, quat_conjugate, quat_multiply
from kinescale.skeletons.base import Skeleton

MAX_DEPTH = 64
"""Trees with longer chains are not searched: no biped has them."""


@dataclass(frozen=True, eq=False)
class Tree:
    """A skeleton in one pose.

    ``positions`` [J, 3] meters, root at the origin; ``pose`` the local rotations [J, 4] that put them there, ``None``
    for rest. ``symmetric``: the pose is a rest pose, which has two equal sides, not a frame of a motion.
    """

    skeleton: Skeleton
    positions: Float[np.ndarray, "J 3"]
    pose: Float[np.ndarray, "J 4"] | None
    tips: tuple[tuple[int, tuple[float, float, float]], ...]
    symmetric: bool

    @cached_property
    def lengths(self) -> Float[np.ndarray, "J"]:
        """Length of each joint's offset; 0 for the root."""
        lengths = np.linalg.norm(self.skeleton.offsets, axis=1)
        lengths[0] = 0.0
        return lengths

    @cached_property
    def tip_of(self) -> dict[int, np.ndarray]:
        """World position of each joint's (longest) end site."""
        found: dict[int, np.ndarray] = {}
        for joint, tip in self.tips:
            at = np.array(tip)
            longer = joint not in found or self._away(joint, at) > self._away(joint, found[joint])
            found[joint] = at if longer else found[joint]
        return found

    def _away(self, joint: int, at: np.ndarray) -> float:
        return float(np.linalg.norm(at - self.positions[joint]))

    def tip_length(self, joint: int) -> float:
        """Length of the joint's end site; 0 when it has none."""
        return self._away(joint, self.tip_of[joint]) if joint in self.tip_of else 0.0

    @cached_property
    def world(self) -> Float[torch.Tensor, "J 4"]:
        """World orientations of all joints, xyzw."""
        if self.pose is None:
            return torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64).expand(len(self.skeleton), 4)
        return torch.from_numpy(world_orientations(self.skeleton, np.asarray(self.pose, dtype=np.float64)[None])[0][0])

    @property
    def height(self) -> float:
        """From the lowest to the highest point along Y, end sites included."""
        return float(np.ptp([*self.positions[:, 1], *(tip[1] for _, tip in self.tips)]))

    def bone(self, roles: Mapping[str, int], start: str, end: str) -> Float[np.ndarray, "3"] | None:
        """Vector from the joint of one role to that of another; ``None`` where either has no joint."""
        if start not in roles or end not in roles:
            return None
        return self.positions[roles[end]] - self.positions[roles[start]]

    def longest_bone(self, joint: int) -> Float[np.ndarray, "3"] | None:
        """Vector from a joint to its farthest child or end site; ``None`` where all of them are in its place."""
        ends = [self.positions[child] for child in self.skeleton.children[joint]]
        ends += [self.tip_of[joint]] if joint in self.tip_of else []
        bone = max((end - self.positions[joint] for end in ends), key=lambda b: float(b @ b), default=None)
        return bone if bone is not None and float(np.linalg.norm(bone)) > 0 else None

    def posed_by(self, place: Callable[[int, torch.Tensor, list[torch.Tensor]], torch.Tensor]) -> np.ndarray:
        """Local rotations [J, 4] after giving every joint a world orientation, parents first.

        ``place(joint, carried, world)`` returns it: ``carried`` is the joint's orientation after the rotation of its
        parent, ``world`` holds the new orientations of the joints before.
        """
        parents, old, world = self.skeleton.parents, self.world, []
        for joint, parent in enumerate(parents):
            carried = old[joint]
            if parent >= 0:
                carried = quat_multiply(world[parent], quat_multiply(quat_conjugate(old[parent]), old[joint]))
            world.append(place(joint, carried, world))
        return global_to_local(torch.stack(world), parents).numpy()

    @cached_property
    def reach(self) -> list[float]:
        """Per joint, length of the longest path below it along bones."""
        reach = [self.tip_length(joint) for joint in range(len(self.skeleton))]
        for joint in range(len(self.skeleton) - 1, 0, -1):
            parent = self.skeleton.parents[joint]
            reach[parent] = max(reach[parent], reach[joint] + float(self.lengths[joint]))
        return reach

    @cached_property
    def depth(self) -> list[int]:
        """Per joint, the number of its ancestors."""
        depth = [0] * len(self.skeleton)
        for joint, parent in enumerate(self.skeleton.parents[1:], start=1):
            depth[joint] = depth[parent] + 1
        return depth

    def up(self, joint: int) -> list[int]:
        """The joint and its ancestors, ending with the root."""
        found = [joint]
        while self.skeleton.parents[found[-1]] >= 0:
            found.append(self.skeleton.parents[found[-1]])
        return found

    def meet(self, a: int, b: int) -> int:
        """The lowest common ancestor, which may be one of the two."""
        above = set(self.up(a))
        return next(joint for joint in self.up(b) if joint in above)

    def down(self, top: int, joint: int) -> list[int]:
        """The joints from below ``top`` to ``joint``, which comes last; empty where ``top`` is no ancestor of it."""
        way = self.up(joint)
        return way[: way.index(top)][::-1] if top in way else []

    def below(self, joint: int) -> list[int]:
        """The joint and all its descendants."""
        inside = {joint}
        for child in range(joint + 1, len(self.skeleton)):
            if self.skeleton.parents[child] in inside:
                inside.add(child)
        return sorted(inside)


def tree(skeleton: Skeleton, pose: Float[np.ndarray, "J 4"] | None = None) -> Tree:
    """The skeleton in its rest pose: as drawn, or in local rotations xyzw."""
    if pose is not None:
        return _trees(skeleton, np.asarray(pose, dtype=np.float64)[None], symmetric=True)[0]
    positions = np.zeros((len(skeleton), 3))
    for joint, parent in enumerate(skeleton.parents[1:], start=1):
        positions[joint] = positions[parent] + skeleton.offsets[joint]
    tips = tuple((end.joint, _triple(positions[end.joint] + np.array(end.offset))) for end in skeleton.ends)
    return Tree(skeleton, positions, None, tips, True)


def posed_trees(skeleton: Skeleton, poses: Float[np.ndarray, "T J 4"]) -> list[Tree]:
    """The skeleton in frames of a motion, the root at the origin."""
    return _trees(skeleton, np.asarray(poses, dtype=np.float64), symmetric=False)


def _trees(skeleton: Skeleton, poses: Float[np.ndarray, "T J 4"], *, symmetric: bool) -> list[Tree]:
    world, positions = world_orientations(skeleton, poses)
    ends = [end.joint for end in skeleton.ends]
    offsets = torch.tensor([end.offset for end in skeleton.ends], dtype=torch.float64).reshape(-1, 3)
    tips = positions[:, ends] + quat_apply(torch.from_numpy(world[:, ends]), offsets).numpy()
    return [
        Tree(
            skeleton,
            positions[frame],
            poses[frame],
            tuple((joint, _triple(tip)) for joint, tip in zip(ends, tips[frame], strict=True)),
            symmetric,
        )
        for frame in range(len(poses))
    ]


def world_orientations(
    skeleton: Skeleton, poses: Float[np.ndarray, "T J 4"]
) -> tuple[Float[np.ndarray, "T J 4"], Float[np.ndarray, "T J 3"]]:
    """World quaternions and positions of all joints, the root at the origin."""
    local = torch.from_numpy(np.array(poses))
    offsets = torch.from_numpy(skeleton.offsets.copy())
    root = torch.zeros(len(poses), 3, dtype=torch.float64)
    positions, world = forward_kinematics(root, local, offsets, skeleton.parents)
    return world.numpy(), positions.numpy()


def _triple(vector: np.ndarray) -> tuple[float, float, float]:
    return float(vector[0]), float(vector[1]), float(vector[2])
