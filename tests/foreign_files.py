"""BVH files as other programs write them, made from one clean clip: another world, unit, rest pose or spelling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from kinescale import skeletons
from kinescale.formats import bvh
from kinescale.kinematics.forward import global_to_local
from kinescale.kinematics.rotations import axis_angle_quat, quat_apply, quat_between, quat_conjugate, quat_multiply
from kinescale.motion import Motion
from kinescale.skeletons import Skeleton

CASES = Path(__file__).resolve().parents[1].parent / "shared" / "cases"


def about(axis: str, degrees: torch.Tensor | float) -> torch.Tensor:
    angle = torch.deg2rad(torch.as_tensor(degrees, dtype=torch.float64))
    return axis_angle_quat(angle, axis)


def body(name: str = "humanml22", scale: float = 1.0) -> Skeleton:
    """A bundled skeleton with names that say its roles, and with none of its own roles."""
    known = skeletons.get(name)
    ends = tuple(type(e)(e.joint, (e.offset[0] * scale, e.offset[1] * scale, e.offset[2] * scale)) for e in known.ends)
    return Skeleton("made", known.joints, known.parents, known.offsets * scale, known.roles, known.t_pose, ends)


def walking(skeleton: Skeleton, frames: int = 40, *, lean: float = 0.0, speed: float = 1.0) -> Motion:
    """Goes ahead, the legs swinging in turn, arms hanging; ``lean`` degrees of the whole trunk."""
    rotations = torch.zeros(frames, len(skeleton), 4, dtype=torch.float64)
    rotations[..., 3] = 1.0
    time = torch.arange(frames, dtype=torch.float64) / 30

    def turn(role: str, quats: torch.Tensor) -> None:
        joint = skeleton.role(role)
        rotations[:, joint] = quat_multiply(rotations[:, joint], quats.expand(frames, 4))

    phase = 2 * np.pi * time
    for side, sign in (("left", 1.0), ("right", -1.0)):
        turn(f"{side}_hip", about("x", 25 * sign * torch.sin(phase)))
        turn(f"{side}_knee", about("x", 20 * (1 + sign * torch.cos(phase))))
        turn(f"{side}_shoulder", about("z", -70.0 * sign))
    turn("spine1", about("x", lean))
    root = torch.zeros(frames, 3, dtype=torch.float64)
    root[:, 2] = speed * time
    motion = Motion(skeleton, 30.0, root, rotations)
    root[:, 1] = 0.02 - motion.positions()[..., 1].min()
    return motion.replace(root=root)


def with_frames(motion: Motion, frames: torch.Tensor) -> Motion:
    """The same motion in the world on a skeleton whose joints' frames are turned: ``frames`` [J, 4] at rest."""
    skeleton = motion.skeleton
    up = [max(parent, 0) for parent in skeleton.parents]
    back = quat_conjugate(frames)
    offsets = quat_apply(back[up], torch.from_numpy(skeleton.offsets.copy())).numpy()
    offsets[0] = 0.0
    ends = tuple(
        type(end)(end.joint, tuple(quat_apply(back[end.joint], torch.tensor(end.offset).double()).tolist()))  # type: ignore[arg-type]
        for end in skeleton.ends
    )
    world = quat_multiply(motion.global_rotations(), frames)
    made = Skeleton("made", skeleton.joints, skeleton.parents, offsets, ends=ends)
    return motion.replace(skeleton=made, rotations=global_to_local(world, skeleton.parents))


def along_bones(skeleton: Skeleton, axis: tuple[float, float, float] = (1.0, 0.0, 0.0)) -> torch.Tensor:
    """Frames of joints whose ``axis`` points along their first bone, as rigs have them; the hips' along the spine."""
    aim = torch.tensor(axis, dtype=torch.float64)
    frames = []
    for joint in range(len(skeleton)):
        ends = [end.offset for end in skeleton.ends if end.joint == joint]
        children = skeleton.children[joint]
        upward = max(children, key=lambda child: skeleton.offsets[child][1], default=None)
        bone = skeleton.offsets[upward] if upward is not None else np.array(ends[0] if ends else (0.0, 0.0, 0.0))
        if np.linalg.norm(bone) < 1e-9:
            bone = skeleton.offsets[joint]
        frames.append(quat_between(aim, torch.from_numpy(np.array(bone, dtype=np.float64))))
    return torch.stack(frames)


def in_z_up(motion: Motion, *, rest_too: bool) -> Motion:
    """The clip in a world with Z up, facing -Y; the rest pose drawn there too, or left with Y up."""
    turn = about("x", 90.0)
    root = quat_apply(turn, motion.root)
    if not rest_too:
        rotations = motion.rotations.clone()
        rotations[:, 0] = quat_multiply(turn, rotations[:, 0])
        return motion.replace(root=root, rotations=rotations)
    skeleton = motion.skeleton
    offsets = quat_apply(turn, torch.from_numpy(skeleton.offsets.copy())).numpy()
    ends = tuple(
        type(end)(end.joint, tuple(quat_apply(turn, torch.tensor(end.offset).double()).tolist()))  # type: ignore[arg-type]
        for end in skeleton.ends
    )
    made = Skeleton("made", skeleton.joints, skeleton.parents, offsets, ends=ends)
    rotations = quat_multiply(quat_multiply(turn, motion.rotations), quat_conjugate(turn))
    return motion.replace(skeleton=made, root=root, rotations=rotations)


def saved(motion: Motion, folder: Path, unit_m: float = 0.01, name: str = "clip.bvh") -> Path:
    bvh.write(motion, folder / name, unit_m=unit_m)
    return folder / name
