"""glTF document to a Motion: nodes to joints, samplers to tracks, and the extras of files written by Kinescale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.core.conventions import MAX_FPS, MAX_JOINTS
from kinescale.core.errors import InputError, SkeletonError
from kinescale.formats.glb.bind_pose import bind_pose, human_bones, roles_of_bones
from kinescale.formats.glb.container import LARGEST, Document
from kinescale.formats.glb.joint_tracks import JointTracks, with_root_at
from kinescale.formats.glb.nodes import EVEN, Rig, even_scale, read_rig
from kinescale.formats.glb.sampling import Sampling, choose, read_channels
from kinescale.formats.glb.writer import EXTRAS
from kinescale.io.sidecar import current_meta, meta_problem
from kinescale.kinematics.rotations import quat_apply, quat_continuous, quat_multiply
from kinescale.motion.motion import Motion
from kinescale.rigging import recognize, recognize_in_pose
from kinescale.skeletons import EndSite, Skeleton

STILL_M = 1e-4
"""Largest deviation of a joint from its mean offset that counts as standing still, meters."""
TURNED = 1e-7
"""Rest rotations within this of the identity are the identity."""
MAX_LICENSE = 4096
POSES_SEEN = 64
"""Number of poses that skeleton recognition examines, about."""


@dataclass(frozen=True)
class Placed:
    """A joint relative to its parent: position [3] or [T, 3], meters, rotation [4] or [T, 4]; scale of nodes above."""

    at: Tensor
    turn: Tensor
    scale: float


def to_motion(document: Document, animation: int | str | None, fps: float | None) -> tuple[Motion, bool]:
    """Motion of one animation, and whether Kinescale wrote it; ``FormatError`` for damaged content."""
    chosen = choose(document, animation)
    channels = read_channels(document, chosen)
    moving = list(dict.fromkeys(node for node, path in channels if path != "scale"))
    rig = read_rig(document, list(human_bones(document).values()) or moving)
    extras = chosen.get("extras") if chosen is not None else None
    ours = extras if isinstance(extras, dict) else {}
    used = {key: sampler for key, sampler in channels.items() if key[0] in rig.nodes}
    sampling = Sampling(document, used, sum(map(len, rig.chains)), fps or _own_fps(ours))
    try:
        return _assemble(document, rig, sampling, _meta(document, ours)), _is_ours(rig)
    except (SkeletonError, InputError) as problem:
        document.fail(f"the motion in it is not sound: {problem}")


def _is_ours(rig: Rig) -> bool:
    extras = rig.skin.get("extras")
    return isinstance(extras, dict) and isinstance(extras.get(EXTRAS), dict)


def _own_fps(extras: dict[str, Any]) -> float | None:
    fps = extras.get("fps")
    if not isinstance(fps, (int, float)) or isinstance(fps, bool) or not 0 < fps <= MAX_FPS:
        return None
    return float(fps)


def _meta(document: Document, extras: dict[str, Any]) -> dict[str, Any]:
    """Provenance written by Kinescale, else the file's copyright as its license."""
    meta = extras.get("meta")
    if isinstance(meta, dict):
        problem = meta_problem(meta)
        if problem:
            document.fail(f"{problem}.")
        return current_meta(meta)
    copyright = document.json["asset"].get("copyright")
    return {"license": copyright[:MAX_LICENSE]} if isinstance(copyright, str) and copyright else {}


def _assemble(document: Document, rig: Rig, sampling: Sampling, meta: dict[str, Any]) -> Motion:
    parts, bind, scale_moves = _parts(document, rig, sampling)
    offsets, dropped = _offsets(parts, bind)
    skeleton = _skeleton(document, rig, parts, offsets)
    left_out = rig.left_out
    hips = skeleton.role_indices().get("hips", 0)
    if any(parts.deviation(joint) > STILL_M for joint in parts.line(hips)):
        whole, parts = len(parts.names), with_root_at(parts, hips)
        kept = [rig.names.index(name) for name in parts.names]
        left_out += whole - len(kept)
        offsets, dropped = _offsets(parts, bind[kept])
        skeleton = _skeleton(document, rig, parts, offsets)
    notes = {
        "translation_dropped_m": round(dropped, 6) if dropped > STILL_M else None,
        "scale_dropped": scale_moves or None,
        "joints_left_out": left_out or None,
    }
    return Motion(
        skeleton,
        sampling.fps,
        parts.tracks[0].expand(len(parts.rotations), 3).to(torch.float32),
        quat_continuous(parts.rotations),
        {**meta, **{name: value for name, value in notes.items() if value is not None}},
    )


def _parts(document: Document, rig: Rig, sampling: Sampling) -> tuple[JointTracks, Float[np.ndarray, "J 3"], bool]:
    """Tracks of all joints, their offsets at rest [J, 3], and whether an animated scale was left out."""
    count = len(rig.names)
    scales, scale_moves = _scales(document, rig, sampling)
    bind, rest_turns = np.zeros((count, 3)), np.zeros((count, 4))
    rotations = torch.empty(len(sampling.times), count, 4)
    above, tracks = [1.0] * count, []
    for joint, parent in enumerate(rig.parents):
        scale = above[parent] if joint else 1.0
        rest = _place(rig, joint, scale, scales, None)
        moved = _place(rig, joint, scale, scales, sampling) if sampling.moves(rig.chains[joint]) else rest
        above[joint] = rest.scale
        if not float(moved.at.abs().max()) <= LARGEST:
            document.fail(f"joint '{rig.names[joint]}' lies farther than {LARGEST:g} m away; is a scale damaged?")
        bind[joint], rest_turns[joint] = rest.at.numpy(), rest.turn.numpy()
        rotations[:, joint] = moved.turn.to(torch.float32)
        tracks.append(moved.at)
    return JointTracks(rig.names, rig.parents, rotations, rest_turns, tuple(tracks)), bind, scale_moves


