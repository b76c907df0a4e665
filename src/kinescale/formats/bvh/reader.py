"""BVH text to a motion: columns to root track, rotations and skeleton; markers and displacements recognized."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from kinescale.core.conventions import CENTIMETER
from kinescale.formats.base.notes import with_notes
from kinescale.formats.base.world import WorldOptions, in_likely_unit, upright
from kinescale.formats.bvh.header import Hierarchy, read_hierarchy, read_motion_header
from kinescale.formats.bvh.rows import read_rows
from kinescale.io.text_scanner import Source, Tokens
from kinescale.kinematics.rotations import euler_to_quat, quat_apply, quat_multiply
from kinescale.motion.motion import Motion
from kinescale.rigging import recognize
from kinescale.skeletons import EndSite, Skeleton

MAX_FILE_BYTES = 512 * 1024 * 1024
STILL_M = 1e-4
"""Largest change of a position that still counts as standing still, meters."""
NEAR_ZERO = 0.3
"""Position channels below this share of the OFFSETs, over all joints, are displacements from them."""
CHUNK_FRAMES = 2048

_AXES = "xyz"


def read(
    path: str | Path,
    *,
    unit_m: float | None = None,
    up: str | None = None,
    fps: float | None = None,
    strict: bool = False,
) -> Motion:
    """Read a BVH file as a ``Motion`` in meters, float32.

    ``unit_m`` (meters per unit), ``up`` ("y", "z" ...) and ``fps`` state what the file does not say or says wrong; by
    default centimeters and Y up unless the body shows otherwise, and the file's frame time. ``strict`` refuses what
    would be read with a note. Joints get roles where they are recognized. Raises
    ``FormatError`` naming file and line for damaged content, ``InputError`` for a missing file.
    """
    stated = WorldOptions(up, unit_m, fps)
    source = Source.open(path, MAX_FILE_BYTES)
    notes: list[str] = []
    if not strict:
        source = source.in_utf8(notes)
    tokens = Tokens(source)
    tree = read_hierarchy(tokens, None if strict else notes)
    frames, rate = read_motion_header(tokens, stated.fps)
    table = read_rows(source, tokens.end, (frames, tree.columns), None if strict else notes)
    rotations = _rotations(tree, table)
    tree.displaced = _are_displacements(tree, table)

    def build(unit: float) -> Motion:
        return _to_motion(source, tree, table * unit, rotations, (rate, unit))

    if unit_m is not None:
        motion, unit_notes = build(unit_m), ()
    else:
        motion, unit_notes = in_likely_unit(build, CENTIMETER)
    notes += unit_notes
    if tree.displaced:
        notes.append("position channels below the root stay near zero: they are added to the OFFSETs.")
    motion, up_notes = upright(motion, stated.up, identity_rest=True)
    return with_notes(motion, [*notes, *up_notes])


def _to_motion(
    source: Source,
    tree: Hierarchy,
    table_m: Float[np.ndarray, "T C"],
    rotations: Float[torch.Tensor, "T J 4"],
    rate_and_unit: tuple[float, float],
) -> Motion:
    """Columns (lengths already in meters) to a root track, rotations and a skeleton."""
    fps, unit_m = rate_and_unit
    offsets = np.array([node.offset for node in tree.nodes]) * unit_m
    ends = [EndSite(joint, (x * unit_m, y * unit_m, z * unit_m)) for joint, (x, y, z) in tree.ends]
    tracks = _position_tracks(tree, table_m, offsets)
    root = tracks.pop(0, np.broadcast_to(offsets[0], (len(table_m), 3)))
    names, parents = [node.name for node in tree.nodes], [node.parent for node in tree.nodes]
    if _is_marker(tree, root, rotations[:, 0], tracks):
        marker = rotations[:, 0]
        root = root + quat_apply(marker, torch.from_numpy(tracks.pop(1))).numpy()
        rotations = rotations[:, 1:].clone()
        rotations[:, 0] = quat_multiply(marker, rotations[:, 0])
        names, parents = names[1:], [-1, *(p - 1 for p in parents[2:])]
        tracks = {joint - 1: track for joint, track in tracks.items()}
        ends = [EndSite(end.joint - 1, end.offset) for end in ends]
        offsets = np.vstack([np.zeros((1, 3)), offsets[2:]])
    elif 0 in _positioned(tree):
        offsets[0] = 0.0
    dropped = _settle(offsets, tracks)
    skeleton = Skeleton(source.path.stem, tuple(names), tuple(parents), offsets, ends=tuple(ends))
    return Motion(
        recognize(skeleton, poses=rotations.numpy()),
        fps,
        torch.from_numpy(root.astype(np.float32)),
        rotations.to(torch.float32),
        {"translation_dropped_m": round(dropped, 6)} if dropped > STILL_M else {},
    )


def _positioned(tree: Hierarchy) -> list[int]:
    return [joint for joint, node in enumerate(tree.nodes) if node.positions]


def _position_tracks(
    tree: Hierarchy, table_m: Float[np.ndarray, "T C"], offsets: Float[np.ndarray, "J 3"]
) -> dict[int, Float[np.ndarray, "T 3"]]:
    """joint -> its position in the parent's frame over time, for joints with position channels; meters."""
    tracks = {}
    for joint in _positioned(tree):
        track = np.repeat(offsets[joint][None], len(table_m), axis=0)
        for axis, column in tree.nodes[joint].positions.items():
            # a root's OFFSET is mostly zero, and where it is not, its channels mostly repeat it
            if tree.displaced and (joint or _stays_near_zero(table_m[:, column], offsets[0, axis])):
                track[:, axis] += table_m[:, column]
            else:
                track[:, axis] = table_m[:, column]
        tracks[joint] = track
    return tracks


