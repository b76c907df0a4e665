"""CSV files of joint positions, meters: one row per frame, three columns per joint, for spreadsheets and plots.

Columns: ``frame`` (from 0), ``time_s``, then ``<joint>_x``, ``<joint>_y`` and ``<joint>_z`` for every joint, world
positions to a micrometer. The header is quoted as in RFC 4180 where a joint's name requires it. Rotations, parents and
end sites are not in the file: a reader finds the skeleton by its joints' names, takes bone lengths from the track
and rotations by inverse kinematics, so positions are restored, but not the twists of bones.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from kinescale.core.conventions import MAX_FPS, MAX_FRAMES, MAX_JOINTS, NATIVE_FPS
from kinescale.core.errors import FormatError, InputError
from kinescale.core.files import atomic_write_text
from kinescale.formats.base.world import WorldOptions
from kinescale.io.text_scanner import LARGEST, Source, bulk_numbers, first_bad_word, shown, sound, words_per_line
from kinescale.motion.from_positions import motion_from_positions
from kinescale.motion.motion import Motion
from kinescale.skeletons import FAMILY, Skeleton, get

SUFFIXES = (".csv",)

MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_HEADER_BYTES = 1024 * 1024
FARTHEST_M = 1e5
"""Farthest position from the origin, meters; larger numbers are in another unit."""
FREE_POSES, BYTES_A_POSE = 20_000, 24
"""Most frames times joints: a constant, plus one per so many bytes; bounds the time of inverse kinematics."""
STRETCH, SLACK_M = 4.0, 0.05
"""Largest variation of a bone's length between its shorter and longer frames: a factor and a length."""
TIME_TOLERANCE = 0.01
"""Largest deviation of a time from even spacing, as a share of a frame."""

_LEAD = ("frame", "time_s")
_AXES = "xyz"


def write(motion: Motion, path: str | Path) -> None:
    """Write world positions of all joints atomically; an existing file is replaced."""
    positions = motion.to(torch.float64).positions().detach().cpu().numpy().reshape(len(motion), -1)
    farthest = float(np.abs(positions).max())
    if farthest > FARTHEST_M:
        raise InputError(f"a position of {farthest:g} m; the file takes at most {FARTHEST_M:g}: is the unit right?")
    head = io.StringIO()
    columns = [f"{joint}_{axis}" for joint in motion.skeleton.joints for axis in _AXES]
    csv.writer(head, lineterminator="\n").writerow([*_LEAD, *columns])
    form = "%d,%.9f," + ",".join(["%.6f"] * positions.shape[1])
    table = (np.round(positions, 6) + 0.0).tolist()
    rows = [form % (frame, frame / motion.fps, *row) for frame, row in enumerate(table)]
    atomic_write_text(path, head.getvalue() + "\n".join([*rows, ""]))


def read(path: str | Path, *, skeleton: str | None = None, fps: float | None = None) -> Motion:
    """Read positions and solve for rotations by inverse kinematics.

    ``skeleton`` names the bundled skeleton whose joints the columns are; by default the one that has exactly these
    joints. Columns of other joints are ignored when it is given. ``fps`` replaces the rate of ``time_s``. Raises
    ``FormatError`` naming the line, ``InputError`` for a skeleton or a rate that does not fit.
    """
    WorldOptions(fps=fps)  # checks the rate
    named = None if skeleton is None else get(skeleton)
    source = Source.open(path, MAX_FILE_BYTES)
    columns, start = _read_header(source)
    joints = _joints(source, columns)
    tree = _skeleton(source, joints, named)
    table = _read_rows(source, start, len(columns))
    rate = _rate(source, start, table[:, 1]) if fps is None else fps
    order = [joints.index(joint) for joint in tree.joints]
    positions = table[:, 2:].reshape(len(table), -1, 3)[:, order]
    _check_bones(source, positions, tree)
    motion = motion_from_positions(torch.from_numpy(positions), tree, rate)
    return motion.to(torch.float32)