def _offsets(parts: JointTracks, bind: Float[np.ndarray, "J 3"]) -> tuple[Float[np.ndarray, "J 3"], float]:
    """Offset of each joint below the root, and the largest deviation from it, meters."""
    offsets, dropped = np.zeros((len(parts.names), 3)), 0.0
    for joint in range(1, len(parts.names)):
        offsets[joint], strays = _settle(bind[joint], parts.tracks[joint].numpy())
        dropped = max(dropped, strays)
    return offsets, dropped


def _scales(document: Document, rig: Rig, sampling: Sampling) -> tuple[dict[int, float], bool]:
    """node -> scale of the nodes below it, and whether an animated scale was left out.

    An animated but constant scale counts; of a changing one the rest value is taken.
    """
    scales, moves = {}, False
    for node in rig.scaling_nodes():
        scale = rig.nodes[node].scale
        track = sampling.track(node, "scale")
        if track is not None:
            still = bool((np.ptp(track, axis=0) <= EVEN * np.abs(track[0])).all())
            moves, scale = moves or not still, track[0] if still else scale
        scales[node] = even_scale(document, scale, node)
    return scales, moves


def _place(rig: Rig, joint: int, scale: float, scales: dict[int, float], sampling: Sampling | None) -> Placed:
    """Go down the nodes of a joint's chain; without ``sampling`` at rest. ``scale`` is that of all above."""
    at, turn = torch.zeros(3, dtype=torch.float64), torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    for step, number in enumerate(rig.chains[joint]):
        node = rig.nodes[number]
        shift, spin = node.translation, node.rotation
        if sampling is not None:
            shift, spin = sampling.track(number, "translation"), sampling.track(number, "rotation")
            shift, spin = node.translation if shift is None else shift, node.rotation if spin is None else spin
        # a joint directly below its parent keeps the file's numbers bit for bit
        move = torch.from_numpy(shift) * scale if scale != 1.0 else torch.from_numpy(shift)
        at = at + quat_apply(turn, move) if step else move
        turn = quat_multiply(turn, torch.from_numpy(spin)) if step else torch.from_numpy(spin)
        scale *= scales.get(number, 1.0)
    return Placed(at, turn, scale)


def _settle(rest: np.ndarray, track: np.ndarray) -> tuple[Float[np.ndarray, " 3"], float]:
    """Offset of a joint, the mean over time where that is not the rest offset, and the largest deviation from it."""
    if track.ndim == 1:
        return track, 0.0
    mean = track.mean(axis=0)
    offset = mean if np.abs(mean - rest).max() > STILL_M else rest
    return offset, float(np.abs(track - mean).max())


def _skeleton(document: Document, rig: Rig, parts: JointTracks, offsets: Float[np.ndarray, "J 3"]) -> Skeleton:
    """The skeleton from Kinescale's extras, else as far as it is recognized."""
    name = rig.skin.get("name")
    name = name[:256] if isinstance(name, str) and name.isprintable() and name else document.path.stem
    plain = Skeleton(name, parts.names, parts.parents, offsets)
    own = _from_extras(plain, rig.skin)
    if own is not None:
        return own
    turned = bool(np.abs(np.abs(parts.rest_turns[:, 3]) - 1).max() > TURNED)
    few = parts.rotations[:: max(1, len(parts.rotations) // POSES_SEEN)].double().numpy()
    bones = roles_of_bones(human_bones(document), rig)
    plain = replace(plain, roles={role: joint for role, joint in bones.items() if joint in plain.joints})
    bound = bind_pose(document, rig, parts)
    made = None if bound is None else recognize_in_pose(plain, bound)
    if made is not None:
        return made
    if plain.roles:
        return recognize_in_pose(plain, parts.rest_turns) or plain
    return recognize(plain, rest=parts.rest_turns if turned else None, poses=few)


def _from_extras(skeleton: Skeleton, skin: dict[str, Any]) -> Skeleton | None:
    """The skeleton as it was written; ``None`` when the extras are absent or of another skeleton."""
    extras = skin.get("extras")
    own = extras.get(EXTRAS) if isinstance(extras, dict) else None
    if not isinstance(own, dict) or own.get("joints") != list(skeleton.joints):
        return None
    roles, t_pose, ends = own.get("roles"), own.get("t_pose"), own.get("ends")
    if not (isinstance(roles, dict) and all(isinstance(joint, str) for joint in roles.values())):
        return None
    if not (isinstance(ends, list) and len(ends) <= MAX_JOINTS):
        return None
    try:
        offsets = skeleton.offsets.copy()
        offsets[0] = _numbers([own.get("root_offset")], 3)[0]
        tips = _numbers(ends, 4)
        if not ((tips[:, 0] >= 0) & (tips[:, 0] < len(skeleton))).all():
            return None
        sites = tuple(EndSite(int(joint), (x, y, z)) for joint, x, y, z in tips.tolist())
        pose = None if t_pose is None else _numbers(t_pose, 4)
        return replace(skeleton, offsets=offsets, roles=roles, t_pose=pose, ends=sites)
    except (SkeletonError, TypeError, ValueError, OverflowError):
        return None


def _numbers(rows: Any, width: int) -> Float[np.ndarray, "N W"]:
    """Rows of finite numbers up to ``LARGEST``; ``ValueError`` for anything else."""
    table = np.array(rows, dtype=np.float64).reshape(-1, width)
    if len(table) != len(rows) or not bool((np.abs(table) <= LARGEST).all()):
        raise ValueError("not a table of numbers")
    return table
