"""A motion made ready to draw: points, bones with sides, facing, feet and wrists, in the frame of its start.

Every scene starts above the origin and faces +Z, so that all outputs share one camera and one sense of left.
Where the skeleton has no roles to tell the facing by, the world's axes are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinescale.core.errors import InputError
from kinescale.kinematics.contacts import floor_height, foot_slide, velocities
from kinescale.kinematics.rotations import quat_about_y, quat_apply
from kinescale.motion import Motion, facing_yaw
from kinescale.render._sides import SIDES, joint_sides
from kinescale.skeletons.base import Skeleton

MAX_REACH = 10_000.0
"""Metres from the start past which a motion is taken for one in other units."""

FLOOR_TOLERANCE = 0.25
"""Metres the feet may stand off y = 0 before the drawn floor is moved under them."""

DOWN_LIMITS = {"ankle": 0.05, "toes": 0.03}
"""Metres over its own lowest level under which a foot joint is down; speed is left out, to show sliding."""

TITLE_LENGTH = 300


class Bone(NamedTuple):
    """A line between two points, with the side of its lower end."""

    start: int
    end: int
    side: str


class FootTrack(NamedTuple):
    """One foot over time: height (m) and ground speed (m/s) of its tip, whether it is down, mean slide."""

    height: np.ndarray
    speed: np.ndarray
    down: np.ndarray
    slide: float


@dataclass(frozen=True)
class Scene:
    """What an output draws.

    Parameters
    ----------
    title, notes : clean one-line texts (not escaped for any format).
    fps : frames a second of the motion.
    points : [T, P, 3] metres: the joints, then the end sites.
    bones : lines between points.
    body : the point whose path is drawn: the hips, else joint 0.
    facing : [T] yaw in radians, 0 at the start; ``None`` when unknown.
    feet : side -> point of each foot joint, "ankle" and "toes".
    wrists : side -> point.
    head : the head's joint and tip (equal where it has no tip), or ``None``.
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
        """Where the body is, dropped to the floor."""
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
        down = foot_down(points, tuple(joints))
        tip = points[:, -1]
        speed = velocities(tip, self.fps)[:, [0, 2]].norm(dim=-1)
        slide = foot_slide(tip[:, None], down[:, None], self.fps)
        return FootTrack(tip[:, 1].numpy(), speed.numpy(), down.numpy(), slide)


def foot_down(foot: Float[Tensor, "T K 3"], parts: tuple[str, ...]) -> Bool[Tensor, " T"]:
    """Whether a foot is down, by height alone: all its joints are near their own lowest level."""
    down = [foot[:, k, 1] - floor_height(foot[:, k : k + 1]) < DOWN_LIMITS[part] for k, part in enumerate(parts)]
    return torch.stack(down).all(dim=0)


def scene(motion: Motion, title: str | None = None) -> Scene:
    """The scene of a motion; ``InputError`` when it strays farther than ``MAX_REACH`` from its start."""
    skeleton = motion.skeleton
    motion = motion.to(torch.float64)
    points = _points(motion.replace(root=motion.root - motion.root[0] * motion.root.new_tensor([1.0, 0.0, 1.0])))
    if not bool(points.abs().max() < MAX_REACH):
        raise InputError(
            f"the motion reaches {float(points.abs().max()):.3g} m from its start; "
            f"expected less than {MAX_REACH:g} m; are its lengths in metres?"
        )
    body = skeleton.role("hips") if "hips" in skeleton.roles else 0
    facing = _facing(points, skeleton)
    start = torch.zeros((), dtype=torch.float64) if facing is None else facing[0]
    points = quat_apply(quat_about_y(-start), points - points[0, body] * points.new_tensor([1.0, 0.0, 1.0]))
    feet = _feet(skeleton)
    toes = [list(joints.values())[-1] for joints in feet.values()]
    floor = floor_height(points[:, toes] if toes else points)
    floor = 0.0 if abs(floor) <= FLOOR_TOLERANCE else floor
    points = points - points.new_tensor([0.0, floor, 0.0])
    prompt = motion.meta.get("prompt")
    return Scene(
        title=clean(title if title is not None else str(prompt or skeleton.name)),
        notes=_notes(motion, floor),
        fps=motion.fps,
        points=points.numpy(),
        bones=_bones(skeleton),
        body=body,
        facing=None if facing is None else np.unwrap((facing - start).numpy()),
        feet=feet,
        wrists={s: skeleton.role(f"{s}_wrist") for s in SIDES if f"{s}_wrist" in skeleton.roles},
        head=_head(skeleton),
    )


def clean(text: str) -> str:
    """One printable line: white space folded, control characters and lone surrogates gone, length bounded."""
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
        side: {part: skeleton.role(f"{side}_{part}") for part in DOWN_LIMITS if f"{side}_{part}" in skeleton.roles}
        for side in SIDES
    }
    return {side: joints for side, joints in found.items() if joints}


def _bones(skeleton: Skeleton) -> tuple[Bone, ...]:
    sides = joint_sides(skeleton)
    # Some files hang the hips on a node that stays on the floor: that link is no bone.
    above = {0}
    joint = skeleton.role("hips") if "hips" in skeleton.roles else 0
    while joint > 0:
        above.add(joint)
        joint = skeleton.parents[joint]
    bones = [Bone(p, j, sides[j]) for j, p in enumerate(skeleton.parents) if j not in above]
    tips = [Bone(end.joint, len(skeleton) + i, sides[end.joint]) for i, end in enumerate(skeleton.ends)]
    return tuple(bones + tips)


def _head(skeleton: Skeleton) -> tuple[int, int] | None:
    if "head" not in skeleton.roles:
        return None
    head = skeleton.role("head")
    tips = [len(skeleton) + i for i, end in enumerate(skeleton.ends) if end.joint == head]
    return head, tips[0] if tips else head


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
    if motion.meta.get("licence"):
        parts.append(str(motion.meta["licence"]))
    return clean("  ·  ".join(parts))
