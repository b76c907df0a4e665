"""The Motion record: a skeleton, a frame rate, a root track and local joint rotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.conventions import MAX_FPS, MAX_LENGTH_M, MAX_SECONDS, MIN_FPS
from kinescale.core.errors import InputError, MotionError
from kinescale.kinematics.forward import forward_kinematics
from kinescale.skeletons.base import Skeleton

NORM_SLACK = 1e-2
"""Largest deviation from 1 of the length of a normalized quaternion, in any float type."""


@dataclass(frozen=True, eq=False)
class Motion:
    """A clip of one character. Frozen: operations return a new Motion and never write into its tensors.

    Parameters
    ----------
    skeleton : the joint tree, J joints.
    fps : frames per second.
    root : [T, 3] position of joint 0 in the world, meters. It replaces the root's rest offset.
    rotations : [T, J, 4] unit quaternions, xyzw, local to the parent (the root's to the world).
    meta : provenance that travels with the clip and into files: ``license``, ``source``, ``prompt``, ``seed`` ...

    Raises ``MotionError`` for shapes that do not fit, no frames, a bad fps, values that are not finite, a root farther
    than ``MAX_LENGTH_M``, or quaternions that cannot be normalized (others are).

    Example
    -------
    >>> import torch
    >>> from kinescale import Motion, TextToMotion
    >>> motion = TextToMotion.from_pretrained()("a person walks", seconds=1.0).motions[0]
    >>> motion.positions().shape
    torch.Size([30, 22, 3])
    >>> motion.slice(0, 15).duration_s
    0.5
    """

    skeleton: Skeleton
    fps: float
    root: Float[Tensor, "T 3"]
    rotations: Float[Tensor, "T J 4"]
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        joints, frames = len(self.skeleton), self.root.shape[0]
        if self.root.shape != (frames, 3) or self.rotations.shape != (frames, joints, 4):
            raise MotionError(
                f"root {tuple(self.root.shape)} and rotations {tuple(self.rotations.shape)} do not fit; "
                f"expected [T, 3] and [T, {joints}, 4] for skeleton '{self.skeleton.name}'."
            )
        if frames == 0:
            raise MotionError("a motion needs at least one frame.")
        if not MIN_FPS <= float(self.fps) <= MAX_FPS:
            raise MotionError(f"{self.fps} frames per second; expected more than 0 and at most {MAX_FPS:g}.")
        if frames > MAX_SECONDS * float(self.fps):
            raise MotionError(f"{frames / self.fps:g} seconds; expected at most {MAX_SECONDS:g}: is the rate right?")
        if not (bool(torch.isfinite(self.root).all()) and bool(torch.isfinite(self.rotations).all())):
            raise MotionError("the motion holds values that are not finite.")
        if not bool((self.root.detach().abs() <= MAX_LENGTH_M).all()):
            raise MotionError(f"the motion's root is farther than {MAX_LENGTH_M:g} m away; is the unit right?")
        object.__setattr__(self, "rotations", _unit(self.rotations))
        object.__setattr__(self, "fps", float(self.fps))
        object.__setattr__(self, "meta", MappingProxyType(dict(self.meta)))

    def __len__(self) -> int:
        return self.root.shape[0]

    def __repr__(self) -> str:
        return f"Motion({self.skeleton.name}, {len(self)} frames at {self.fps:g} fps, {self.duration_s:.2f} s)"

    @property
    def frames(self) -> int:
        """Number of frames, T."""
        return len(self)

    @property
    def duration_s(self) -> float:
        """Length in seconds: frames divided by fps."""
        return len(self) / self.fps

    def positions(self) -> Float[Tensor, "T J 3"]:
        """World positions of all joints by forward kinematics, meters."""
        return self._forward()[0]

    def global_rotations(self) -> Float[Tensor, "T J 4"]:
        """World orientations of all joints, xyzw."""
        return self._forward()[1]

    def _forward(self) -> tuple[Tensor, Tensor]:
        offsets = torch.as_tensor(self.skeleton.offsets.copy(), dtype=self.root.dtype, device=self.root.device)
        return forward_kinematics(self.root, self.rotations, offsets, self.skeleton.parents)

    def replace(self, **changes: Any) -> Motion:
        """A copy with some fields changed (``skeleton``, ``fps``, ``root``, ``rotations``, ``meta``)."""
        fields = {"skeleton": self.skeleton, "fps": self.fps, "root": self.root, "rotations": self.rotations}
        return Motion(**{**fields, "meta": self.meta, **changes})

    def with_meta(self, **entries: Any) -> Motion:
        """A copy with entries added to ``meta``."""
        return self.replace(meta={**self.meta, **entries})

    def slice(self, start: int, stop: int) -> Motion:
        """Frames ``start`` to ``stop - 1``; the root track is not moved."""
        if not 0 <= start < stop <= len(self):
            raise InputError(
                f"frames {start}:{stop} of a clip of {len(self)}; expected 0 <= start < stop <= {len(self)}."
            )
        return self.replace(root=self.root[start:stop].clone(), rotations=self.rotations[start:stop].clone())

    def to(self, dtype: torch.dtype) -> Motion:
        """The same motion in another float type."""
        return self.replace(root=self.root.to(dtype), rotations=self.rotations.to(dtype))


def _unit(rotations: Float[Tensor, "T J 4"]) -> Float[Tensor, "T J 4"]:
    """Normalized quaternions; the same tensor where all have length 1 already."""
    norm = rotations.detach().norm(dim=-1)
    if bool((norm < 1e-6).any()):
        raise MotionError("the motion holds a quaternion of zero length.")
    if not bool(((norm - 1).abs() > 1e-6).any()):
        return rotations
    unit = rotations / rotations.norm(dim=-1, keepdim=True)
    # a length that overflows its float type is infinite, and what is divided by it zero
    if not bool(((unit.detach().norm(dim=-1) - 1).abs() <= NORM_SLACK).all()):
        raise MotionError("the motion holds a quaternion that is too long to be normalized.")
    return unit
