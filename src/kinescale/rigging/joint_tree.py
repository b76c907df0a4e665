"""A joint tree in one pose, with the walks along it that finding roles needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float

from kinescale.kinematics.forward import forward_kinematics
from kinescale.kinematics.rotations import quat_apply
from kinescale.skeletons.base import Skeleton

MAX_DEPTH = 64
"""A tree with longer chains is not walked: nothing that stands on two legs has them."""


@dataclass(frozen=True, eq=False)
class Tree:
    """Where a skeleton's joints are in one pose.

    ``positions`` [J, 3] meters, root at the origin; ``pose`` the local rotations [J, 4] that put them there, ``None``
    for rest. ``symmetric`` says that the pose is a rest pose, which has two equal sides, not a frame of a motion.
    """

    skeleton: Skeleton
    positions: Float[np.ndarray, "J 3"]
    pose: Float[np.ndarray, "J 4"] | None
    tips: tuple[tuple[int, tuple[float, float, float]], ...]
    symmetric: bool

    @cached_property
    def lengths(self) -> Float[np.ndarray, "J"]:
        """Length of each joint's offset; the root's counts for nothing."""
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
    def reach(self) -> list[float]:
        """Per joint, the longest way down from it along bones."""
        reach = [self.tip_length(joint) for joint in range(len(self.skeleton))]
        for joint in range(len(self.skeleton) - 1, 0, -1):
            parent = self.skeleton.parents[joint]
            reach[parent] = max(reach[parent], reach[joint] + float(self.lengths[joint]))
        return reach

    @cached_property
    def depth(self) -> list[int]:
        """Per joint, how many joints lie above it."""
        depth = [0] * len(self.skeleton)
        for joint, parent in enumerate(self.skeleton.parents[1:], start=1):
            depth[joint] = depth[parent] + 1
        return depth

    def up(self, joint: int) -> list[int]:
        """The joint and all above it, ending with the root."""
        found = [joint]
        while self.skeleton.parents[found[-1]] >= 0:
            found.append(self.skeleton.parents[found[-1]])
        return found

    def meet(self, a: int, b: int) -> int:
        """The lowest joint that both hang from, which may be one of them."""
        above = set(self.up(a))
        return next(joint for joint in self.up(b) if joint in above)

    def down(self, top: int, joint: int) -> list[int]:
        """The joints below ``top`` on the way to ``joint``, which comes last; empty where it does not hang from it."""
        way = self.up(joint)
        return way[: way.index(top)][::-1] if top in way else []

    def below(self, joint: int) -> list[int]:
        """All joints that hang from one, itself included."""
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