def _read_header(source: Source) -> tuple[list[str], int]:
    """Column names, and the byte position of the first row."""
    stop = source.data.find(b"\n", 0, MAX_HEADER_BYTES)
    line = source.data[: stop if stop >= 0 else min(len(source.data), MAX_HEADER_BYTES)]
    try:
        rows = list(csv.reader([line.decode("utf-8").rstrip("\r")], strict=True))
    except (UnicodeDecodeError, csv.Error) as problem:
        source.fail(f"the header cannot be read ({str(problem)[:60]}); expected column names in UTF-8.", 0)
    columns = [name.strip() for name in rows[0]] if rows else []
    if tuple(columns[:2]) != _LEAD:
        got = shown(",".join(columns[:2]).encode()) if columns else "an empty line"
        source.fail(f"got '{got}'; expected a header that begins with frame,time_s.", 0)
    return columns, stop + 1 if stop >= 0 else len(source.data)


def _joints(source: Source, columns: list[str]) -> list[str]:
    """Joint names, from groups of three columns."""
    names, rest = [], columns[2:]
    if len(rest) % 3 or not 3 <= len(rest) <= 3 * MAX_JOINTS:
        source.fail(f"{len(rest)} columns of positions; expected three per joint, for 1 to {MAX_JOINTS} joints.", 0)
    for at in range(0, len(rest), 3):
        name = rest[at].removesuffix("_x")
        if rest[at : at + 3] != [f"{name}_{axis}" for axis in _AXES] or not name:
            got = shown(",".join(rest[at : at + 3]).encode(), 90)
            source.fail(f"got the columns '{got}'; expected JOINT_x,JOINT_y,JOINT_z.", 0)
        names.append(name)
    if len(set(names)) != len(names):
        source.fail("a joint stands twice in the header.", 0)
    return names


def _skeleton(source: Source, joints: list[str], named: Skeleton | None) -> Skeleton:
    """The bundled skeleton of these joints."""
    if named is not None:
        missing = [joint for joint in named.joints if joint not in joints]
        if missing:
            text = f"has no columns for '{missing[0]}' of the skeleton '{named.name}'; name another skeleton."
            raise InputError(f"{source.path}: {text}")
        return named
    for name in FAMILY.names():
        known = get(name)
        if set(known.joints) == set(joints):
            return known
    got, known = shown(", ".join(joints).encode(), 80), ", ".join(FAMILY.names())
    text = f"no known skeleton has just the joints {got}; give one of {known} as 'skeleton' if its joints are there."
    raise source.problem(text, 0)


def _read_rows(source: Source, start: int, columns: int) -> Float[np.ndarray, "T C"]:
    """The numbers of all rows; blank lines are ignored; the line of an error is searched only on failure."""
    block = source.data[start:]
    if block.count(b"\n") > MAX_FRAMES:
        source.fail(f"more than {MAX_FRAMES} lines follow the header.", start)
    words = block.replace(b",", b" ")
    lines, counts = words_per_line(words)
    if not lines.size:
        source.fail("no rows follow the header; expected at least one.")
    if bool((counts == columns).all()) and not _loose_cells(block, words, columns).size:
        values = bulk_numbers(words)
        if values is not None and values.size == lines.size * columns:
            table = values.reshape(lines.size, columns)
            bad = np.flatnonzero(~(np.abs(table[:, 2:]) <= FARTHEST_M).all(axis=1))
            if not bad.size and sound(values):
                return table
            if bad.size:
                farthest = np.abs(table[bad[0], 2:]).max()
                text = f"a position of {farthest:g} m; expected at most {FARTHEST_M:g}, in meters."
                raise FormatError(text, path=source.path, line=source.line(start) + int(lines[bad[0]]))
    raise _row_problem(source, start, (lines, counts, columns))


