"""Joint tracks of a glTF animation, and a change of root where the hips move below the root joint.

Game rigs put a ``root`` on the floor and animate the pelvis below it (jumps, squats, falls). A Motion has translations
at its root alone, so there the hips become the root, and other children of the root (targets of inverse kinematics,
props) are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.kinematics.rotations import quat_apply, quat_multiply


@dataclass(frozen=True, eq=False)
class JointTracks:
    """Animated joints relative to their parents: ``tracks[j]`` is a position [3] or [T, 3], meters."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    rotations: Float[Tensor, "T J 4"]
    rest_turns: Float[np.ndarray, "J 4"]
    tracks: tuple[Tensor, ...]

    def deviation(self, joint: int) -> float:
        """Largest deviation of a joint from its mean offset, meters."""
        track = self.tracks[joint]
        return 0.0 if track.ndim == 1 else float((track - track.mean(0)).abs().max())

    def line(self, joint: int) -> list[int]:
        """The joint and its ancestors except the root, from the top down."""
        line = []
        while joint > 0:
            line.append(joint)
            joint = self.parents[joint]
        return line[::-1]


def with_root_at(parts: JointTracks, joint: int) -> JointTracks:
    """Tracks of ``joint``, as the root with its world position and orientation, and of its descendants."""
    at, turn = parts.tracks[0], parts.rotations[:, 0]
    rest = torch.from_numpy(parts.rest_turns[0])
    for step in parts.line(joint):
        at = at + quat_apply(turn.to(parts.tracks[step].dtype), parts.tracks[step].expand(len(turn), 3))
        turn = quat_multiply(turn, parts.rotations[:, step])
        rest = quat_multiply(rest, torch.from_numpy(parts.rest_turns[step]))
    kept = [joint]
    for other in range(joint + 1, len(parts.parents)):
        if parts.parents[other] in kept:
            kept.append(other)
    place = {old: new for new, old in enumerate(kept)}
    rotations, rest_turns = parts.rotations[:, kept].clone(), parts.rest_turns[kept].copy()
    rotations[:, 0], rest_turns[0] = turn, rest.numpy()
    return JointTracks(
        tuple(parts.names[old] for old in kept),
        (-1, *(place[parts.parents[old]] for old in kept[1:])),
        rotations,
        rest_turns,
        (at, *(parts.tracks[old] for old in kept[1:])),
    )
