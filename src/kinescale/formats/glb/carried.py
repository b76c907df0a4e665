"""Hips that move below a root joint: the joints above them are folded into the root track.

Game rigs put a ``root`` on the floor and let the pelvis below it carry the body (jumps, squats, falls). A Motion has
translations at its root alone, so there the hips become the root, and what hangs beside them (targets of inverse
kinematics, props) is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.kinematics.rotations import quat_apply, quat_multiply


@dataclass(frozen=True, eq=False)
class Parts:
    """What a file's joints do: ``tracks[j]`` is [3] or [T, 3], a joint against its parent in meters."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    rotations: Float[Tensor, "T J 4"]
    rest_turns: Float[np.ndarray, "J 4"]
    tracks: tuple[Tensor, ...]

    def strays(self, joint: int) -> float:
        """How far a joint strays from its mean offset, meters."""
        track = self.tracks[joint]
        return 0.0 if track.ndim == 1 else float((track - track.mean(0)).abs().max())

    def line(self, joint: int) -> list[int]:
        """The joint and all above it but the root, from the top down."""
        line = []
        while joint > 0:
            line.append(joint)
            joint = self.parents[joint]
        return line[::-1]


def carried_by(parts: Parts, joint: int) -> Parts:
    """The joints at and below ``joint``, which becomes the root and keeps its place and orientation in the world."""
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
    return Parts(
        tuple(parts.names[old] for old in kept),
        (-1, *(place[parts.parents[old]] for old in kept[1:])),
        rotations,
        rest_turns,
        (at, *(parts.tracks[old] for old in kept[1:])),
    )