def _loose_cells(block: bytes, words: bytes, columns: int) -> Int[np.ndarray, " N"]:
    """Where words of a row do not have exactly one comma between them, as byte positions in the block."""
    raw = np.frombuffer(words, dtype=np.uint8)
    starts = raw > 32
    starts[1:] &= raw[:-1] <= 32
    at = np.flatnonzero(starts)
    commas = np.cumsum(np.frombuffer(block, dtype=np.uint8) == ord(","), dtype=np.int32)
    before = commas[at].reshape(-1, columns)
    loose = np.diff(before, axis=1) != 1
    # nor may commas be before the first word of a row, or after its last
    ends = np.append(before[1:, 0], commas[-1]) - before[:, 0] != columns - 1
    return np.append(at.reshape(-1, columns)[:, 1:][loose], at.reshape(-1, columns)[ends, 0])


def _row_problem(source: Source, start: int, rows: tuple[np.ndarray, np.ndarray, int]) -> FormatError:
    """The error of the first invalid row."""
    lines, counts, columns = rows
    block = source.data[start:]
    words = block.replace(b",", b" ")
    found: list[tuple[int, str]] = []
    wrong = np.flatnonzero(counts != columns)
    if wrong.size:
        row = int(wrong[0])
        text = f"{counts[row]} numbers; expected {columns}, as in the header."
        found.append((source.line(start) + int(lines[row]), text))
    else:
        loose = _loose_cells(block, words, columns)
        if loose.size:
            text = "cells that are empty or hold two numbers; expected one number in each."
            found.append((source.line(start + int(loose.min())), text))
    position = first_bad_word(words, 0, len(words))
    if position is not None:
        word = shown(words[position : position + 64].split()[0])
        found.append((source.line(start + position), f"got '{word}'; expected a number."))
    line, text = min(found, default=(source.line(start), f"numbers must be at most {LARGEST:g}."))
    return FormatError(text, path=source.path, line=line)


def _check_bones(source: Source, positions: Float[np.ndarray, "T J 3"], skeleton: Skeleton) -> None:
    """Refuse tracks that are no body with rigid bones, before the costly inverse kinematics."""
    poses, most = positions.shape[0] * positions.shape[1], FREE_POSES + len(source.data) // BYTES_A_POSE
    if poses > most:
        source.fail(f"{poses} joint positions in a file of this size; expected at most {most}: cut it into parts.")
    parents = np.array(skeleton.parents[1:], dtype=np.int64)
    lengths = np.linalg.norm(positions[:, 1:] - positions[:, parents], axis=-1)
    short, long = np.quantile(lengths, (0.05, 0.95), axis=0)
    loose = np.flatnonzero(long > STRETCH * short + SLACK_M)
    if loose.size:
        joint = int(loose[0])
        shown_m = f"{short[joint]:.3g} to {long[joint]:.3g} m"
        source.fail(
            f"the bone to '{skeleton.joints[joint + 1]}' goes from {shown_m}; expected bones that keep a length.", 0
        )


def _rate(source: Source, start: int, times: Float[np.ndarray, " T"]) -> float:
    """Frames per second of evenly spaced times, to nine digits; 30 where there is one frame only."""
    if len(times) == 1:
        return NATIVE_FPS
    span = float(times[-1] - times[0])
    rate = (len(times) - 1) / span if span > 0 else 0.0
    if not 0 < rate <= MAX_FPS * (1 + 1e-6):
        source.fail(f"time_s goes on by {span:g} s in {len(times)} rows; expected rising times of a fixed rate.", start)
    away = np.abs((times - times[0]) * rate - np.arange(len(times)))
    if away.max() > TIME_TOLERANCE:
        line = source.line(start) + int(np.argmax(away > TIME_TOLERANCE))
        raise FormatError("time_s is not evenly spaced; resample the positions first.", path=source.path, line=line)
    whole = round(rate)
    # times are written to a nanosecond
    return min(float(whole) if abs(rate - whole) * span < 1e-6 * rate else float(f"{rate:.9g}"), MAX_FPS)
