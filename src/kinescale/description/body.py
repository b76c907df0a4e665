"""A motion as the measurements see it: joints by role at one frame rate, lightly smoothed, and the body's scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypedDict

import numpy as np
from jaxtyping import Float

from kinescale.core.conventions import GROUND_AXES, NATIVE_FPS, UP_AXIS
from kinescale.description.signals import Run, heading, limb_length, lowest_around, rate, smooth
from kinescale.kinematics.contacts import ADULT_LEG_M
from kinescale.motion.motion import Motion
from kinescale.motion.resample import resample
from kinescale.skeletons.base import role_mirror

NEEDED = ("left_hip", "left_knee", "left_ankle", "right_hip", "right_knee", "right_ankle")
TRUNK_TOPS = ("neck", "spine3", "head", "spine2", "spine1")
ARM = ("shoulder", "elbow", "wrist")
Limb = Literal["left", "right"]
SIDES: tuple[Limb, Limb] = ("left", "right")

NOISE_S = 1 / 30
"""Smoothing of every joint against marker noise, seconds."""

FACING_S = 0.2
PATH_S = 0.2
"""Smoothing of the facing and of the hips' path: a step takes twice as long, so that sway counts little."""

FLOOR_S = 1.5
"""The floor under a foot is its lowest place within so many seconds, so that stairs and bumps are no flights."""


class Times(TypedDict):
    """When an event begins and ends, seconds."""

    start_s: float
    end_s: float


@dataclass(frozen=True, eq=False)
class Body:
    """Joint positions [T, 3] by role at ``fps``, meters; ``scale`` is 1 for an adult's legs."""

    at: Mapping[str, Float[np.ndarray, "T 3"]]
    fps: float
    seconds: float

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.hips)

    @cached_property
    def hips(self) -> Float[np.ndarray, "T 3"]:
        """The point between the hip joints, which every skeleton has."""
        return (self.at["left_hip"] + self.at["right_hip"]) / 2

    @cached_property
    def leg(self) -> float:
        """Length of a leg."""
        return sum(limb_length(*(self.at[f"{s}_{part}"] for part in ("hip", "knee", "ankle"))) for s in SIDES) / 2

    @property
    def scale(self) -> float:
        """Size against an adult."""
        return self.leg / ADULT_LEG_M

    @cached_property
    def arm(self) -> float:
        """Length of an arm, shoulder to wrist."""
        return sum(limb_length(*(self.at[f"{s}_{part}"] for part in ARM)) for s in SIDES) / 2

    @property
    def has_arms(self) -> bool:
        """Whether both arms are known."""
        return all(f"{side}_{part}" in self.at for side in SIDES for part in ARM)

    @cached_property
    def trunk(self) -> Float[np.ndarray, "T 3"] | None:
        """From the hips to the neck, or to what the skeleton has in its place."""
        top = next((role for role in TRUNK_TOPS if role in self.at), None)
        return None if top is None else self.at[top] - self.hips

    @cached_property
    def yaw(self) -> Float[np.ndarray, " T"]:
        """Facing, radians, smoothed."""
        across = self.at["left_hip"] - self.at["right_hip"]
        if self.has_arms:
            across = across + self.at["left_shoulder"] - self.at["right_shoulder"]
        return smooth(heading(across), FACING_S * self.fps)

    @cached_property
    def pelvis_yaw(self) -> Float[np.ndarray, " T"]:
        """Facing of the hips alone, which a twist of the shoulders leaves as it is."""
        return smooth(heading(self.at["left_hip"] - self.at["right_hip"]), FACING_S * self.fps)

    @cached_property
    def path(self) -> Float[np.ndarray, "T 3"]:
        """The hips on the ground (y = 0), smoothed."""
        flat = self.hips.copy()
        flat[:, UP_AXIS] = 0
        return smooth(flat, PATH_S * self.fps)

    @cached_property
    def velocity(self) -> Float[np.ndarray, "T 3"]:
        """Of the path, meters per second."""
        return rate(self.path, self.fps)

    @cached_property
    def speed(self) -> Float[np.ndarray, " T"]:
        """Of the path, meters per second."""
        return np.linalg.norm(self.velocity, axis=-1)

    @cached_property
    def feet_middle(self) -> Float[np.ndarray, "T 3"]:
        """The point on the ground between the ankles."""
        middle = (self.at["left_ankle"] + self.at["right_ankle"]) / 2
        middle[:, UP_AXIS] = 0
        return middle

    @cached_property
    def hips_share(self) -> Float[np.ndarray, " T"]:
        """Height of the hips over the lower ankle, in leg lengths: 1 when standing straight."""
        low = np.minimum(self.at["left_ankle"][:, UP_AXIS], self.at["right_ankle"][:, UP_AXIS])
        return (self.hips[:, UP_AXIS] - low) / self.leg

    def clearance(self, side: str) -> Float[np.ndarray, " T"]:
        """How far a foot is off its floor, in leg lengths: of ankle and toes the lower."""
        return self._clearances[side]

    @cached_property
    def _clearances(self) -> dict[str, Float[np.ndarray, " T"]]:
        reach = round(FLOOR_S * self.fps)
        pairs = [part for part in ("ankle", "toes") if all(f"{side}_{part}" in self.at for side in SIDES)]
        found = {side: np.full(self.frames, np.inf) for side in SIDES}
        for part in pairs:
            heights = {side: self.at[f"{side}_{part}"][:, UP_AXIS] for side in SIDES}
            floor = lowest_around(np.minimum(heights["left"], heights["right"]), reach)
            for side in SIDES:
                found[side] = np.minimum(found[side], (heights[side] - floor) / self.leg)
        return found

    def time(self, frame: float | int) -> float:
        """Seconds at a frame."""
        return min(max(frame, 0) / self.fps, self.seconds)

    def times(self, span: Run) -> Times:
        """Fields ``start_s`` and ``end_s`` of a span of frames."""
        return {"start_s": round(self.time(span[0]), 3), "end_s": round(self.time(span[1]), 3)}


def body_of(motion: Motion) -> Body:
    """A motion's body at the native rate. ``SkeletonError`` when a leg joint has no role."""
    skeleton = motion.skeleton
    for role in NEEDED:
        skeleton.role(role)
    seen = resample(motion, NATIVE_FPS)
    roles = {role: joint for role, joint in skeleton.role_indices().items() if _useful(role, skeleton.roles)}
    position = seen.positions().detach().cpu().double().numpy()[:, list(roles.values())]
    calm = smooth(position, NOISE_S * NATIVE_FPS)
    at = {role: np.ascontiguousarray(calm[:, index]) for index, role in enumerate(roles)}
    return Body(at, NATIVE_FPS, len(seen) / NATIVE_FPS)


def _useful(role: str, played: Mapping[str, str]) -> bool:
    """Joints of one side only would make left and right unequal."""
    return role_mirror(role) in played


def ground(vectors: Float[np.ndarray, "*b 3"]) -> Float[np.ndarray, "*b 2"]:
    """The horizontal part."""
    return vectors[..., list(GROUND_AXES)]