def _are_displacements(tree: Hierarchy, table: Float[np.ndarray, "T C"]) -> bool:
    """Whether the position channels below the root are added to the OFFSETs: they stay near zero, those do not."""
    moved = offset = 0.0
    for joint in _positioned(tree)[1 if tree.nodes[0].positions else 0 :]:
        node = tree.nodes[joint]
        if len(node.positions) == 3 and node.offset is not None and not _may_be_marked(tree, joint):
            middle = np.median(table[:, [node.positions[axis] for axis in range(3)]], axis=0)
            moved += float(np.linalg.norm(middle))
            offset += float(np.linalg.norm(node.offset))
    return offset > 0 and moved < NEAR_ZERO * offset


def _may_be_marked(tree: Hierarchy, joint: int) -> bool:
    """Whether the joint is the only child of the first node, which may be a floor marker."""
    return joint == 1 and sum(node.parent == 0 for node in tree.nodes) == 1


def _stays_near_zero(track: Float[np.ndarray, " T"], offset: float) -> bool:
    return bool(abs(np.median(track)) < NEAR_ZERO * abs(offset))


def _rotations(tree: Hierarchy, table: Float[np.ndarray, "T C"]) -> Float[torch.Tensor, "T J 4"]:
    """Local rotations, all joints of one channel order at once."""
    rotations = torch.zeros(len(table), len(tree.nodes), 4, dtype=torch.float64)
    rotations[..., 3] = 1.0
    by_order: dict[str, list[int]] = {}
    for joint, node in enumerate(tree.nodes):
        if node.turns:
            by_order.setdefault("".join(_AXES[axis] for axis, _ in node.turns), []).append(joint)
    for order, joints in by_order.items():
        columns = np.array([[column for _, column in tree.nodes[joint].turns] for joint in joints])
        full = order + "".join(axis for axis in _AXES if axis not in order)
        # some frames at a time: what stands between angles and quaternions takes ten times their memory
        for first in range(0, len(table), CHUNK_FRAMES):
            rows = table[first : first + CHUNK_FRAMES]
            angles = np.zeros((len(rows), len(joints), 3))
            angles[..., : len(order)] = np.radians(rows[:, columns])
            rotations[first : first + len(rows), joints] = euler_to_quat(torch.from_numpy(angles), full)
    return rotations


def _is_marker(tree: Hierarchy, root: np.ndarray, turns: torch.Tensor, tracks: dict[int, np.ndarray]) -> bool:
    """Whether node 0 is a floor marker above the root: it stands still, or its only child moves in its frame."""
    if sum(node.parent == 0 for node in tree.nodes) != 1 or len(tree.nodes[1].positions) != 3:
        return False
    if any(joint == 0 for joint, _ in tree.ends):
        return False
    still = np.ptp(root, axis=0).max() <= STILL_M and float((turns - turns[:1]).abs().max()) <= STILL_M
    return bool(still or np.ptp(tracks[1], axis=0).max() > STILL_M)


def _settle(offsets: np.ndarray, tracks: dict[int, np.ndarray]) -> float:
    """Write the mean of each track into ``offsets``; the largest deviation of a track from its mean, meters."""
    farthest = 0.0
    for joint, track in tracks.items():
        mean = track.mean(axis=0)
        farthest = max(farthest, float(np.abs(track - mean).max()))
        if np.abs(mean - offsets[joint]).max() > STILL_M:
            offsets[joint] = mean
    return farthest
