"""Control targets: the constraints on one clip as tensors, and how far a motion is from them; differentiable."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.kinematics.filters import gaussian_smooth
from kinescale.kinematics.rotations import quat_about_y, quat_apply
from kinescale.motion.canonicalize import facing_yaw
from kinescale.motion.motion import Motion
from kinescale.motion.retarget import retarget
from kinescale.pipelines.control.constraints import (
    FACING_TOLERANCE_DEG,
    Constraint,
    Constraints,
    FacingPin,
    JointPin,
    PathPin,
    PosePin,
)
from kinescale.rigging.body_parts import ROOT_ROLE, part_joints, part_roles
from kinescale.skeletons.base import Skeleton

FACING_S = 0.17
"""Sigma, in seconds, of the Gaussian that takes the sway of a walk out of a facing."""

GROUND = (1.0, 0.0, 1.0)
LEGS = part_roles(("legs",))
METERS_PER_POSE_RADIAN = 0.1
"""Meters that a radian of a pose's joint counts as: bones without a joint at their end turn too."""


@dataclass(frozen=True, eq=False)
class Targets:
    """Target positions, facings and poses of a clip on ``skeleton``.

    Parameters
    ----------
    entries : the constraints, in order.
    frame, joint, target, known, entry : of each target position: frame, joint, meters, which coordinates count, and the
        constraint's number.
    relative : 0 for positions in the world; 1 for positions relative to the hips' place on the ground and the facing in
        that frame, 2 relative to the hips themselves.
    facing_frame, facing, facing_entry : of each target facing, radians.
    pose_frame, pose_joint, pose, pose_entry : target local rotations of poses.
    """

    skeleton: Skeleton
    fps: float
    entries: tuple[Constraint, ...]
    frame: Int[Tensor, " G"]
    joint: Int[Tensor, " G"]
    target: Float[Tensor, "G 3"]
    known: Float[Tensor, "G 3"]
    entry: Int[Tensor, " G"]
    relative: Float[Tensor, " G"]
    facing_frame: Int[Tensor, " H"]
    facing: Float[Tensor, " H"]
    facing_entry: Int[Tensor, " H"]
    pose_frame: Int[Tensor, " R"]
    pose_joint: Int[Tensor, " R"]
    pose: Float[Tensor, "R 4"]
    pose_entry: Int[Tensor, " R"]

    @property
    def weights(self) -> Float[Tensor, " E"]:
        """Of each constraint."""
        return torch.tensor([entry.weight for entry in self.entries])

    def from_frame(self, first: int) -> Targets:
        """The same, frames counted from ``first``."""
        return replace(
            self,
            frame=self.frame - first,
            facing_frame=self.facing_frame - first,
            pose_frame=self.pose_frame - first,
        )

    def distances(self, positions: Float[Tensor, "*b T J 3"]) -> Float[Tensor, "*b G"]:
        """Meters between each target position and its joint, over the coordinates that count."""
        at = positions[..., self.frame, self.joint, :]
        if bool((self.relative > 0).any()):
            at = torch.where(self.relative[:, None] > 0, self._relative_to_hips(positions, at), at)
        gap = (at - self.target.to(at)) * self.known.to(at)
        # a distance of zero has no direction: its gradient should be zero, not a division by it
        return (gap.square().sum(-1) + 1e-12).sqrt()

    def facing_errors(self, positions: Float[Tensor, "*b T J 3"]) -> Float[Tensor, "*b H"]:
        """Radians between each target facing and the body's, with its sway smoothed away."""
        if not len(self.facing):
            return positions.new_zeros((*positions.shape[:-3], 0))
        yaw = heading(positions, self.skeleton, self.fps)
        gap = yaw[..., self.facing_frame] - self.facing.to(yaw)
        return torch.atan2(torch.sin(gap), torch.cos(gap)).abs()

    def pose_errors(self, rotations: Float[Tensor, "*b T J 4"]) -> Float[Tensor, "*b R"]:
        """Squared radians between each target rotation and its joint's."""
        dot = (rotations[..., self.pose_frame, self.pose_joint, :] * self.pose.to(rotations)).sum(-1)
        return 4 * (1 - dot.square().clamp(max=1.0))

    def _relative_to_hips(self, positions: Tensor, at: Tensor) -> Tensor:
        """Positions relative to the hips, or to their place on the ground, and the facing."""
        yaw = facing_yaw(positions, self.skeleton)[..., self.frame]
        hips = positions[..., self.frame, hips_of(self.skeleton), :]
        here = torch.where(self.relative[:, None] > 1, hips, hips * positions.new_tensor(GROUND))
        return quat_apply(quat_about_y(-yaw), at - here)


def hips_of(skeleton: Skeleton) -> int:
    """The joint that a path is about."""
    return skeleton.role(ROOT_ROLE) if ROOT_ROLE in skeleton.roles else 0


