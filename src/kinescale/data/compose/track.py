"""Track: a clip in double precision, with forward kinematics and stances computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.core.errors import SkeletonError
from kinescale.kinematics.forward import forward_kinematics
from kinescale.kinematics.rotations import quat_about_y, quat_apply, quat_multiply
from kinescale.motion import Motion
from kinescale.motion.canonicalize import facing_yaw
from kinescale.skeletons import Skeleton

SIDES = ("left", "right")
PLANTED_M_S, PLANTED_M = 0.5, 0.09
"""A foot is planted while its slower point (ankle, toes) is slower than the first and no higher over its place in
standing than the second: recordings whose feet drag a little count as planted."""

SHORTEST = 3
"""Frames of the shortest stance, and of the longest gap in one."""

ANKLE_M, TOES_M = 0.08, 0.02
"""Height of ankle and toe joints over the floor when standing flat, meters."""

GROUND = (0, 2)


@dataclass(frozen=True)
class Legs:
    """Joint numbers of both legs: (hip, knee, ankle, toes) for left and right."""

    left: tuple[int, int, int, int]
    right: tuple[int, int, int, int]

    @staticmethod
    def of(skeleton: Skeleton) -> Legs:
        """``SkeletonError`` where a leg is not hip, knee, ankle, toes in one chain."""
        found = []
        for side in SIDES:
            hip, knee, ankle, toes = (skeleton.role(f"{side}_{part}") for part in ("hip", "knee", "ankle", "toes"))
            chain = (skeleton.parents[toes], skeleton.parents[ankle], skeleton.parents[knee])
            if chain != (ankle, knee, hip):
                raise SkeletonError(
                    f"skeleton '{skeleton.name}': the {side} leg is no chain of hip, knee, ankle and toes; "
                    "prepare the data on humanml22 to compose from it."
                )
            found.append((hip, knee, ankle, toes))
        return Legs(*found)

    @property
    def ankles(self) -> list[int]:
        """Left and right ankle."""
        return [self.left[2], self.right[2]]

    @property
    def toes(self) -> list[int]:
        """Left and right toes."""
        return [self.left[3], self.right[3]]


@dataclass(frozen=True, eq=False)
class Track:
    """Root [T, 3] and local rotations [T, J, 4] (xyzw) in float64, and derived quantities."""

    skeleton: Skeleton
    fps: float
    root: Float[Tensor, "T 3"]
    rotations: Float[Tensor, "T J 4"]

    @staticmethod
    def of(motion: Motion) -> Track:
        """The motion's numbers in double precision."""
        return Track(motion.skeleton, motion.fps, motion.root.double(), motion.rotations.double())

    def motion(self) -> Motion:
        """The clip as a float32 motion."""
        unit = torch.nn.functional.normalize(self.rotations, dim=-1)
        return Motion(self.skeleton, self.fps, self.root.float(), unit.float())

    def __len__(self) -> int:
        return len(self.root)

    @cached_property
    def legs(self) -> Legs:
        """Joint numbers of the legs."""
        return Legs.of(self.skeleton)

    @cached_property
    def _forward(self) -> tuple[Tensor, Tensor]:
        offsets = torch.as_tensor(self.skeleton.offsets.copy(), dtype=torch.float64)
        return forward_kinematics(self.root, self.rotations, offsets, self.skeleton.parents)

    @property
    def positions(self) -> Float[Tensor, "T J 3"]:
        """World positions, meters."""
        return self._forward[0]

    @property
    def world(self) -> Float[Tensor, "T J 4"]:
        """World orientations."""
        return self._forward[1]

    @cached_property
    def yaw(self) -> Float[Tensor, "T"]:
        """Facing, radians about the vertical, in (-pi, pi]."""
        return facing_yaw(self.positions, self.skeleton)

    @cached_property
    def velocity(self) -> Float[Tensor, "T 3"]:
        """Of the root, meters per second, over two frames each way."""
        at = torch.arange(len(self))
        before, after = (at - 2).clamp(min=0), (at + 2).clamp(max=len(self) - 1)
        spread = (after - before).clamp(min=1)[:, None]
        return (self.root[after] - self.root[before]) * self.fps / spread

    @cached_property
    def feet(self) -> Float[Tensor, "T 2 3"]:
        """Positions of the ankles."""
        return self.positions[:, self.legs.ankles]

    @cached_property
    def planted(self) -> Bool[Tensor, "T 2"]:
        """Which feet stand: slow and low for at least ``SHORTEST`` frames."""
        points = torch.stack([self.feet, self.positions[:, self.legs.toes]], dim=2)
        step = (points[1:] - points[:-1]).norm(dim=-1) * self.fps
        if len(step) == 0:
            step = points.new_zeros(1, 2, 2)
        # the mean of the steps before and after a frame
        pace = torch.cat([step[:1], (step[1:] + step[:-1]) / 2, step[-1:]])[: len(self)].amin(-1)
        low = (points[..., 1] - points.new_tensor([ANKLE_M, TOES_M])).amin(-1) < PLANTED_M
        flags = (pace < PLANTED_M_S) & low
        return torch.stack([_closed(flags[:, side]) for side in (0, 1)], dim=1)

    def slice(self, start: int, stop: int) -> Track:
        """Frames ``start`` to ``stop - 1``, with what is already computed."""
        part = Track(self.skeleton, self.fps, self.root[start:stop], self.rotations[start:stop])
        known = self.__dict__
        if "_forward" in known:
            part.__dict__["_forward"] = tuple(value[start:stop] for value in known["_forward"])
        if "planted" in known:
            part.__dict__["planted"] = known["planted"][start:stop]
        return part

    def moved(self, yaw: float | Tensor, shift: Tensor) -> Track:
        """Turned about the vertical axis through the origin by ``yaw``, then shifted by ``shift`` [3]."""
        turn = quat_about_y(torch.as_tensor(yaw, dtype=torch.float64))
        rotations = self.rotations.clone()
        rotations[:, 0] = quat_multiply(turn, rotations[:, 0])
        made = Track(self.skeleton, self.fps, quat_apply(turn, self.root) + shift, rotations)
        if "_forward" in self.__dict__:
            made.__dict__["_forward"] = (quat_apply(turn, self.positions) + shift, quat_multiply(turn, self.world))
        return made

    @staticmethod
    def row(*parts: Track) -> Track:
        """Concatenation of tracks."""
        made = Track(
            parts[0].skeleton,
            parts[0].fps,
            torch.cat([part.root for part in parts]),
            torch.cat([part.rotations for part in parts]),
        )
        made.__dict__["_forward"] = tuple(
            torch.cat(some) for some in zip(*(part._forward for part in parts), strict=True)
        )
        return made

    def but(self, *, root: Tensor | None = None, rotations: Tensor | None = None) -> Track:
        """A copy with another root or other rotations."""
        return Track(
            self.skeleton,
            self.fps,
            self.root if root is None else root,
            self.rotations if rotations is None else rotations,
        )


def runs(flags: Bool[Tensor, "T"]) -> list[tuple[int, int]]:
    """(first, one after last) of each run of true."""
    edges = torch.diff(torch.nn.functional.pad(flags.to(torch.int8), (1, 1)))
    return list(zip((edges == 1).nonzero().flatten().tolist(), (edges == -1).nonzero().flatten().tolist(), strict=True))


def _closed(flags: Bool[Tensor, "T"]) -> Bool[Tensor, "T"]:
    """Gaps shorter than ``SHORTEST`` frames closed, then runs shorter than that left out."""
    flags = flags.clone()
    for start, stop in runs(~flags):
        if stop - start < SHORTEST and start > 0 and stop < len(flags):
            flags[start:stop] = True
    for start, stop in runs(flags):
        if stop - start < SHORTEST and start > 0 and stop < len(flags):
            flags[start:stop] = False
    return flags
