"""The feature contract. A variant's file offers ``Config`` (a Record) and ``build(config) -> Feature``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from kinescale.core.records import Record
from kinescale.motion.motion import Motion
from kinescale.skeletons.base import Skeleton


@dataclass(frozen=True, eq=False)
class HeadingKinematics:
    """Joints in the frame of the body's heading, and how that frame moves: what losses on motion compare.

    Parameters
    ----------
    joints : [*b, T, J, 3] meters, relative to the point of the ground under the root, turned back by the heading.
    turn : [*b, T] radians by which the heading turns about +Y until the next frame.
    step : [*b, T, 2] meters (x, z) by which the root moves until the next frame, in the frame's own heading.
    """

    joints: Tensor
    turn: Tensor
    step: Tensor


class Feature(ABC):
    """Declares only. ``blocks`` maps a block's name to its slice; together they cover 0..width without a gap."""

    config: Record
    skeleton: Skeleton
    fps: float
    blocks: Mapping[str, slice]

    @property
    def width(self) -> int:
        """F, numbers a frame."""
        return max(part.stop for part in self.blocks.values())

    @abstractmethod
    def from_motion(self, motion: Motion) -> Float[Tensor, "T F"]:
        """Features of a motion on this feature's skeleton and fps (else ``InputError``). Differentiable."""

    @abstractmethod
    def to_motion(self, features: Float[Tensor, "T F"]) -> Motion:
        """A motion that starts at the origin facing +Z. Differentiable where the layout allows."""

    def contacts(self, features: Float[Tensor, "*b T F"]) -> Float[Tensor, "*b T 4"]:
        """The contact block: left ankle, left toes, right ankle, right toes; near 1 where a foot stands."""
        return features[..., self.blocks["contacts"]]

    @abstractmethod
    def positions(self, features: Float[Tensor, "*b T F"]) -> Float[Tensor, "*b T J 3"]:
        """World joint positions straight from features, batched and differentiable."""

    @abstractmethod
    def kinematics(self, features: Float[Tensor, "*b T F"]) -> HeadingKinematics:
        """Joint positions and root motion in the heading's frame, from the blocks that ``to_motion`` reads.

        Differentiable, and cheap enough for a training loss.
        """
