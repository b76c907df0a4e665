"""Motions to draw: a made-up walk, its stages from coarse to fine, a skeleton at rest."""

from __future__ import annotations

import math

import torch

from kinescale import skeletons
from kinescale.kinematics.rotations import axis_angle_quat, quat_about_y
from kinescale.motion import Motion
from kinescale.render import Stages
from kinescale.skeletons import Skeleton


def make_walk(frames: int = 60, *, turn: float = math.pi / 2, start: float = 0.0, **meta: object) -> Motion:
    """A walk of 1.2 m/s that turns by ``turn`` radians (left where positive), first facing ``start``."""
    skeleton = skeletons.get("humanml22")
    time = torch.arange(frames, dtype=torch.float64) / 30
    yaw = start + turn * torch.arange(frames, dtype=torch.float64) / max(frames - 1, 1)
    step = 1.2 / 30 * torch.stack([torch.sin(yaw), torch.zeros_like(yaw), torch.cos(yaw)], dim=-1)
    root = torch.cumsum(step, dim=0) + torch.tensor([2.0, 0.0, -1.0], dtype=torch.float64)
    root[:, 1] = 0.93
    rotations = torch.zeros(frames, len(skeleton), 4, dtype=torch.float64)
    rotations[..., 3] = 1
    rotations[:, 0] = quat_about_y(yaw)
    for side, sign in (("left", -1), ("right", 1)):
        swing = sign * 0.5 * torch.sin(2 * math.pi * time)
        rotations[:, skeleton.index(f"{side}_hip")] = axis_angle_quat(swing, "x")
        rotations[:, skeleton.index(f"{side}_shoulder")] = axis_angle_quat(torch.full_like(time, sign * 1.3), "z")
    return Motion(skeleton, 30.0, root, rotations, meta)


def coarse_to_fine(frames: int = 60, count: int = 3) -> Stages:
    """A walk whose legs and path come with the later scales."""
    walk = make_walk(frames, prompt="a walk in stages")
    still = walk.rotations.clone()
    still[:, 1:] = walk.rotations.new_tensor([0.0, 0.0, 0.0, 1.0])
    motions = []
    for k in range(count):
        share = k / (count - 1)
        bent = (1 - share) * still + share * walk.rotations
        motions.append(walk.replace(rotations=bent))
    return Stages([*motions[:-1], walk], [f"scale {k + 1} of {count}" for k in range(count)])


def at_rest(skeleton: Skeleton, frames: int = 5) -> Motion:
    """The rest pose, held."""
    rotations = torch.zeros(frames, len(skeleton), 4)
    rotations[..., 3] = 1
    return Motion(skeleton, 30.0, torch.zeros(frames, 3), rotations)
