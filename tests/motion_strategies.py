"""Made skeletons and motions that tests share."""

from __future__ import annotations

import math

import torch

from kinescale import skeletons
from kinescale.kinematics.rotations import axis_angle_quat, quat_conjugate, quat_continuous, quat_multiply
from kinescale.motion import Motion
from kinescale.motion.retarget import t_pose


def random_motion(name: str = "humanml22", frames: int = 40, seed: int = 0, spread: float = 0.4) -> Motion:
    """A smooth random motion on a named skeleton: sums of slow sines in every joint, a wandering root."""
    skeleton = skeletons.get(name)
    rng = torch.Generator().manual_seed(seed)
    time = torch.linspace(0, frames / 30, frames, dtype=torch.float64)[:, None, None]
    phase = 2 * math.pi * torch.rand(1, len(skeleton), 3, generator=rng, dtype=torch.float64)
    axis = spread * torch.randn(1, len(skeleton), 3, generator=rng, dtype=torch.float64)
    vector = axis * torch.sin(2 * time + phase)
    angle = vector.norm(dim=-1, keepdim=True)
    quats = torch.cat([vector / angle.clamp(min=1e-9) * torch.sin(angle / 2), torch.cos(angle / 2)], dim=-1)
    drift = torch.randn(3, generator=rng, dtype=torch.float64) * torch.tensor([0.8, 0.05, 0.8])
    root = time[:, 0] * drift + torch.tensor([0.3, 0.95, -0.2], dtype=torch.float64)
    return Motion(skeleton, 30.0, root, quat_continuous(quats), {"license": "none"})


def walk(name: str = "humanml22", seconds: float = 2.0) -> Motion:
    """A made walk at 30 fps: hips and knees swing, arms hang, feet slide a little as made walks do."""
    skeleton = skeletons.get(name)
    frames = round(30 * seconds)
    phase = torch.arange(frames, dtype=torch.float64) / 30 * 2 * math.pi
    world, at = t_pose(skeleton)
    turns = {"left_shoulder": ("z", -1.2 + 0 * phase), "right_shoulder": ("z", 1.2 + 0 * phase)}
    for side, shift in (("left", 0.0), ("right", math.pi)):
        swing = torch.sin(phase + shift)
        turns[f"{side}_hip"] = ("x", -0.4 * swing)
        turns[f"{side}_knee"] = ("x", 0.25 - 0.25 * torch.cos(phase + shift + 0.8))
    still = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    local = (
        still.expand(frames, len(skeleton), 4)
        if skeleton.t_pose is None
        else torch.as_tensor(skeleton.t_pose.copy()).expand(frames, -1, -1)
    )
    local = local.clone()
    for role, (axis, angle) in turns.items():
        joint = skeleton.role(role)
        # A turn about the world's axis in the T-pose, said in the joint's own frame.
        turn = quat_multiply(quat_multiply(quat_conjugate(world[joint]), axis_angle_quat(angle, axis)), world[joint])
        local[:, joint] = quat_multiply(local[:, joint], turn)
    ahead = torch.stack([0 * phase, 0 * phase - float(at[:, 1].min()), phase * 0.16], dim=1)
    return Motion(skeleton, 30.0, ahead, local)
