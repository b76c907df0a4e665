"""BVH, Biovision's hierarchy with Euler angles: read strictly and written plainly, centimetres by default.

What the format leaves open is settled so. Position channels *replace* a joint's OFFSET, axis by axis. Rotation
channels turn in the order they are listed, each about the axis the ones before have turned. A first node that has one
child with position channels is a floor marker, as in the Bandai-Namco sets: it is folded into the child, which becomes
the root. Position channels of other joints are read as a rest offset: their mean over time, which replaces the OFFSET
unless both agree to a tenth of a millimetre. Where they move by more than that, ``meta["translation_dropped_m"]`` says
how far. ``Motion.root`` is joint 0's world position. BVH keeps joints depth first, so a skeleton in another order comes
back in that order, with the same names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from jaxtyping import Float

from kinescale.core.conventions import CENTIMETRE, MAX_FPS, MAX_FRAMES, MAX_JOINTS
from kinescale.core.errors import FormatError, InputError
from kinescale.formats._scan import (
    Source,
    Tokens,
    bulk_numbers,
    first_bad_word,
    shown,
    to_count,
    to_name,
    to_number,
    words_per_line,
)
from kinescale.kinematics.rotations import euler_to_quat, quat_apply, quat_multiply
from kinescale.motion.motion import Motion
from kinescale.skeletons import EndSite, Skeleton, recognise

SUFFIXES = (".bvh",)

MAX_FILE_BYTES = 512 * 1024 * 1024
STILL_M = 1e-4
"""How far a position may stray and still count as standing still, metres."""
FAR_M = 1e6
"""No joint is further away than this, metres: larger numbers are damage."""
SNAP = 1.5e-3
"""Largest relative distance at which a rounded frame time is taken for a whole number of frames a second."""

_AXES = "xyz"
_CHANNELS = {f"{axis}{kind}".encode(): (kind, i) for kind in ("POSITION", "ROTATION") for i, axis in enumerate("XYZ")}


@dataclass
class _Node:
    """One joint while the header is read: ``positions`` axis -> column, ``turns`` (axis, column) in order."""

    name: str
    parent: int
    offset: tuple[float, float, float] | None = None
    channels: bool = False
    positions: dict[int, int] = field(default_factory=dict)
    turns: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class _Hierarchy:
    nodes: list[_Node] = field(default_factory=list)
    ends: list[tuple[int, tuple[float, float, float]]] = field(default_factory=list)
    columns: int = 0


def read(path: str | Path, *, unit_m: float = CENTIMETRE) -> Motion:
    """Read a BVH file; ``unit_m`` is the length of its unit in metres.

    Joints get roles where their names are those of a known skeleton. Numbers come back as float32. Raises
    ``FormatError`` naming file and line for anything that is not sound, ``InputError`` for a missing file.
    """
    _check_unit(unit_m)
    source = Source.open(path, MAX_FILE_BYTES)
    tokens = Tokens(source)
    tree = _read_hierarchy(tokens)
    frames, fps = _read_motion_header(tokens)
    table = _read_rows(source, tokens.end, frames, tree.columns)
    return _to_motion(source, tree, table, fps, unit_m)


def _check_unit(unit_m: float) -> None:
    if not (math.isfinite(unit_m) and unit_m > 0):
        raise InputError(f"the unit is {unit_m} m; expected a length above zero, such as 0.01 for centimetres.")


def _read_hierarchy(tokens: Tokens) -> _Hierarchy:
    """The HIERARCHY section, up to and with the word MOTION."""
    tree = _Hierarchy()
    names: set[str] = set()
    tokens.expect(b"HIERARCHY")
    tokens.expect(b"ROOT")
    _open_joint(tokens, tree, names, -1)
    stack = [0]
    while stack:
        joint = stack[-1]
        word = tokens.take("OFFSET, CHANNELS, JOINT, End Site or '}' (a brace is not closed)").upper()
        if word == b"OFFSET":
            if tree.nodes[joint].offset is not None:
                tokens.fail(f"joint '{tree.nodes[joint].name}' has a second OFFSET; expected one.")
            tree.nodes[joint].offset = _read_offset(tokens)
        elif word == b"CHANNELS":
            _read_channels(tokens, tree, joint)
        elif word == b"JOINT":
            _check_complete(tokens, tree.nodes[joint])
            _open_joint(tokens, tree, names, joint)
            stack.append(len(tree.nodes) - 1)
        elif word == b"END":
            _check_complete(tokens, tree.nodes[joint])
            _read_end_site(tokens, tree, joint)
        elif word == b"}":
            _check_complete(tokens, tree.nodes[joint])
            stack.pop()
        else:
            tokens.fail(f"got '{shown(word)}'; expected OFFSET, CHANNELS, JOINT, End Site or '}}'.")
    tokens.expect(b"MOTION", "MOTION after the closing brace of the one ROOT")
    if not tree.columns:
        tokens.fail("no joint has a channel; expected at least one.")
    return tree


def _open_joint(tokens: Tokens, tree: _Hierarchy, names: set[str], parent: int) -> None:
    words: list[bytes] = []
    while (word := tokens.take("a joint name and '{'")) != b"{":
        words.append(word)
        if len(words) > 16 or word == b"}":
            tokens.fail("a joint name of this kind is not taken; expected a name and '{'.")
    name = to_name(b"_".join(words)) if words else None
    if name is None:
        tokens.fail(f"got '{shown(b' '.join(words))}' for a joint name; expected short printable UTF-8.")
    if name in names:
        tokens.fail(f"a second joint is named '{name}'; expected unique names.")
    if len(tree.nodes) == MAX_JOINTS:
        tokens.fail(f"more than {MAX_JOINTS} joints; expected at most that many.")
    names.add(name)
    tree.nodes.append(_Node(name, parent))


def _read_offset(tokens: Tokens) -> tuple[float, float, float]:
    return (tokens.number("an offset"), tokens.number("an offset"), tokens.number("an offset"))


def _read_end_site(tokens: Tokens, tree: _Hierarchy, joint: int) -> None:
    for word in (b"SITE", b"{", b"OFFSET"):
        tokens.expect(word)
    if len(tree.ends) == MAX_JOINTS:
        tokens.fail(f"more than {MAX_JOINTS} end sites; expected at most that many.")
    tree.ends.append((joint, _read_offset(tokens)))
    tokens.expect(b"}")


def _read_channels(tokens: Tokens, tree: _Hierarchy, joint: int) -> None:
    node = tree.nodes[joint]
    if node.channels:
        tokens.fail(f"joint '{node.name}' has a second CHANNELS; expected one.")
    word = tokens.take("the number of channels")
    count = to_count(word)
    if count is None or not 0 <= count <= 6:
        tokens.fail(f"got '{shown(word)}' channels; expected 0 to 6.")
    for _ in range(count):
        word = tokens.take("a channel name").upper()
        if word not in _CHANNELS:
            tokens.fail(f"got '{shown(word)}' for channel of '{node.name}'; expected {count} names such as Xrotation.")
        kind, axis = _CHANNELS[word]
        if axis in (node.positions if kind == "POSITION" else [a for a, _ in node.turns]):
            tokens.fail(f"joint '{node.name}' has the channel {shown(word)} twice; expected each once.")
        if kind == "POSITION":
            node.positions[axis] = tree.columns
        else:
            node.turns.append((axis, tree.columns))
        tree.columns += 1
    node.channels = True


def _check_complete(tokens: Tokens, node: _Node) -> None:
    if node.offset is None or not node.channels:
        what = "OFFSET" if node.offset is None else "CHANNELS"
        tokens.fail(f"joint '{node.name}' has no {what} before this; expected OFFSET and CHANNELS first.")


def _read_motion_header(tokens: Tokens) -> tuple[int, float]:
    """``Frames:`` and ``Frame Time:``."""
    tokens.expect(b"Frames:")
    word = tokens.take("the number of frames")
    frames = to_count(word)
    if frames is None or not 1 <= frames <= MAX_FRAMES:
        tokens.fail(f"got '{shown(word)}' frames; expected 1 to {MAX_FRAMES}.")
    tokens.expect(b"Frame")
    tokens.expect(b"Time:")
    word = tokens.take("the frame time")
    seconds = to_number(word)
    if seconds is None or not 1 / (MAX_FPS * (1 + SNAP)) <= seconds <= 1e12:
        tokens.fail(f"got '{shown(word)}' for the frame time; expected seconds, at least {1 / MAX_FPS:g}.")
    return frames, min(_frame_rate(word.decode()), MAX_FPS)


def _frame_rate(text: str) -> float:
    """Frames a second of a frame time as written.

    Frame times are rounded in files: a whole rate is taken when it is near and the text is that rate's frame time to
    within one unit of its last digit, so that 0.033333 is 30 and 0.033367 stays 29.97.
    """
    with localcontext() as context:
        context.prec = 40
        seconds = Decimal(text)
        rate = 1 / seconds
        whole = rate.to_integral_value()
        unit = Decimal(1).scaleb(int(seconds.as_tuple().exponent))
        if whole and abs(rate / whole - 1) <= Decimal(SNAP) and abs(seconds - 1 / whole) <= unit:
            return float(whole)
        return float(rate)


def _read_rows(source: Source, start: int, frames: int, columns: int) -> Float[np.ndarray, "T C"]:
    """The rows of numbers after the frame time, in bulk; the offending line is sought only on failure."""
    block = source.data[start:]
    lines, counts = words_per_line(block)
    if lines.size == frames and lines[0] > 0 and bool((counts == columns).all()):
        values = bulk_numbers(block)
        if values is not None and values.size == frames * columns and bool(np.isfinite(values).all()):
            return values.reshape(frames, columns)
    _refuse_rows(source, start, lines + source.line(start), counts, (frames, columns))


def _refuse_rows(source: Source, start: int, lines: np.ndarray, counts: np.ndarray, shape: tuple[int, int]) -> NoReturn:
    """Raise ``FormatError`` for the first row that is not as it should be; ``lines`` are 1-based."""
    frames, columns = shape
    found: list[tuple[int, str]] = []
    if lines.size and lines[0] == source.line(start):
        found.append((int(lines[0]), "more follows the frame time; expected the frames to begin on the next line."))
    wrong = np.flatnonzero(counts != columns)
    if wrong.size:
        row = wrong[0]
        text = f"frame {row + 1} holds {counts[row]} numbers; expected {columns}, one for each channel."
        found.append((int(lines[row]), text))
    if lines.size > frames:
        found.append((int(lines[frames]), f"{lines.size} frames follow; expected {frames}, as 'Frames:' says."))
    if lines.size < frames:
        last = int(lines[-1]) if lines.size else source.line(start)
        found.append((last + 1, f"the file ends after {lines.size} frames; expected {frames}, as 'Frames:' says."))
    position = first_bad_word(source.data, start)
    if position is not None:
        word = source.data[position : position + 64].split()[0]
        found.append((source.line(position), f"got '{shown(word)}'; expected a finite number."))
    values = bulk_numbers(source.data[start:]) if position is None else None
    if values is not None and not np.isfinite(values).all():
        row = int(np.searchsorted(np.cumsum(counts), np.flatnonzero(~np.isfinite(values))[0], side="right"))
        found.append((int(lines[row]), "a number is too large; expected finite numbers."))
    line, text = min(found, default=(source.line(start), "the frames cannot be read; expected rows of numbers."))
    raise FormatError(text, path=source.path, line=line)


def _to_motion(source: Source, tree: _Hierarchy, table: Float[np.ndarray, "T C"], fps: float, unit_m: float) -> Motion:
    """Columns to a root track, rotations and a skeleton."""
    offsets = np.array([node.offset for node in tree.nodes]) * unit_m
    ends = [EndSite(joint, (x * unit_m, y * unit_m, z * unit_m)) for joint, (x, y, z) in tree.ends]
    reach = max([float(np.abs(offsets).max()), *(abs(v) for end in ends for v in end.offset)])
    if reach > FAR_M:
        source.fail(f"an offset of {reach:g} m; expected at most {FAR_M:g} m (is the unit of {unit_m:g} m right?).", 0)
    tracks = _position_tracks(source, tree, table * unit_m, offsets)
    rotations = _rotations(tree, table)
    root = tracks.pop(0, np.broadcast_to(offsets[0], (len(table), 3)))
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
        recognise(skeleton),
        fps,
        torch.from_numpy(root.astype(np.float32)),
        rotations.to(torch.float32),
        {"translation_dropped_m": round(dropped, 6)} if dropped > STILL_M else {},
    )


def _positioned(tree: _Hierarchy) -> list[int]:
    return [joint for joint, node in enumerate(tree.nodes) if node.positions]


def _position_tracks(
    source: Source, tree: _Hierarchy, table_m: Float[np.ndarray, "T C"], offsets: Float[np.ndarray, "J 3"]
) -> dict[int, Float[np.ndarray, "T 3"]]:
    """joint -> its position in the parent's frame over time, for joints with position channels; metres."""
    tracks = {}
    for joint in _positioned(tree):
        track = np.repeat(offsets[joint][None], len(table_m), axis=0)
        for axis, column in tree.nodes[joint].positions.items():
            track[:, axis] = table_m[:, column]
        if np.abs(track).max() > FAR_M:
            name = tree.nodes[joint].name
            source.fail(f"joint '{name}' is {np.abs(track).max():g} m away; expected at most {FAR_M:g} m.", 0)
        tracks[joint] = track
    return tracks


