"""Capsule body mesh for a skeleton: a capsule along every bone and a ball at tips, visible in any viewer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from kinescale.kinematics.forward import forward_kinematics
from kinescale.kinematics.rotations import quat_apply, quat_conjugate, quat_to_matrix
from kinescale.skeletons import Skeleton

SIDES, CAP_RINGS = 12, 3
LEAST_BONE_M = 1e-5
"""Shorter bones have no capsule: their triangles would have no area."""
ALONE_M = 0.05
"""Radius of the body of a skeleton that has no extent."""
HEAD_M = 0.12
"""Length of a head whose tip is not known."""

THICKNESS = {
    # role of the joint a bone starts at -> its radius as a share of the body's height
    "hips": 0.055,
    "spine1": 0.055,
    "spine2": 0.06,
    "spine3": 0.055,
    "neck": 0.03,
    "head": 0.048,
    "collar": 0.03,
    "shoulder": 0.027,
    "elbow": 0.022,
    "wrist": 0.018,
    "hip": 0.042,
    "knee": 0.031,
    "ankle": 0.023,
    "toes": 0.02,
}
SLENDER, THINNEST, THICKEST = 0.15, 0.004, 0.03
"""Without a role: radius as a share of the bone's length, and its bounds as shares of the height."""


@dataclass(frozen=True)
class Body:
    """Triangles bound rigidly to joints, in the pose of ``joints_to_world`` with the lowest point at height 0."""

    positions: Float[np.ndarray, "V 3"]
    normals: Float[np.ndarray, "V 3"]
    joints: Int[np.ndarray, " V"]
    triangles: Int[np.ndarray, "F 3"]
    joints_to_world: Float[np.ndarray, "J 4 4"]


def bind_rotations(skeleton: Skeleton) -> Float[np.ndarray, "J 4"]:
    """Local rotations xyzw of the bind pose: the T-pose, or the rest pose where that is not known."""
    if skeleton.t_pose is None:
        return np.tile([0.0, 0.0, 0.0, 1.0], (len(skeleton), 1))
    length = np.linalg.norm(skeleton.t_pose, axis=-1, keepdims=True)
    return np.where(length > 1e-6, skeleton.t_pose / np.maximum(length, 1e-6), [0.0, 0.0, 0.0, 1.0])


def make_body(skeleton: Skeleton) -> Body:
    """Body mesh of a skeleton in its bind pose, raised to stand on the ground."""
    positions, quats = forward_kinematics(
        torch.zeros(3, dtype=torch.float64),
        torch.from_numpy(bind_rotations(skeleton)),
        torch.from_numpy(skeleton.offsets.copy()),
        skeleton.parents,
    )
    turns, places = quat_to_matrix(quats).numpy(), positions.numpy()
    bones = _bones(skeleton)
    height = float(np.ptp(places, axis=0).max())
    parts = [_capsule(tip, _radius(skeleton, joint, tip, height)) for joint, tip in bones]
    joints = np.repeat([joint for joint, _ in bones], [len(points) for points, _, _ in parts])
    starts = np.cumsum([0, *(len(points) for points, _, _ in parts)])
    points = np.concatenate([points for points, _, _ in parts])
    normals = np.concatenate([normals for _, normals, _ in parts])
    points = np.einsum("vij,vj->vi", turns[joints], points) + places[joints]
    lift = np.array([0.0, -points[:, 1].min(), 0.0])
    world = np.tile(np.eye(4), (len(skeleton), 1, 1))
    world[:, :3, :3], world[:, :3, 3] = turns, places + lift
    triangles = np.concatenate([faces + start for (_, _, faces), start in zip(parts, starts)])
    return Body(points + lift, np.einsum("vij,vj->vi", turns[joints], normals), joints, triangles, world)


