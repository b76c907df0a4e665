"""snapmogen: SnapMoGen's 296 features (24 joints, 30 fps), forward and inverse.

Guo et al. 2025 (SnapMoGen). A frame holds root yaw velocity 1, root planar velocity 2, root height 1, 6-D rotations of
all joints without the body's heading 6 x 24, heading-free positions 3 x 24, their velocities 3 x 24 and contacts 4,
lengths in centimeters. Velocities are per frame, and the yaw number is the whole angle turned, positive to the body's
right. A track has one frame fewer than its motion. Rotations are whole, so motions need no inverse kinematics.

Faithful, two slips of the published recipe are kept: facing vectors are smoothed with uneven weights that depend on
where in the world the body faces, and the way back turns a frame's planar velocity by the *next* frame's heading (so
that a turning track ends elsewhere).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from kinescale import skeletons
from kinescale.core.conventions import CENTIMETER, NATIVE_FPS, UP
from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.features.base import Feature, HeadingKinematics
from kinescale.kinematics.filters import gaussian_smooth
from kinescale.kinematics.forward import global_to_local, joints_of_global
from kinescale.kinematics.rotations import (
    quat_about_y,
    quat_apply,
    quat_conjugate,
    quat_continuous,
    quat_multiply,
    quat_to_rot6d,
    rot6d_to_matrix,
    rot6d_to_quat,
    rotate_about_y,
)
from kinescale.motion.motion import Motion
from kinescale.skeletons.base import Skeleton

SKELETON = "snapmogen24"
FEET = (18, 19, 22, 23)
"""Left ankle, left toes, right ankle, right toes: the order of the contact block."""
ACROSS = ((20, 16), (11, 7))
"""Pairs from the body's right to its left that tell its facing: legs, arms."""
CONTACT_SPEED2 = 0.11
CONTACT_HEIGHTS = (9.0, 4.0, 9.0, 4.0)
"""A foot stands below this squared displacement a frame (cm^2) and these heights (cm)."""
FACING_SIGMA_FRAMES = 5.0
FLOOR_SHARE = 0.1
SAME_OFFSET_M = 0.002
"""A decoded track whose offsets differ by less from the named skeleton's is given that skeleton itself."""
FPS_TOLERANCE = 1e-6


class Config(Record):
    """``faithful`` keeps the slips of the published recipe; ``unit_m`` is meters a unit of the features' lengths."""

    faithful: bool = True
    unit_m: float = CENTIMETER


def build(config: Config) -> SnapMoGen:
    """The feature of a config."""
    return SnapMoGen(config)


