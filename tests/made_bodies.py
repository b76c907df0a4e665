"""Bodies that walk, turn, jump and lift limbs by known amounts, for the tests of measured captions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from kinescale.kinematics.rotations import axis_angle_quat, quat_about_y
from kinescale.motion.motion import Motion
from kinescale.skeletons import get

SKELETON = get("humanml22")
HANGING = math.radians(80)
LEG_M = sum(
    float(torch.as_tensor(SKELETON.offsets[SKELETON.role(f"left_{part}")].copy()).norm()) for part in ("knee", "ankle")
)
GRAVITY = 9.81


@dataclass(frozen=True)
class Plan:
    """What a made body does, as functions of the seconds [T] since the start.

    forward, leftward : speeds in the body's frame. yaw, lift : radians, meters. arms, hips, knees : side -> angle.
    """

    seconds: float = 4.0
    forward: Callable[[Tensor], Tensor] = torch.zeros_like
    leftward: Callable[[Tensor], Tensor] = torch.zeros_like
    yaw: Callable[[Tensor], Tensor] = torch.zeros_like
    lift: Callable[[Tensor], Tensor] = torch.zeros_like
    arms: dict[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)
    hips: dict[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)
    knees: dict[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)
    lean: Callable[[Tensor], Tensor] = torch.zeros_like


def made(plan: Plan, fps: float = 30.0) -> Motion:
    """The motion of a plan, float64."""
    count = round(plan.seconds * fps) + 1
    time = torch.arange(count, dtype=torch.float64) / fps
    rotations = torch.zeros(count, len(SKELETON), 4, dtype=torch.float64)
    rotations[..., 3] = 1
    yaw = plan.yaw(time)
    rotations[:, 0] = quat_about_y(yaw)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        angle = plan.arms[side](time) if side in plan.arms else torch.full_like(time, -HANGING)
        rotations[:, SKELETON.role(f"{side}_shoulder")] = axis_angle_quat(sign * angle, "z")
        for part, angles in (("hip", plan.hips), ("knee", plan.knees)):
            if side in angles:
                way = -1.0 if part == "hip" else 1.0
                rotations[:, SKELETON.role(f"{side}_{part}")] = axis_angle_quat(way * angles[side](time), "x")
    rotations[:, SKELETON.role("spine1")] = axis_angle_quat(plan.lean(time), "x")
    ahead, left = plan.forward(time), plan.leftward(time)
    sin, cos = yaw.sin(), yaw.cos()
    step = torch.stack([ahead * sin + left * cos, torch.zeros_like(time), ahead * cos - left * sin], -1) / fps
    root = torch.cumsum(step, 0) - step[:1] + torch.tensor([0.3, 0.95, -0.2], dtype=torch.float64)
    root[:, 1] += plan.lift(time)
    return Motion(SKELETON, fps, root, rotations)


def steady(value: float) -> Callable[[Tensor], Tensor]:
    """The same all the time."""
    return lambda time: torch.full_like(time, value)


def walking(speed: float, cadence: float = 2.0, seconds: float = 4.0, **more) -> Plan:
    """A walk at ``speed`` m/s with ``cadence`` steps a second; negative speeds go backward.

    The legs swing so that the foot that stands has about the speed of the ground.
    """
    swing = abs(speed) / cadence / LEG_M / 2
    phase = math.copysign(math.pi * cadence, speed)

    def leg(shift: float):
        return lambda t: swing * torch.sin(phase * t + shift)

    def knee(shift: float):
        return lambda t: 1.1 * torch.cos(phase * t + shift).clamp(min=0) ** 2 * min(1.0, 2 * swing)

    return Plan(
        seconds=seconds,
        forward=steady(speed),
        hips={"left": leg(0.0), "right": leg(math.pi)},
        knees={"left": knee(0.0), "right": knee(math.pi)},
        **more,
    )


def ramp(size: float, start: float, stop: float) -> Callable[[Tensor], Tensor]:
    """From 0 to ``size`` between two times, smoothly."""

    def course(time: Tensor) -> Tensor:
        share = ((time - start) / (stop - start)).clamp(0, 1)
        return size * (3 * share**2 - 2 * share**3)

    return course


def jumping(height: float, starts: tuple[float, ...]) -> Callable[[Tensor], Tensor]:
    """Free flights that rise by ``height``, one from each start."""
    speed = math.sqrt(2 * GRAVITY * height)

    def course(time: Tensor) -> Tensor:
        total = torch.zeros_like(time)
        for start in starts:
            t = time - start
            total = total + (speed * t - GRAVITY * t**2 / 2).clamp(min=0) * (t > 0)
        return total

    return course


def bump(size: float, start: float, stop: float) -> Callable[[Tensor], Tensor]:
    """Up to ``size`` and back, between two times."""
    return lambda time: size * torch.sin(math.pi * ((time - start) / (stop - start)).clamp(0, 1)) ** 2


def arm(angle: float, start: float, stop: float) -> Callable[[Tensor], Tensor]:
    """An arm that hangs, is at ``angle`` over the horizontal between two times, and hangs again."""

    def course(time: Tensor) -> Tensor:
        up = ((time - start) / 0.4).clamp(0, 1) * ((stop - time) / 0.4).clamp(0, 1)
        return -HANGING + (angle + HANGING) * up

    return course


def waving(angle: float, start: float, stop: float, rate: float = 1.5) -> Callable[[Tensor], Tensor]:
    """A raised arm that swings ``rate`` times a second."""
    base = arm(angle, start, stop)

    def course(time: Tensor) -> Tensor:
        on = ((time > start + 0.4) & (time < stop - 0.4)).to(time)
        return base(time) + 0.3 * on * torch.sin(2 * math.pi * rate * time)

    return course
