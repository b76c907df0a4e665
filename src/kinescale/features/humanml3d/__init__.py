"""humanml3d: the field's 263 features (22 joints, 20 fps) and KIT-ML's 251 (21 joints), forward and inverse.

Guo et al. 2022, "Generating Diverse and Natural 3D Human Motions from Text". A frame holds root yaw velocity
1, root planar velocity 2, root height 1, heading-free positions 3 (J - 1), 6-D rotations 6 (J - 1),
velocities 3 J and contacts 4. Velocities are per frame, and the yaw number is *half* the angle turned. A
track has one frame fewer than its motion. The rotations are those of bones against fixed axes and hold no
twist, so motions are made from positions.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale import skeletons
from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.features.base import Feature, HeadingKinematics
from kinescale.features.humanml3d.published import (
    VARIANTS,
    Constants,
    Processed,
    process_positions,
    target_offsets,
)
from kinescale.kinematics.inverse import measure_offsets, positions_to_rotations
from kinescale.kinematics.rotations import quat_apply, quat_conjugate, quat_to_matrix, rot6d_to_matrix, rotate_about_y
from kinescale.motion.motion import Motion
from kinescale.skeletons.base import Skeleton

__all__ = [
    "VARIANTS",
    "Config",
    "Constants",
    "HumanML3D",
    "Processed",
    "blocks_of",
    "build",
    "process_positions",
    "recover_from_rotations",
    "recover_positions",
    "recover_root",
    "target_offsets",
]

SAME_LENGTH_M = 0.002
"""A decoded track whose bones differ by less from the named skeleton's is given that skeleton itself."""
FPS_TOLERANCE = 1e-6


class Config(Record):
    """``faithful`` repeats the published recipe, slips included (``_humanml3d_recipe``).

    ``bones``: which block ``to_motion`` takes bone directions from. ``unit_m``: meters a unit of the
    features; ``None`` is the dataset's own (meters for "humanml3d", millimeters for "kit").
    """

    variant: Literal["humanml3d", "kit"] = "humanml3d"
    faithful: bool = True
    bones: Literal["positions", "rotations"] = "positions"
    unit_m: float | None = None


def build(config: Config) -> HumanML3D:
    """The feature of a config."""
    return HumanML3D(config)


def blocks_of(joints: int) -> dict[str, slice]:
    """Slices of the named blocks for a number of joints."""
    sizes = {
        "root_yaw_velocity": 1,
        "root_planar_velocity": 2,
        "root_height": 1,
        "positions": 3 * (joints - 1),
        "rotations": 6 * (joints - 1),
        "velocities": 3 * joints,
        "contacts": 4,
    }
    blocks, start = {}, 0
    for name, size in sizes.items():
        blocks[name] = slice(start, start + size)
        start += size
    return blocks


def recover_root(
    features: Float[Tensor, "*b T F"],
) -> tuple[Float[Tensor, "*b T 4"], Float[Tensor, "*b T 3"]]:
    """Root rotation (world to heading, xyzw) and root position, by summing the velocities from the origin."""
    yaw = _before(features[..., 0])
    zero = torch.zeros_like(yaw)
    quat = torch.stack([zero, torch.sin(yaw), zero, torch.cos(yaw)], dim=-1)
    flat = torch.nn.functional.pad(features[..., :-1, 1:3], (0, 0, 1, 0))
    step = torch.stack([flat[..., 0], zero, flat[..., 1]], dim=-1)
    track = torch.cumsum(quat_apply(quat_conjugate(quat), step), dim=-2)
    return quat, torch.stack([track[..., 0], features[..., 3], track[..., 2]], dim=-1)


def recover_positions(features: Float[Tensor, "*b T F"], joints: int) -> Float[Tensor, "*b T J 3"]:
    """World joint positions from the root and position blocks."""
    quat, root = recover_root(features)
    local = features[..., blocks_of(joints)["positions"]].unflatten(-1, (joints - 1, 3))
    ground = root * root.new_tensor([1.0, 0.0, 1.0])
    others = quat_apply(quat_conjugate(quat)[..., None, :], local) + ground[..., None, :]
    return torch.cat([root[..., None, :], others], dim=-2)


def recover_from_rotations(
    features: Float[Tensor, "*b T F"], offsets: Float[Tensor, "J 3"], constants: Constants
) -> Float[Tensor, "*b T J 3"]:
    """World joint positions from the root and rotation blocks; ``offsets`` as of ``target_offsets``."""
    quat, root = recover_root(features)
    block = features[..., blocks_of(constants.joints)["rotations"]]
    turns = rot6d_to_matrix(block.unflatten(-1, (constants.joints - 1, 6)))
    joints: list[Tensor] = [root] * constants.joints
    for chain in constants.chains:
        above = quat_to_matrix(quat)
        for parent, child in pairwise(chain):
            above = above @ turns[..., child - 1, :, :]
            joints[child] = joints[parent] + above @ offsets[child]
    return torch.stack(joints, dim=-2)


