"""Motions spoilt on purpose, little by little: what an evaluator that looks at motion has to notice."""

from __future__ import annotations

from collections.abc import Callable
from math import radians

import torch

from kinescale.kinematics.rotations import axis_angle_quat, quat_multiply
from kinescale.motion import Motion
from kinescale.motion.mirror import mirror
from kinescale.motion.resample import resample

Spoil = Callable[[Motion, torch.Generator], Motion]

SIGMAS_DEG = (1.0, 3.0, 10.0, 30.0)
SPEEDS = (0.9, 0.75, 0.5, 1.1, 1.5, 2.0)
PIECES = (2, 4, 16, 0)
"""Pieces a clip is cut into before they are put together in another order; 0: every frame is a piece."""


def noised(sigma_deg: float) -> Spoil:
    """Every joint of every frame turned by independent angles of that deviation about the three axes."""

    def spoil(motion: Motion, rng: torch.Generator) -> Motion:
        rotations = motion.rotations
        for axis in "xyz":
            angles = radians(sigma_deg) * torch.randn(rotations.shape[:-1], generator=rng)
            rotations = quat_multiply(rotations, axis_angle_quat(angles.to(rotations), axis))
        return motion.replace(rotations=rotations)

    return spoil


def played_at(speed: float) -> Spoil:
    """The same movement in another time."""
    return lambda motion, rng: resample(motion.replace(fps=motion.fps * speed), motion.fps)


def mirrored(motion: Motion, rng: torch.Generator) -> Motion:
    """Left and right exchanged."""
    return mirror(motion)


def backwards(motion: Motion, rng: torch.Generator) -> Motion:
    """The last frame first."""
    return motion.replace(root=motion.root.flip(0), rotations=motion.rotations.flip(0))


def shuffled(pieces: int) -> Spoil:
    """Pieces of the clip in another order; the root's place goes with its frame."""

    def spoil(motion: Motion, rng: torch.Generator) -> Motion:
        frames = len(motion)
        parts = torch.arange(frames).tensor_split(min(pieces or frames, frames))
        order = torch.randperm(len(parts), generator=rng)
        while len(parts) > 1 and bool((order == torch.arange(len(parts))).all()):
            order = torch.randperm(len(parts), generator=rng)
        index = torch.cat([parts[int(i)] for i in order])
        return motion.replace(root=motion.root[index], rotations=motion.rotations[index])

    return spoil


def families() -> dict[str, dict[str, Spoil]]:
    """Kind -> step -> what is done; within a kind of which a later step spoils more, in that order."""
    return {
        "noise": {f"{sigma:g}°": noised(sigma) for sigma in SIGMAS_DEG},
        "slowed": {f"{speed:g}×": played_at(speed) for speed in SPEEDS if speed < 1},
        "sped up": {f"{speed:g}×": played_at(speed) for speed in SPEEDS if speed > 1},
        "shuffled in time": {f"{pieces} pieces" if pieces else "all frames": shuffled(pieces) for pieces in PIECES},
        "mirrored": {"left and right exchanged": mirrored},
        "backwards": {"the last frame first": backwards},
    }
