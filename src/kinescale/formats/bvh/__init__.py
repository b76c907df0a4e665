"""BVH, Biovision's hierarchy with Euler angles: read strictly and written plainly, centimeters by default.

What the format leaves open is settled so. Position channels *replace* a joint's OFFSET, axis by axis.
Rotation channels turn in the order they are listed, each about the axis the ones before have turned. A first
node that has one child with position channels is a floor marker, as in the Bandai-Namco sets: it is folded
into the child, which becomes the root. Position channels of other joints are read as a rest offset: their
mean over time, which replaces the OFFSET unless both agree to a tenth of a millimeter. Where they move by
more than that, ``meta["translation_dropped_m"]`` says how far. Where such channels stay near zero although the
OFFSETs do not, they are displacements, and are added. ``Motion.root`` is joint 0's world position. BVH keeps joints
depth first, so a skeleton in another order comes back in that order, with the same names.

A file says neither its unit nor its up axis: those are settled by the body (``_world``). What other programs write
though the format does not have it (a row more than ``Frames:`` says, equal names, names in a legacy encoding, rows
over several lines, names after ``End Site``) is read with a note; ``strict`` refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from kinescale.core.conventions import CENTIMETER
from kinescale.core.errors import InputError
from kinescale.core.files import atomic_write_text
from kinescale.formats.base.notes import with_notes
from kinescale.formats.base.world import Stated, check_unit, in_likely_unit, upright
from kinescale.formats.bvh.header import Hierarchy, frame_rate, read_hierarchy, read_motion_header
from kinescale.formats.bvh.rows import read_rows
from kinescale.io.text_scanner import LARGEST, MAX_NAME, Source, Tokens, sound
from kinescale.kinematics.rotations import euler_to_quat, quat_apply, quat_multiply, quat_to_euler
from kinescale.motion.motion import Motion
from kinescale.rigging import recognize
from kinescale.skeletons import EndSite, Skeleton

SUFFIXES = (".bvh",)

MAX_FILE_BYTES = 512 * 1024 * 1024
STILL_M = 1e-4
"""How far a position may stray and still count as standing still, meters."""
END_M = 0.05
"""Length of an end site that is made up, meters."""

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
    """Read a BVH file.

    ``unit_m`` (meters a unit), ``up`` ("y", "z" ...) and ``fps`` state what the file does not say or says wrong; by
    default centimeters and Y up unless the body shows otherwise, and the file's frame time. ``strict`` refuses what
    would be read with a note. Joints get roles where they are recognized. Numbers come back as float32. Raises
    ``FormatError`` naming file and line for anything that is not sound, ``InputError`` for a missing file.
    """
    stated = Stated(up, unit_m, fps)
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
        motion, told = build(unit_m), ()
    else:
        motion, told = in_likely_unit(build, CENTIMETER)
    notes += told
    if tree.displaced:
        notes.append("position channels below the root stay near zero: they are added to the OFFSETs.")
    motion, told = upright(motion, stated.up, identity_rest=True)
    return with_notes(motion, [*notes, *told])


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
    """Whether node 0 only carries its one child about: it stands still, or the child moves in its frame."""
    if sum(node.parent == 0 for node in tree.nodes) != 1 or len(tree.nodes[1].positions) != 3:
        return False
    if any(joint == 0 for joint, _ in tree.ends):
        return False
    still = np.ptp(root, axis=0).max() <= STILL_M and float((turns - turns[:1]).abs().max()) <= STILL_M
    return bool(still or np.ptp(tracks[1], axis=0).max() > STILL_M)


def _settle(offsets: np.ndarray, tracks: dict[int, np.ndarray]) -> float:
    """Write the mean of each track into ``offsets``; the farthest that a track strays from it, meters."""
    farthest = 0.0
    for joint, track in tracks.items():
        mean = track.mean(axis=0)
        farthest = max(farthest, float(np.abs(track - mean).max()))
        if np.abs(mean - offsets[joint]).max() > STILL_M:
            offsets[joint] = mean
    return farthest


def write(motion: Motion, path: str | Path, *, unit_m: float = CENTIMETER) -> None:
    """Write a BVH file, whole or not at all, in units of ``unit_m`` meters; an existing file is replaced.

    The root gets six channels and an OFFSET of zero, so that readers that add the two agree with those that
    replace. Leaves without an end site get a short one, which some readers need. BVH has no place for
    ``meta``.
    """
    check_unit(unit_m)
    if not sound(motion.skeleton.offsets / unit_m):
        raise InputError(f"the skeleton has bones above {LARGEST:g} units of {unit_m:g} m; name a larger unit.")
    joints = _depth_first(motion.skeleton)
    head = _hierarchy_lines(motion.skeleton, joints, unit_m)
    rows = _row_lines(motion, joints, unit_m)
    middle = ["MOTION", f"Frames: {len(motion)}", f"Frame Time: {_frame_time(motion.fps)}"]
    atomic_write_text(path, "\n".join([*head, *middle, *rows, ""]))


def _depth_first(skeleton: Skeleton) -> list[int]:
    order: list[int] = []
    waiting = [0]
    while waiting:
        joint = waiting.pop()
        order.append(joint)
        waiting.extend(reversed(skeleton.children[joint]))
    return order


def _hierarchy_lines(skeleton: Skeleton, joints: list[int], unit_m: float) -> list[str]:
    names = _safe_names(skeleton.joints)
    ends: dict[int, list[tuple[float, float, float]]] = {}
    for end in skeleton.ends:
        ends.setdefault(end.joint, []).append(end.offset)
    lines = ["HIERARCHY"]
    open_joints: list[int] = []
    for joint in joints:
        while open_joints and open_joints[-1] != skeleton.parents[joint]:
            open_joints.pop()
            lines.append("\t" * len(open_joints) + "}")
        tab = "\t" * len(open_joints)
        lines += [f"{tab}{'JOINT' if open_joints else 'ROOT'} {names[joint]}", f"{tab}{{"]
        offset = skeleton.offsets[joint] if joint else np.zeros(3)
        lines.append(f"{tab}\tOFFSET {_numbers(offset, unit_m)}")
        position = "" if open_joints else "Xposition Yposition Zposition "
        lines.append(f"{tab}\tCHANNELS {3 if open_joints else 6} {position}Zrotation Yrotation Xrotation")
        tips = ends.get(joint, [] if skeleton.children[joint] else [_invented_end(skeleton, joint)])
        for tip in tips:
            lines += [
                f"{tab}\tEnd Site",
                f"{tab}\t{{",
                f"{tab}\t\tOFFSET {_numbers(tip, unit_m)}",
                f"{tab}\t}}",
            ]
        open_joints.append(joint)
    while open_joints:
        open_joints.pop()
        lines.append("\t" * len(open_joints) + "}")
    return lines


def _numbers(values: Sequence[float] | np.ndarray, unit_m: float) -> str:
    return " ".join(f"{float(np.round(value / unit_m, 6)) + 0.0:.6f}" for value in values)


def _invented_end(skeleton: Skeleton, joint: int) -> tuple[float, float, float]:
    """A tip that goes on along the bone."""
    offset = skeleton.offsets[joint]
    length = float(np.linalg.norm(offset))
    x, y, z = offset * (END_M / length) if joint and length > 1e-9 else (0.0, END_M, 0.0)
    return (float(x), float(y), float(z))


def _safe_names(joints: tuple[str, ...]) -> list[str]:
    """Names as BVH can hold them: no white space, braces or control characters, and still unique."""
    names: list[str] = []
    taken: set[str] = set()
    for joint in joints:
        stem = re.sub(r"[\s{}]+", "_", joint.strip())
        stem = "".join(c for c in stem if c.isprintable()).encode()[: MAX_NAME - 8].decode(errors="ignore") or "joint"
        name, count = stem, 1
        while name in taken:
            count += 1
            name = f"{stem}_{count}"
        taken.add(name)
        names.append(name)
    return names


def _row_lines(motion: Motion, joints: list[int], unit_m: float) -> list[str]:
    rotations = motion.rotations.detach().cpu().double()[:, joints]
    rotations = rotations / rotations.norm(dim=-1, keepdim=True)
    angles = np.degrees(quat_to_euler(rotations, "zyx").numpy()).reshape(len(motion), -1)
    # Whole turns are taken out, so that a curve editor shows no jumps from 180 to -180.
    angles = np.unwrap(angles, axis=0, period=360.0)
    root = motion.root.detach().cpu().double().numpy() / unit_m
    table = np.round(np.hstack([root, angles]), 6) + 0.0
    if not sound(table):
        raise InputError(f"the motion makes numbers above {LARGEST:g} in units of {unit_m:g} m; name a larger unit.")
    form = " ".join(["%.6f"] * table.shape[1])
    return [form % tuple(row) for row in table.tolist()]


def _frame_time(fps: float) -> str:
    """The shortest frame time that is read back as exactly ``fps``."""
    with localcontext() as context:
        context.prec = 40
        exact = 1 / Decimal(fps)
    for digits in (8, 12, 20):
        with localcontext() as context:
            context.prec = digits
            text = format((+exact).normalize(), "f")
        if frame_rate(text) == fps:
            break
    return text