class SnapMoGen(Feature):
    """See the module's docstring. Feature lengths are centimeters; motions are in meters."""

    config: Config

    def __init__(self, config: Config):
        self.config = config
        self.skeleton: Skeleton = skeletons.get(SKELETON)
        self.fps = NATIVE_FPS
        self.unit_m = config.unit_m
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
        """[T - 1, 296] features: the last frame only ends the velocities.

        Offsets may be any; joints and parents must be the skeleton's, fps ours and frames two or more (else
        ``InputError``).
        """
        if (motion.skeleton.joints, motion.skeleton.parents) != (self.skeleton.joints, self.skeleton.parents):
            raise InputError(
                f"the motion is on skeleton '{motion.skeleton.name}', these features are for '{self.skeleton.name}'; "
                "retarget it first."
            )
        if abs(motion.fps - self.fps) > FPS_TOLERANCE:
            raise InputError(f"the motion has {motion.fps:g} fps, these features {self.fps:g}; resample it first.")
        if len(motion) < 2:
            raise InputError("a motion of one frame has no features; expected two frames or more.")
        positions, world = motion.positions() / self.unit_m, motion.global_rotations()
        positions = _on_the_floor(positions)
        yaw = self._heading(positions)
        back = quat_about_y(-yaw)
        free = quat_apply(back[:, None], positions - _ground(positions[:, :1]))
        moved = positions[1:] - positions[:-1]
        turned = quat_apply(back[:-1], moved[:, 0])
        feet, limits = list(FEET), positions.new_tensor(CONTACT_HEIGHTS)
        standing = (moved[:, feet].square().sum(-1) < CONTACT_SPEED2) & (positions[:-1, feet, 1] < limits)
        parts = [
            -_wrapped(yaw[1:] - yaw[:-1])[:, None],
            turned[:, [0, 2]],
            positions[:-1, 0, 1:2],
            quat_to_rot6d(quat_multiply(back[:, None], world))[:-1].flatten(1),
            free[:-1].flatten(1),
            (free[1:] - free[:-1]).flatten(1),
            standing.to(positions.dtype),
        ]
        return torch.cat(parts, dim=-1)

    def to_motion(self, features: Float[Tensor, "T F"]) -> Motion:
        """A motion that starts above the origin with heading 0, from the root and rotation blocks.

        Its skeleton is this feature's own where the offsets that positions and rotations agree on are that
        skeleton's; else a copy with those offsets.
        """
        self._check(features)
        yaw, root = self._root(features)
        free = self._rotations(features)
        skeleton = self._fitted(free.detach(), self._heading_free(features).detach())
        world = quat_multiply(quat_about_y(yaw)[:, None], free)
        local = quat_continuous(global_to_local(world, skeleton.parents))
        return Motion(skeleton, self.fps, root, local)

    def positions(self, features: Float[Tensor, "*b T F"]) -> Float[Tensor, "*b T J 3"]:
        """World positions in meters from the position block, the root on the track that the root block describes."""
        self._check(features)
        yaw, root = self._root(features)
        others = quat_apply(quat_about_y(yaw)[..., None, :], self._heading_free(features)) + _ground(root)[..., None, :]
        return torch.cat([root[..., None, :], others[..., 1:, :]], dim=-2)

    def kinematics(self, features: Float[Tensor, "*b T F"]) -> HeadingKinematics:
        """See ``Feature.kinematics``: joints by forward kinematics of the rotation block."""
        self._check(features)
        free = rot6d_to_matrix(features[..., self.blocks["rotations"]].unflatten(-1, (-1, 6)))
        joints = joints_of_global(free, features.new_tensor(self.skeleton.offsets), self.skeleton.parents)
        height = torch.nn.functional.pad(features[..., self.blocks["root_height"]] * self.unit_m, (1, 1))
        turn = -features[..., 0]
        planar = features[..., self.blocks["root_planar_velocity"]] * self.unit_m
        step = torch.stack([planar[..., 0], torch.zeros_like(turn), planar[..., 1]], dim=-1)
        # faithful: a step is stored in the next frame's heading
        step = rotate_about_y(turn, step) if self.config.faithful else step
        return HeadingKinematics(joints + height[..., None, :], turn, step[..., [0, 2]])

    def _root(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Heading (radians) and root position (meters) by summing the velocities from the origin."""
        yaw = -_before(features[..., self.blocks["root_yaw_velocity"]])[..., 0]
        planar = features[..., self.blocks["root_planar_velocity"]] * self.unit_m
        zero = torch.zeros_like(planar[..., :1])
        heading = yaw - features[..., 0] if self.config.faithful else yaw
        step = quat_apply(quat_about_y(heading), torch.cat([planar[..., :1], zero, planar[..., 1:]], dim=-1))
        height = features[..., self.blocks["root_height"]] * self.unit_m
        track = _before(step)
        return yaw, torch.cat([track[..., :1], height, track[..., 2:]], dim=-1)

    def _rotations(self, features: Tensor) -> Tensor:
        return rot6d_to_quat(features[..., self.blocks["rotations"]].unflatten(-1, (-1, 6)))

    def _heading_free(self, features: Tensor) -> Tensor:
        return features[..., self.blocks["positions"]].unflatten(-1, (-1, 3)) * self.unit_m

    def _fitted(self, free: Float[Tensor, "T J 4"], positions: Float[Tensor, "T J 3"]) -> Skeleton:
        """The skeleton of a track: each bone in its parent's frame, the median over time."""
        ours = self.skeleton
        up = [max(parent, 0) for parent in ours.parents]
        bones = quat_apply(quat_conjugate(free[:, up]), positions - positions[:, up])
        offsets = bones.double().median(dim=0).values
        offsets[0] = 0.0
        if float((offsets - torch.as_tensor(ours.offsets.copy())).norm(dim=-1).max()) < SAME_OFFSET_M:
            return ours
        return Skeleton(ours.name, ours.joints, ours.parents, offsets.numpy(), ours.roles, ours.t_pose, ours.ends)

    def _heading(self, positions: Float[Tensor, "T J 3"]) -> Float[Tensor, "T"]:
        """Smoothed facing, radians about the vertical."""
        across = sum(positions[:, left] - positions[:, right] for right, left in ACROSS)
        assert isinstance(across, Tensor)
        size = across.abs().sum(-1, keepdim=True) if self.config.faithful else across.norm(dim=-1, keepdim=True)
        # Facing is left x up.
        facing = torch.linalg.cross(across / size.clamp(min=1e-9), across.new_tensor(UP).expand_as(across))
        smooth = gaussian_smooth(facing.T.contiguous(), FACING_SIGMA_FRAMES)
        return torch.atan2(smooth[0], smooth[2])

    def _check(self, features: Tensor) -> None:
        if features.shape[-1] != self.width or features.shape[-2] == 0:
            raise InputError(f"features {tuple(features.shape)}; expected at least one frame of {self.width} numbers.")


def _on_the_floor(positions: Float[Tensor, "T J 3"]) -> Float[Tensor, "T J 3"]:
    """The mean of the lowest tenth of the feet's heights at height 0."""
    heights = positions[:, list(FEET), 1].flatten()
    lowest = heights.sort().values[: max(int(FLOOR_SHARE * len(heights)), 1)]
    return positions - lowest.mean() * positions.new_tensor(UP)


def _ground(points: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3"]:
    return points * points.new_tensor([1.0, 0.0, 1.0])


def _before(steps: Float[Tensor, "*b T C"]) -> Float[Tensor, "*b T C"]:
    """Sum of all frames before each one."""
    return torch.cumsum(torch.nn.functional.pad(steps[..., :-1, :], (0, 0, 1, 0)), dim=-2)


def _wrapped(angle: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """The same angle in [-pi, pi]."""
    return torch.atan2(torch.sin(angle), torch.cos(angle))
