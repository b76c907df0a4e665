"""Scene: a motion prepared for drawing, with points, bones, facing, feet and wrists in its canonical start frame.

Every scene starts above the origin and faces +Z, so that all outputs use one camera. Where the skeleton has no roles
that give the facing, the world's axes are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.kinematics.contacts import ADULT_LEG_M, SPEED_LIMIT, floor_height, foot_slide, standing, velocities
from kinescale.kinematics.forward import forward_kinematics
from kinescale.kinematics.rotations import quat_about_y, quat_apply, quat_conjugate
from kinescale.motion import Motion, facing_yaw
from kinescale.motion.clean_up.base import leg_length, rest_heights
from kinescale.render.base.body import Bone, body_of, body_scale, bones, head
from kinescale.render.base.sides import SIDES
from kinescale.skeletons.base import Skeleton

MAX_REACH = 10_000.0
"""Farthest point from the start, meters: beyond it a motion is taken to be in other units."""

FLOOR_TOLERANCE = 0.25
"""Largest distance of the feet from y = 0, meters, before the drawn floor is moved to them."""

FOOT = ("ankle", "toes")

TITLE_LENGTH = 300

FACE_ROLES = 10
"""Roles that a skeleton needs for a reliable T-pose and facing of the head."""


STANCE_S = 0.1
"""Shortest stance that is drawn as a footprint, seconds."""


class FootTrack(NamedTuple):
    """One foot over time: height (m) and ground speed (m/s) of its tip, whether it is down, mean slide."""

    height: np.ndarray
    speed: np.ndarray
    down: np.ndarray
    slide: float


class Footprint(NamedTuple):
    """A stance of a foot: center on the floor (m), direction (yaw), first frame and the one after the last."""

    side: str
    x: float
    z: float
    yaw: float
    first: int
    last: int


@dataclass(frozen=True)
class Stages:
    """Stages of a motion from coarse to fine: the motion after each step, the finished one last.

    All have the skeleton, the frame rate and the number of frames of the last; ``InputError`` otherwise.
    """

    motions: Sequence[Motion]
    labels: Sequence[str]

    def __post_init__(self) -> None:
        if not self.motions or len(self.motions) != len(self.labels):
            raise InputError(f"{len(self.motions)} stages with {len(self.labels)} labels; expected one each, or more.")
        last = self.motions[-1]
        for motion in self.motions:
            if (motion.skeleton, motion.fps, len(motion)) != (last.skeleton, last.fps, len(last)):
                raise InputError(
                    f"the stages of one motion differ: {motion} and {last}; expected one skeleton and time."
                )

    @property
    def motion(self) -> Motion:
        """The finished motion."""
        return self.motions[-1]


@dataclass(frozen=True)
class Scene:
    """A motion prepared for drawing.

    Parameters
    ----------
    title, notes : clean one-line texts (not escaped for any format).
    fps : frames per second of the motion.
    points : [T, P, 3] meters: the joints, then the end sites.
    bones : lines between points.
    body : the point whose path is drawn: the hips, else joint 0.
    facing : [T] yaw in radians, 0 at the start; ``None`` when unknown.
    feet : side -> point of each foot joint, "ankle" and "toes".
    wrists : side -> point.
    head : the head's joint and tip (equal where it has no tip), or ``None``.
    face : [T, 3] unit vectors, where the head looks; ``None`` when unknown.
    size : the body's size against an adult's.
    stands : side -> [T, K], whether each foot joint stands, by the rule of the foot_skate metric.
    stages : label and scene of each step from coarse to fine, this scene's own motion last; () where there are none.
    """

    title: str
    notes: str
    fps: float
    points: Float[np.ndarray, "T P 3"]
    bones: tuple[Bone, ...]
    body: int
    facing: Float[np.ndarray, " T"] | None = None
    feet: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    wrists: Mapping[str, int] = field(default_factory=dict)
    head: tuple[int, int] | None = None
    face: Float[np.ndarray, "T 3"] | None = None
    size: float = 1.0
    stands: Mapping[str, Bool[np.ndarray, "T K"]] = field(default_factory=dict)
    stages: tuple[tuple[str, Scene], ...] = ()

    def __len__(self) -> int:
        return self.points.shape[0]

    @property
    def last_s(self) -> float:
        """Time of the last frame."""
        return (len(self) - 1) / self.fps

    def times(self) -> Float[np.ndarray, " T"]:
        """Seconds of each frame."""
        return np.arange(len(self)) / self.fps

    def path(self) -> Float[np.ndarray, "T 3"]:
        """Position of the body projected onto the floor."""
        return self.points[:, self.body] * np.array([1.0, 0.0, 1.0])

    def at(self, seconds: Float[np.ndarray, " N"]) -> tuple[Float[np.ndarray, "N P 3"], Float[np.ndarray, " N"] | None]:
        """Points and facing at given times, linear between frames."""
        where = np.clip(np.asarray(seconds) * self.fps, 0, len(self) - 1)
        low = np.minimum(where.astype(int), max(len(self) - 2, 0))
        high = np.minimum(low + 1, len(self) - 1)
        weight = where - low
        points = self.points[low] + (self.points[high] - self.points[low]) * weight[:, None, None]
        if self.facing is None:
            return points, None
        turn = (self.facing[high] - self.facing[low] + np.pi) % (2 * np.pi) - np.pi
        return points, self.facing[low] + turn * weight

    def foot(self, side: str) -> FootTrack | None:
        """The track of one foot; ``None`` when the skeleton has no roles for it."""
        joints = self.feet.get(side)
        if not joints:
            return None
        points = torch.from_numpy(self.points[:, list(joints.values())])
        tip = points[:, -1]
        speed = velocities(tip, self.fps)[:, [0, 2]].norm(dim=-1)
        stands = torch.from_numpy(self.stands[side])
        return FootTrack(tip[:, 1].numpy(), speed.numpy(), stands.any(1).numpy(), foot_slide(points, stands, self.fps))

    def footprints(self) -> list[Footprint]:
        """Stances of both feet of ``STANCE_S`` or longer, in order of time."""
        found = []
        for side in self.feet:
            track = self.foot(side)
            if track is not None:
                points = self.points[:, list(self.feet[side].values())]
                still = track.down & (track.speed < SPEED_LIMIT)
                stands = [(a, b) for a, b in runs(still) if b - a >= STANCE_S * self.fps]
                found += [self._footprint(side, points[a:b], a, b) for a, b in stands]
        return sorted(found, key=lambda mark: (mark.first, mark.side))

    def _footprint(self, side: str, foot: Float[np.ndarray, "T K 3"], first: int, stop: int) -> Footprint:
        mean = foot.mean(axis=0)
        x, z = (float(v) for v in mean.mean(axis=0)[[0, 2]])
        along = mean[-1] - mean[0]
        yaw = float(np.arctan2(along[0], along[2]))
        if len(mean) == 1 and self.facing is not None:
            # one joint gives no direction: that of the body is taken
            yaw = float(self.facing[(first + stop) // 2])
        return Footprint(side, x, z, yaw, first, stop - 1)


def runs(flags: Sequence[bool] | Bool[np.ndarray, " T"]) -> list[tuple[int, int]]:
    """Runs of true values as (first, one past the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.asarray(flags, dtype=bool), [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _stands(points: Float[Tensor, "T P 3"], skeleton: Skeleton, fps: float) -> dict[str, Bool[np.ndarray, "T K"]]:
    """side -> whether each foot joint stands per frame: low and slow for long enough, as in ``foot_skate``.

    A foot that swings low over the floor does not stand.
    """
    feet = _feet(skeleton)
    joints = [joint for side in feet.values() for joint in side.values()]
    if not joints:
        return {}
    legs = all(f"{side}_{place}" in skeleton.roles for side in SIDES for place in ("hip", "knee", "ankle"))
    rest = rest_heights(skeleton)[joints].to(points)
    flags = standing(points[:, joints], rest, fps, leg_m=leg_length(skeleton) if legs else ADULT_LEG_M).numpy()
    found, start = {}, 0
    for side, parts in feet.items():
        found[side] = flags[:, start : start + len(parts)]
        start += len(parts)
    return found


@dataclass(frozen=True)
class _Place:
    """Transform that puts a motion's start above the origin, facing +Z, on the floor."""

    root: Float[Tensor, " 3"]
    start: Float[Tensor, " 3"]
    yaw: Float[Tensor, ""]
    floor: float


def scene(what: Motion | Stages, title: str | None = None) -> Scene:
    """Scene of a motion; ``InputError`` when it goes farther than ``MAX_REACH`` from its start.

    All stages get the transform of the finished motion, so that their differences show.
    """
    motion = what if isinstance(what, Motion) else what.motion
    place = _place(motion)
    made = _drawn(motion, place, title)
    if isinstance(what, Motion):
        return made
    earlier = [_drawn(motion, place, title) for motion in what.motions[:-1]]
    labels = [clean(label) for label in what.labels]
    return replace(made, stages=tuple(zip(labels, [*earlier, made], strict=True)))


def _place(motion: Motion) -> _Place:
    skeleton = motion.skeleton
    motion = motion.to(torch.float64)
    root = motion.root[0] * motion.root.new_tensor([1.0, 0.0, 1.0])
    points = _points(motion.replace(root=motion.root - root))
    _check_reach(points)
    facing = _facing(points[:1], skeleton)
    toes = [list(joints.values())[-1] for joints in _feet(skeleton).values()]
    floor = floor_height(points[:, toes] if toes else points)
    return _Place(
        root=root,
        start=points[0, body_of(skeleton)] * points.new_tensor([1.0, 0.0, 1.0]),
        yaw=points.new_zeros(()) if facing is None else facing[0],
        floor=0.0 if abs(floor) <= FLOOR_TOLERANCE else floor,
    )


def _drawn(motion: Motion, place: _Place, title: str | None) -> Scene:
    skeleton = motion.skeleton
    motion = motion.to(torch.float64)
    points = _points(motion.replace(root=motion.root - place.root))
    _check_reach(points)
    facing = _facing(points, skeleton)
    turn = quat_about_y(-place.yaw)
    points = quat_apply(turn, points - place.start) - points.new_tensor([0.0, place.floor, 0.0])
    face = _face(motion)
    prompt = motion.meta.get("prompt")
    return Scene(
        title=clean(title if title is not None else str(prompt or skeleton.name)),
        notes=_notes(motion, place.floor),
        fps=motion.fps,
        points=points.numpy(),
        bones=bones(skeleton),
        body=body_of(skeleton),
        facing=None if facing is None else np.unwrap((facing - place.yaw).numpy()),
        feet=_feet(skeleton),
        wrists={s: skeleton.role(f"{s}_wrist") for s in SIDES if f"{s}_wrist" in skeleton.roles},
        head=head(skeleton),
        face=None if face is None else quat_apply(turn, face).numpy(),
        size=body_scale(skeleton),
        stands=_stands(points, skeleton, motion.fps),
    )


def _check_reach(points: Float[Tensor, "T P 3"]) -> None:
    if not bool(points.abs().max() < MAX_REACH):
        raise InputError(
            f"the motion reaches {float(points.abs().max()):.3g} m from its start; "
            f"expected less than {MAX_REACH:g} m; are its lengths in meters?"
        )


def _face(motion: Motion) -> Float[Tensor, "T 3"] | None:
    """Direction of the head: +Z in the T-pose, rotated with the head."""
    skeleton = motion.skeleton
    if "head" not in skeleton.roles or len(skeleton.roles) < FACE_ROLES:
        return None
    ahead = motion.root.new_tensor([0.0, 0.0, 1.0])
    if skeleton.t_pose is not None:
        pose = torch.as_tensor(skeleton.t_pose.copy(), dtype=motion.root.dtype)
        offsets = torch.as_tensor(skeleton.offsets.copy(), dtype=motion.root.dtype)
        at_rest = forward_kinematics(ahead[None] * 0, pose[None], offsets, skeleton.parents)[1][
            0, skeleton.role("head")
        ]
        ahead = quat_apply(quat_conjugate(at_rest), ahead)
    return quat_apply(motion.global_rotations()[:, skeleton.role("head")], ahead)


def clean(text: str) -> str:
    """One printable line: white space folded, control characters and lone surrogates removed, length bounded."""
    text = text[: 4 * TITLE_LENGTH].encode("utf-8", "replace").decode("utf-8")
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= TITLE_LENGTH else text[: TITLE_LENGTH - 1] + "…"


def _points(motion: Motion) -> Float[Tensor, "T P 3"]:
    joints = motion.positions()
    ends = motion.skeleton.ends
    if not ends:
        return joints
    at = [end.joint for end in ends]
    offsets = joints.new_tensor([end.offset for end in ends])
    return torch.cat([joints, joints[:, at] + quat_apply(motion.global_rotations()[:, at], offsets)], dim=1)


def _facing(points: Float[Tensor, "T P 3"], skeleton: Skeleton) -> Float[Tensor, " T"] | None:
    known = any({f"left_{s}", f"right_{s}"} <= set(skeleton.roles) for s in ("hip", "shoulder"))
    return facing_yaw(points[:, : len(skeleton)], skeleton) if known else None


def _feet(skeleton: Skeleton) -> dict[str, dict[str, int]]:
    found = {
        side: {part: skeleton.role(f"{side}_{part}") for part in FOOT if f"{side}_{part}" in skeleton.roles}
        for side in SIDES
    }
    return {side: joints for side, joints in found.items() if joints}


def _notes(motion: Motion, floor: float) -> str:
    parts = [] if motion.meta.get("seed") is None else [f"seed {motion.meta['seed']}"]
    parts += [
        f"{motion.fps:g} fps",
        f"{len(motion)} frames",
        f"{motion.duration_s:.2f} s",
        motion.skeleton.name,
    ]
    if floor:
        parts.append(f"floor drawn at y = {floor:.2f} m")
    if motion.meta.get("license"):
        parts.append(str(motion.meta["license"]))
    return clean("  ·  ".join(parts))
