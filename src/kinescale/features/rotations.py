"""rotations: rotation-first features, 12 J + 8 wide, that decode to joint rotations without inverse kinematics.

The layout is SnapMoGen's (root 4, heading-free 6-D rotations 6 J, positions 3 J, velocities 3 J, contacts 4), for any
skeleton with hips, legs and feet, at any fps. The recipe is our own where theirs loses something: the heading is
integrated exactly, so that ``to_motion(from_motion(m))`` is ``m`` up to its start position and facing.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale import skeletons
from kinescale.core.conventions import NATIVE_FPS
from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.features.base import Feature, HeadingKinematics
from kinescale.kinematics.contacts import foot_contacts, velocities
from kinescale.kinematics.filters import gaussian_smooth
from kinescale.kinematics.forward import forward_kinematics, global_to_local, joints_of_global
from kinescale.kinematics.rotations import (
    quat_about_y,
    quat_apply,
    quat_multiply,
    quat_to_rot6d,
    rot6d_to_matrix,
    rot6d_to_quat,
)
from kinescale.motion.canonicalize import FEET, facing_yaw
from kinescale.motion.motion import Motion
from kinescale.skeletons.base import Skeleton

ANKLE_ALLOWANCE = 0.13
TOES_ALLOWANCE = 0.06
"""Heights above the floor (m) under which ankles and toes may count as standing."""


class Config(Record):
    """``skeleton`` by name; ``smoothing`` is the Gaussian's sigma (frames) that steadies the facing direction."""

    skeleton: str = "humanml22"
    fps: float = NATIVE_FPS
    smoothing: float = 5.0


def build(config: Config) -> Rotations:
    """The feature of a config."""
    return Rotations(config)


class Rotations(Feature):
    """See the module's docstring. Positions are heading-free, x and z relative to the root; velocities in m/s."""

    def __init__(self, config: Config):
        self.config: Config = config
        self.skeleton: Skeleton = skeletons.get(config.skeleton)
        self.fps = config.fps
        joints = len(self.skeleton)
        sizes = {
            "root_yaw_velocity": 1,
            "root_planar_velocity": 2,
            "root_height": 1,
            "rotations": 6 * joints,
            "positions": 3 * joints,
            "velocities": 3 * joints,
            "contacts": 4,
        }
        stops = torch.tensor(list(sizes.values())).cumsum(0).tolist()
        self.blocks = {name: slice(stop - size, stop) for (name, size), stop in zip(sizes.items(), stops, strict=True)}

    def from_motion(self, motion: Motion) -> Float[Tensor, "T F"]:
        """[T, 12 J + 8] features; yaw velocity in rad/s, planar velocity in m/s in the heading's frame."""
        if motion.skeleton != self.skeleton:
            raise InputError(
                f"the motion is on skeleton '{motion.skeleton.name}', these features are for '{self.skeleton.name}'; "
                "retarget it first."
            )
        if abs(motion.fps - self.fps) > 1e-6:
            raise InputError(f"the motion has {motion.fps:g} fps, these features {self.fps:g}; resample it first.")
        positions, world = motion._forward()
        yaw = self._heading(positions)
        back = quat_about_y(-yaw)[:, None]
        free = quat_multiply(back, world)
        ground = motion.root * motion.root.new_tensor([1.0, 0.0, 1.0])
        local = quat_apply(back, positions - ground[:, None])
        planar = quat_apply(back[:, 0], velocities(motion.root, self.fps))[:, [0, 2]]
        turn = self._yaw_velocity(yaw)
        moving = quat_apply(back, velocities(positions, self.fps))
        feet = positions[:, [self.skeleton.role(role) for role in FEET]].detach()
        limits = (ANKLE_ALLOWANCE, TOES_ALLOWANCE) * 2
        contacts = foot_contacts(feet, self.fps, height_limits=limits).to(positions.dtype)
        flat = [quat_to_rot6d(free).flatten(1), local.flatten(1), moving.flatten(1)]
        return torch.cat([turn[:, None], planar, motion.root[:, 1:2], *flat, contacts], dim=-1)

    def to_motion(self, features: Float[Tensor, "T F"]) -> Motion:
        """A motion that starts above the origin with heading 0, straight from the root and rotation blocks."""
        self._check(features)
        root, local = self._decode(features)
        return Motion(self.skeleton, self.fps, root, local)

    def positions(self, features: Float[Tensor, "*b T F"]) -> Float[Tensor, "*b T J 3"]:
        """World positions by forward kinematics of the rotation block (what a user of the motion gets)."""
        self._check(features)
        root, local = self._decode(features)
        offsets = torch.as_tensor(self.skeleton.offsets.copy(), dtype=features.dtype, device=features.device)
        return forward_kinematics(root, local, offsets, self.skeleton.parents)[0]

    def kinematics(self, features: Float[Tensor, "*b T F"]) -> HeadingKinematics:
        """See ``Feature.kinematics``: joints by forward kinematics of the rotation block."""
        self._check(features)
        block = {name: features[..., part] for name, part in self.blocks.items()}
        free = rot6d_to_matrix(block["rotations"].unflatten(-1, (-1, 6)))
        joints = joints_of_global(free, features.new_tensor(self.skeleton.offsets), self.skeleton.parents)
        height = torch.nn.functional.pad(block["root_height"], (1, 1))
        return HeadingKinematics(
            joints + height[..., None, :],
            block["root_yaw_velocity"][..., 0] / self.fps,
            block["root_planar_velocity"] / self.fps,
        )

    def _check(self, features: Tensor) -> None:
        if features.shape[-1] != self.width:
            raise InputError(f"features of width {features.shape[-1]}; expected {self.width}.")

    def _decode(self, features: Tensor) -> tuple[Tensor, Tensor]:
        block = {name: features[..., part] for name, part in self.blocks.items()}
        step = block["root_yaw_velocity"][..., 0] / self.fps
        yaw = torch.cumsum(step, dim=-1) - step
        planar = block["root_planar_velocity"] / self.fps
        zero = torch.zeros_like(planar[..., :1])
        moved = quat_apply(quat_about_y(yaw), torch.cat([planar[..., :1], zero, planar[..., 1:]], dim=-1))
        ground = torch.cumsum(moved, dim=-2) - moved
        root = torch.cat([ground[..., :1], block["root_height"], ground[..., 2:]], dim=-1)
        free = rot6d_to_quat(block["rotations"].unflatten(-1, (-1, 6)))
        world = quat_multiply(quat_about_y(yaw)[..., None, :], free)
        return root, global_to_local(world, self.skeleton.parents)

    def _heading(self, positions: Float[Tensor, "T J 3"]) -> Float[Tensor, "T"]:
        """Smoothed, unwrapped facing in radians, 0 at frame 0 relative to nothing: absolute in the world."""
        yaw = facing_yaw(positions, self.skeleton)
        if self.config.smoothing <= 0 or len(yaw) < 2:
            return yaw
        # Smooth the direction, not the angle, so that crossing the back is no event.
        direction = torch.stack([torch.sin(yaw), torch.cos(yaw)])
        smooth = gaussian_smooth(direction, self.config.smoothing)
        return torch.atan2(smooth[0], smooth[1])

    def _yaw_velocity(self, yaw: Float[Tensor, "T"]) -> Float[Tensor, "T"]:
        if len(yaw) < 2:
            return torch.zeros_like(yaw)
        change = yaw[1:] - yaw[:-1]
        change = torch.atan2(torch.sin(change), torch.cos(change)) * self.fps
        return torch.cat([change, change[-1:]])