def _bones(skeleton: Skeleton) -> list[tuple[int, np.ndarray]]:
    """(joint, tip in its frame): a bone to every child and end site, a ball on joints with neither."""
    tips: list[tuple[int, np.ndarray]] = []
    for joint, children in enumerate(skeleton.children):
        ends = [np.array(end.offset) for end in skeleton.ends if end.joint == joint]
        found = [skeleton.offsets[child] for child in children] + ends
        long = [tip for tip in found if np.linalg.norm(tip) > LEAST_BONE_M]
        tips += [(joint, tip) for tip in long or ([] if children else [_bare_tip(skeleton, joint)])]
    return tips or [(0, np.zeros(3))]


def _bare_tip(skeleton: Skeleton, joint: int) -> Float[np.ndarray, " 3"]:
    """Tip of a leaf without an end site: along the neck for the head, none for others."""
    offset = skeleton.offsets[joint]
    length = float(np.linalg.norm(offset))
    if skeleton.roles.get("head") != skeleton.joints[joint] or not joint or length <= LEAST_BONE_M:
        return np.zeros(3)
    back = quat_conjugate(torch.from_numpy(bind_rotations(skeleton)[joint]))
    return quat_apply(back, torch.from_numpy(offset * (HEAD_M / length))).numpy()


def _radius(skeleton: Skeleton, joint: int, tip: np.ndarray, height: float) -> float:
    """Radius of a bone, meters."""
    if height <= LEAST_BONE_M:
        return ALONE_M
    role = next((role for role, name in skeleton.roles.items() if name == skeleton.joints[joint]), "")
    share = THICKNESS.get(role.removeprefix("left_").removeprefix("right_"))
    if share is not None:
        return share * height
    length = float(np.linalg.norm(tip))
    return float(np.clip(SLENDER * length, THINNEST * height, THICKEST * height)) if length else 2 * THINNEST * height


def _capsule(tip: Float[np.ndarray, " 3"], radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, unit normals and triangles of a capsule from the origin to ``tip``; a ball when both are one."""
    length = float(np.linalg.norm(tip))
    axis = tip / length if length else np.array([0.0, 1.0, 0.0])
    side = np.cross(axis, np.eye(3)[np.abs(axis).argmin()])
    side /= np.linalg.norm(side)
    frame = np.stack([side, np.cross(axis, side), axis], axis=1)
    # latitudes from the one pole to the other; the equator stands twice, at either end
    latitudes = np.radians(np.linspace(0, 90, CAP_RINGS + 1))[:-1]
    lower, upper = -latitudes[::-1], latitudes
    heights = np.concatenate([np.zeros(CAP_RINGS), np.full(CAP_RINGS, length)])
    rings = np.concatenate([lower, upper])
    if not length:
        rings, heights = np.concatenate([lower, upper[1:]]), np.zeros(2 * CAP_RINGS - 1)
    around = np.linspace(0, 2 * np.pi, SIDES, endpoint=False)
    ring_normals = np.stack(
        [
            np.outer(np.cos(rings), np.cos(around)),
            np.outer(np.cos(rings), np.sin(around)),
            np.repeat(np.sin(rings)[:, None], SIDES, axis=1),
        ],
        axis=-1,
    ).reshape(-1, 3)
    normals = np.concatenate([[[0.0, 0.0, -1.0]], ring_normals, [[0.0, 0.0, 1.0]]])
    points = radius * normals
    points[:, 2] += np.concatenate([[0.0], np.repeat(heights, SIDES), [length]])
    return points @ frame.T, normals @ frame.T, _faces(len(rings))


def _faces(rings: int) -> Int[np.ndarray, "F 3"]:
    """Triangles between a pole, ``rings`` rings and the other pole, seen from outside counter-clockwise."""
    a = np.arange(SIDES)
    b = (a + 1) % SIDES
    last = 1 + (rings - 1) * SIDES
    bottom = np.stack([np.zeros(SIDES, dtype=np.int64), 1 + b, 1 + a], axis=1)
    top = np.stack([np.full(SIDES, last + SIDES), last + a, last + b], axis=1)
    walls = []
    for ring in range(rings - 1):
        low, high = 1 + ring * SIDES, 1 + (ring + 1) * SIDES
        walls += [np.stack([low + a, low + b, high + b], axis=1), np.stack([low + a, high + b, high + a], axis=1)]
    return np.concatenate([bottom, *walls, top])
