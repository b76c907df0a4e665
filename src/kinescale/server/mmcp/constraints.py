"""Constraints of MMCP as those of control, on a clip that is there already.

Headings turn +Z toward +X, as clients compute them. A keyframe of some joints is completed with the clip's own pose at
that frame (``fill_mode`` "generate") or with the rest pose ("rest"), so that the places of its joints are known.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from kinescale.core.errors import SkeletonError
from kinescale.motion.canonicalize import facing_yaw
from kinescale.motion.motion import Motion
from kinescale.pipelines.control.constraints import Constraint, Constraints, FacingPin, JointPin, PathPin, PosePin
from kinescale.server.errors import ApiError
from kinescale.server.mmcp import schema
from kinescale.skeletons.base import Skeleton


def constraints_of(given: list[schema.Constraint], clip: Motion) -> tuple[Constraints, list[str]]:
    """The constraints on a clip, and a note for each part of them that this model cannot hold."""
    entries: list[Constraint] = []
    notes: list[str] = []
    for number, one in enumerate(given):
        if isinstance(one, schema.RootPath):
            entries.append(_path(one, number))
        elif isinstance(one, schema.EffectorTarget):
            entries += _targets(one, number)
        elif isinstance(one, schema.PoseKeyframe):
            made, missed = _keyframe(one, number, clip)
            entries += made
            notes += missed
    return Constraints(tuple(entries)), notes


def _path(one: schema.RootPath, number: int) -> PathPin:
    facing = None if one.heading_radians is None else np.array(one.heading_radians, dtype=np.float64)
    name = f"constraint {number} (root_path)"
    return PathPin(name, tuple(one.frames), points=np.array(one.positions_xz, dtype=np.float64), facing=facing)


def _targets(one: schema.EffectorTarget, number: int) -> list[JointPin]:
    """The target with its frames in order; one frame named twice is refused."""
    order = sorted(range(len(one.frames)), key=lambda i: one.frames[i])
    frames = tuple(one.frames[i] for i in order)
    if len(set(frames)) != len(frames):
        raise ApiError("invalid_request", f"constraint {number}: a frame of its effector_target is named twice.")
    places = np.array([one.positions[i] for i in order], dtype=np.float64)
    return [JointPin(f"constraint {number} ({one.joint[:60]})", frames, joint=one.joint, positions=places)]


def _keyframe(one: schema.PoseKeyframe, number: int, clip: Motion) -> tuple[list[Constraint], list[str]]:
    skeleton, root = clip.skeleton, clip.skeleton.joints[0]
    pose = _pose(one, clip)
    names, frames = f"constraint {number} (pose_keyframe, frame {one.frame})", (one.frame,)
    held = set(skeleton.joints) if one.fill_mode == "rest" else set(one.joint_rotations)
    roles, loose = _roles(skeleton, held)
    whole = roles >= set(skeleton.roles)
    world = one.root_position is not None and root in one.joint_rotations
    entries: list[Constraint] = []
    if roles:
        parts = () if whole else tuple(sorted(roles))
        entries.append(PosePin(names, frames, pose=pose, parts=parts, world=world and whole))
    if one.root_position is not None and not (world and whole):
        place = np.array([one.root_position], dtype=np.float64)
        entries.append(JointPin(f"{names}, root", frames, joint=root, positions=place))
    if root in one.joint_rotations and not (world and whole):
        entries += _facing(f"{names}, heading", frames, pose)
    if not entries:
        raise ApiError("invalid_request", f"{names}: none of its joints is one that this model moves.")
    note = f"{names}: the model does not move {', '.join(sorted(loose)[:5])} by itself, so they were left out"
    return entries, [note] if loose and not whole else []


def _pose(one: schema.PoseKeyframe, clip: Motion) -> Motion:
    """The keyframe as a motion of one frame."""
    pose = clip.slice(one.frame, one.frame + 1)
    rotations = pose.rotations.clone()
    if one.fill_mode == "rest":
        rotations[:, 1:] = rotations.new_tensor([0.0, 0.0, 0.0, 1.0])
    for joint, quaternion in one.joint_rotations.items():
        rotations[0, clip.skeleton.index(joint)] = rotations.new_tensor(quaternion)
    root = pose.root if one.root_position is None else torch.tensor([one.root_position]).to(pose.root)
    return pose.replace(rotations=rotations, root=root)


def _roles(skeleton: Skeleton, joints: set[str]) -> tuple[set[str], set[str]]:
    """The roles that joints play, and the joints that play none."""
    played: Mapping[str, str] = {joint: role for role, joint in skeleton.roles.items()}
    return {played[joint] for joint in joints if joint in played}, {joint for joint in joints if joint not in played}


def _facing(name: str, frames: tuple[int, ...], pose: Motion) -> list[Constraint]:
    """Where the keyframe faces; nothing for a body of which that is unknown."""
    try:
        yaw = float(facing_yaw(pose.positions()[0].double(), pose.skeleton))
    except SkeletonError:
        return []
    return [FacingPin(name, frames, facing=np.array([yaw]))]