class HumanML3D(Feature):
    """See the module's docstring. Feature units are the dataset's; motions are in meters."""

    config: Config

    def __init__(self, config: Config):
        self.config = config
        self.constants = VARIANTS[config.variant]
        self.unit_m = config.unit_m or self.constants.unit_m
        self.skeleton: Skeleton = skeletons.get(self.constants.skeleton)
        self.fps = self.constants.fps
        self.blocks = blocks_of(self.constants.joints)

    def from_motion(self, motion: Motion) -> Float[Tensor, "T F"]:
        """[T - 1, F] features: the last frame only ends the velocities.

        Bone lengths may be any; joints and parents must be the skeleton's and fps ours (else ``InputError``).
        """
        if (motion.skeleton.joints, motion.skeleton.parents) != (self.skeleton.joints, self.skeleton.parents):
            raise InputError(
                f"the motion is on skeleton '{motion.skeleton.name}', these features are for "
                f"'{self.skeleton.name}'; retarget it first."
            )
        if abs(motion.fps - self.fps) > FPS_TOLERANCE:
            raise InputError(f"the motion has {motion.fps:g} fps, these features {self.fps:g}; resample it first.")
        joints = motion.positions() / self.unit_m
        return process_positions(joints, self.constants, faithful=self.config.faithful).features

    def to_motion(self, features: Float[Tensor, "T F"]) -> Motion:
        """A motion by inverse kinematics of the decoded positions, on a skeleton of their own bone lengths.

        The skeleton is this feature's own where the lengths agree; else a copy with the lengths measured.
        """
        self._check(features)
        joints = self.positions(features) if self.config.bones == "positions" else self._turned(features)
        skeleton = self._fitted(joints.detach())
        offsets = torch.as_tensor(skeleton.offsets.copy()).to(joints)
        return Motion(skeleton, self.fps, joints[:, 0], positions_to_rotations(joints, offsets, skeleton.parents))

    def positions(self, features: Float[Tensor, "*b T F"]) -> Float[Tensor, "*b T J 3"]:
        """World positions in meters from the position block, which is what the field's metrics look at."""
        self._check(features)
        return recover_positions(features, self.constants.joints) * self.unit_m

    def kinematics(self, features: Float[Tensor, "*b T F"]) -> HeadingKinematics:
        """See ``Feature.kinematics``: joints from the position block.

        The yaw number is half the angle, in the other sense; a step is stored in the next frame's heading.
        """
        self._check(features)
        height = torch.nn.functional.pad(features[..., self.blocks["root_height"]], (1, 1))[..., None, :]
        others = features[..., self.blocks["positions"]].unflatten(-1, (-1, 3))
        turn = -2.0 * features[..., 0]
        planar = features[..., self.blocks["root_planar_velocity"]]
        step = rotate_about_y(turn, torch.stack([planar[..., 0], torch.zeros_like(turn), planar[..., 1]], dim=-1))
        return HeadingKinematics(
            torch.cat([height, others], dim=-2) * self.unit_m, turn, step[..., [0, 2]] * self.unit_m
        )

    def contacts(self, features: Float[Tensor, "*b T F"]) -> Float[Tensor, "*b T 4"]:
        """The contact block: left ankle, left foot, right ankle, right foot."""
        return features[..., self.blocks["contacts"]]

    def _turned(self, features: Float[Tensor, "T F"]) -> Float[Tensor, "T J 3"]:
        """Positions in meters from the rotation block, with bone lengths as the position block has them."""
        bones = self.positions(features)
        bones = bones - bones[:, [max(p, 0) for p in self.skeleton.parents]]
        lengths = bones.norm(dim=-1).median(dim=0).values / self.unit_m
        offsets = lengths[:, None] * features.new_tensor(self.constants.axes)
        return recover_from_rotations(features, offsets, self.constants) * self.unit_m

    def _fitted(self, joints: Float[Tensor, "T J 3"]) -> Skeleton:
        rest = torch.as_tensor(self.skeleton.offsets.copy())
        offsets = measure_offsets(joints.to(rest), self.skeleton.parents, rest)
        if float((offsets - rest).norm(dim=-1).max()) < SAME_LENGTH_M:
            return self.skeleton
        ours = self.skeleton
        return Skeleton(ours.name, ours.joints, ours.parents, offsets.numpy(), ours.roles, ours.t_pose, ours.ends)

    def _check(self, features: Tensor) -> None:
        if features.shape[-1] != self.width or features.shape[-2] == 0:
            raise InputError(f"features {tuple(features.shape)}; expected at least one frame of {self.width} numbers.")


def _before(speed: Float[Tensor, "*b T"]) -> Float[Tensor, "*b T"]:
    """Sum of all frames before each one."""
    return torch.cumsum(torch.nn.functional.pad(speed[..., :-1], (1, 0)), dim=-1)