def heading(positions: Float[Tensor, "*b T J 3"], skeleton: Skeleton, fps: float) -> Float[Tensor, "*b T"]:
    """Facing of hips and shoulders, radians, its sway smoothed away."""
    yaw = facing_yaw(positions, skeleton)
    direction = torch.stack([torch.sin(yaw), torch.cos(yaw)], dim=-2)
    smooth = gaussian_smooth(direction.flatten(0, -2), FACING_S * fps).view(direction.shape)
    return torch.atan2(smooth[..., 0, :], smooth[..., 1, :])


def targets_of(constraints: Constraints, clip: Motion) -> Targets:
    """The targets of constraints in the world of ``clip``, for its skeleton.

    Raises ``InputError`` for a joint that is not there, ``SkeletonError`` for a pose that cannot be carried over.
    """
    yaw, start = torch.zeros((), dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    if constraints.at == "start":
        first = clip.slice(0, 1).to(torch.float64).positions()
        yaw = facing_yaw(first[0], clip.skeleton)
        start = first[0, hips_of(clip.skeleton)] * first.new_tensor(GROUND)
    made = _Builder(clip.skeleton, clip.fps, yaw, start)
    for number, entry in enumerate(constraints.entries):
        made.add(number, entry)
    return made.build(constraints.entries)


class _Builder:
    """Collects rows of targets, and turns them into tensors at the end."""

    def __init__(self, skeleton: Skeleton, fps: float, yaw: Tensor, start: Tensor):
        self.skeleton, self.fps, self.yaw, self.start = skeleton, fps, yaw, start
        self.places: list[tuple[Tensor, ...]] = []
        self.facings: list[tuple[Tensor, ...]] = []
        self.poses: list[tuple[Tensor, ...]] = []

    def add(self, number: int, entry: Constraint) -> None:
        frames = torch.tensor(entry.frames)
        if isinstance(entry, JointPin):
            self._place(number, frames, joint_of(self.skeleton, entry.joint, entry.name), entry.positions)
        elif isinstance(entry, PathPin):
            ground = np.insert(entry.points, 1, np.nan, axis=1)
            self._place(number, frames, hips_of(self.skeleton), ground)
            if entry.facing is not None:
                self._face(number, frames, entry.facing)
        elif isinstance(entry, FacingPin):
            self._face(number, frames, entry.facing)
        elif isinstance(entry, PosePin):
            self._pose(number, entry)

    def _place(self, number: int, frames: Tensor, joint: int, rows: np.ndarray, relative: int = 0) -> None:
        places = torch.as_tensor(rows, dtype=torch.float64)
        known = ~torch.isnan(places)
        if not relative:
            places, known = self._in_world(places, known)
        count = len(frames)
        self.places.append(
            (
                frames,
                torch.full((count,), joint),
                torch.where(known, places, 0.0),
                known.double(),
                torch.full((count,), number),
                torch.full((count,), float(relative)),
            )
        )

    def _in_world(self, places: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        ground = known[..., 0] == known[..., 2]
        moved = bool(self.yaw != 0) or bool((self.start != 0).any())
        if moved and not bool(ground.all()):
            raise InputError(
                "a place relative to the start has x free and z not, or the other way; give both, or place it in the "
                "world."
            )
        filled = torch.where(known, places, 0.0)
        return quat_apply(quat_about_y(self.yaw), filled) + self.start, known

    def _face(self, number: int, frames: Tensor, angles: np.ndarray) -> None:
        self.facings.append(
            (frames, torch.as_tensor(angles, dtype=torch.float64) + self.yaw, torch.full((len(frames),), number))
        )

    def _pose(self, number: int, entry: PosePin) -> None:
        pose = retarget(entry.pose.to(torch.float64), self.skeleton, feet=False)
        joints = part_joints(self.skeleton, part_roles(entry.parts), entry.parts)
        at = pose.positions()[0]
        relative = 0 if entry.world else 1 if part_roles(entry.parts) & LEGS else 2
        if relative:
            hips = at[hips_of(self.skeleton)] * (at.new_tensor(GROUND) if relative == 1 else 1.0)
            at = quat_apply(quat_about_y(-facing_yaw(at, self.skeleton)), at - hips)
        for frame in entry.frames:
            frames = torch.tensor([frame])
            for joint in joints:
                self._place(number, frames, joint, at[joint : joint + 1].numpy(), relative=relative)
            # the root's own turn is where the body faces, which a free pose leaves open
            turned = [joint for joint in joints if joint > 0]
            where = torch.full((len(turned),), frame)
            turns = (where, torch.tensor(turned, dtype=torch.long), pose.rotations[0, turned])
            self.poses.append((*turns, torch.full((len(turned),), number)))

    def build(self, entries: tuple[Constraint, ...]) -> Targets:
        whole, number = torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.float64)
        none = {
            "places": (whole, whole, number.view(0, 3), number.view(0, 3), whole, number),
            "facings": (whole, number, whole),
            "poses": (whole, whole, number.view(0, 4), whole),
        }
        rows = [
            torch.cat([first, *(row[i] for row in rows)])
            for name, rows in (("places", self.places), ("facings", self.facings), ("poses", self.poses))
            for i, first in enumerate(none[name])
        ]

        return Targets(self.skeleton, self.fps, entries, *rows)


def joint_of(skeleton: Skeleton, name: str, entry: str) -> int:
    """The joint that plays a role, or is so called. ``InputError`` names the nearest when there is none."""
    plain = "_".join(name.replace("-", " ").lower().split())
    if plain in skeleton.roles:
        return skeleton.role(plain)
    if name in skeleton.joints:
        return skeleton.index(name)
    near = difflib.get_close_matches(name, [*skeleton.roles, *skeleton.joints], n=1)
    hint = f"; did you mean '{near[0]}'?" if near else "."
    raise InputError(
        f"{entry}: skeleton '{skeleton.name}' has no joint '{name}', as a role or by name{hint} kinescale parts lists "
        "the roles."
    )


@dataclass(frozen=True)
class Deviation:
    """How far a motion is from one constraint.

    ``mean_m``, ``worst_m``: distance over its joints and frames (``None`` where it has no positions);
    ``mean_deg``, ``worst_deg``: of a facing; ``worst_frame``: where it is farthest off; ``met``: whether everything is
    within its tolerance.
    """

    name: str
    mean_m: float | None
    worst_m: float | None
    mean_deg: float | None
    worst_deg: float | None
    worst_frame: int
    met: bool

    def summary(self) -> str:
        """In words."""
        parts = []
        if self.mean_m is not None and self.worst_m is not None:
            parts.append(f"{100 * self.mean_m:.2f} cm in the mean, {100 * self.worst_m:.2f} cm at most")
        if self.mean_deg is not None and self.worst_deg is not None:
            parts.append(f"facing {self.mean_deg:.1f} degrees in the mean, {self.worst_deg:.1f} at most")
        return f"{self.name}: {'; '.join(parts)}, at frame {self.worst_frame}"


def deviations(targets: Targets, motion: Motion) -> tuple[Deviation, ...]:
    """The deviation of a motion (on the targets' skeleton) from each constraint."""
    positions = motion.to(torch.float64).positions()
    far, turned = targets.distances(positions), targets.facing_errors(positions) * 180 / torch.pi
    found = []
    for number, entry in enumerate(targets.entries):
        here, there = targets.entry == number, targets.facing_entry == number
        place, angle = far[here], turned[there]
        off = bool(len(place)) and float(place.max()) > entry.tolerance_m
        askew = bool(len(angle)) and float(angle.max()) > FACING_TOLERANCE_DEG
        if len(place) and (off or not askew):
            frame = int(targets.frame[here][place.argmax()])
        else:
            frame = int(targets.facing_frame[there][angle.argmax()])
        found.append(
            Deviation(
                entry.name,
                float(place.mean()) if len(place) else None,
                float(place.max()) if len(place) else None,
                float(angle.mean()) if len(angle) else None,
                float(angle.max()) if len(angle) else None,
                frame,
                not (off or askew),
            )
        )
    return tuple(found)


def mean_error(targets: Targets, motion: Motion) -> float:
    """Mean distance (m) over all target positions; 0 where there are none."""
    far = targets.distances(motion.to(torch.float64).positions())
    return float(far.mean()) if len(far) else 0.0


def contradictions(targets: Targets) -> list[str]:
    """Pairs of constraints that want one joint in two places in one frame, with the widest gap of each pair."""
    found: dict[tuple[int, int], tuple[float, str]] = {}
    seen: dict[tuple[int, int], list[int]] = {}
    entries = targets.entries
    for row in range(len(targets.frame)):
        if targets.relative[row]:
            continue
        frame, joint, number = (int(column[row]) for column in (targets.frame, targets.joint, targets.entry))
        for other in seen.setdefault((frame, joint), []):
            of = int(targets.entry[other])
            both = targets.known[row] * targets.known[other]
            gap = float(((targets.target[row] - targets.target[other]) * both).norm())
            apart = entries[of].tolerance_m + entries[number].tolerance_m
            if gap > apart and gap > found.get((of, number), (0.0, ""))[0]:
                name = targets.skeleton.joints[joint]
                found[of, number] = (gap, f"want {name} in two places at frame {frame}, {gap:.2f} m apart")
        seen[frame, joint].append(row)
    return [f"{entries[one].name} and {entries[two].name} {text}" for (one, two), (_, text) in found.items()]