def _rotations(tree: _Hierarchy, table: Float[np.ndarray, "T C"]) -> Float[torch.Tensor, "T J 4"]:
    """Local rotations, all joints of one channel order at once."""
    rotations = torch.zeros(len(table), len(tree.nodes), 4, dtype=torch.float64)
    rotations[..., 3] = 1.0
    by_order: dict[str, list[int]] = {}
    for joint, node in enumerate(tree.nodes):
        if node.turns:
            by_order.setdefault("".join(_AXES[axis] for axis, _ in node.turns), []).append(joint)
    for order, joints in by_order.items():
        columns = np.array([[column for _, column in tree.nodes[joint].turns] for joint in joints])
        angles = np.zeros((len(table), len(joints), 3))
        angles[..., : len(order)] = np.radians(table[:, columns])
        full = order + "".join(axis for axis in _AXES if axis not in order)
        rotations[:, joints] = euler_to_quat(torch.from_numpy(angles), full)
    return rotations


def _is_marker(tree: _Hierarchy, root: np.ndarray, turns: torch.Tensor, tracks: dict[int, np.ndarray]) -> bool:
    """Whether node 0 only carries its one child about: it stands still, or the child moves in its frame."""
    if sum(node.parent == 0 for node in tree.nodes) != 1 or len(tree.nodes[1].positions) != 3:
        return False
    if any(joint == 0 for joint, _ in tree.ends):
        return False
    still = np.ptp(root, axis=0).max() <= STILL_M and float((turns - turns[:1]).abs().max()) <= STILL_M
    return bool(still or np.ptp(tracks[1], axis=0).max() > STILL_M)


def _settle(offsets: np.ndarray, tracks: dict[int, np.ndarray]) -> float:
    """Write the mean of each position track into ``offsets``; the farthest that a track strays from it, metres."""
    farthest = 0.0
    for joint, track in tracks.items():
        mean = track.mean(axis=0)
        farthest = max(farthest, float(np.abs(track - mean).max()))
        if np.abs(mean - offsets[joint]).max() > STILL_M:
            offsets[joint] = mean
    return farthest
