"""ASF/AMC motion files (Acclaim skeleton and motion pair, as in CMU and HDM05); read only.

The skeleton is in an ``.asf`` file next to the ``.amc``. Lengths are scaled inches (meters = value / unit * 0.0254).
A bone's local rotation is C M C^-1 with C its axis frame and M the frame's angles about fixed axes in the
axis' order: "XYZ" is Rz Ry Rx. AMC has no frame rate; both corpora were captured at 120.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from jaxtyping import Float

from kinescale.core.conventions import MAX_FRAMES
from kinescale.core.errors import InputError
from kinescale.formats.asfamc.asf import LINE, Asf, read_asf
from kinescale.formats.base.world import WorldOptions
from kinescale.io.text_scanner import LARGEST, Source, bulk_numbers, shown, sound, to_number, words_per_line
from kinescale.kinematics.rotations import euler_to_quat, quat_conjugate, quat_multiply
from kinescale.motion.motion import Motion

SUFFIXES = (".amc",)

MAX_FILE_BYTES = 512 * 1024 * 1024
CAPTURE_FPS = 120.0

_NAMES = re.compile(rb"^[ \t]*([A-Za-z_][^\s]*)", re.MULTILINE)


def read(path: str | Path, *, asf: str | Path | None = None, fps: float = CAPTURE_FPS) -> Motion:
    """Read an AMC file with its skeleton.

    ``asf`` names the skeleton file; otherwise it is searched next to the AMC: the same name, the longest
    name that is a prefix of the AMC's (``01.asf`` of ``01_02.amc``), or the only one in the folder. Numbers come
    back as float32. Raises ``FormatError`` naming file and line, ``InputError`` for a missing file.
    """
    WorldOptions(fps=fps)  # checks the rate
    path = Path(path)
    source = Source.open(path, MAX_FILE_BYTES)
    skeleton_path = find_asf(path) if asf is None else Path(asf)
    skeleton = _cached_asf(skeleton_path, *_stamp(skeleton_path))
    start, angle = _read_header(source, skeleton.angle)
    widths = {0: len(skeleton.order), **{joint: len(dof) for joint, dof in enumerate(skeleton.dofs) if dof}}
    names = {skeleton.skeleton.joints[joint].encode(): joint for joint in widths}
    values, order = _read_frames(source, start, names, widths)
    return _to_motion(skeleton, values, order, angle, fps)


def find_asf(path: str | Path) -> Path:
    """The skeleton file next to an AMC file; ``InputError`` when none fits."""
    path = Path(path)
    candidates = sorted(file for file in path.parent.iterdir() if file.suffix.lower() == ".asf")
    fits = [file for file in candidates if path.stem == file.stem or path.stem.startswith(file.stem + "_")]
    if fits:
        return max(fits, key=lambda file: len(file.stem))
    if len(candidates) == 1:
        return candidates[0]
    have = f"{len(candidates)} .asf files, none of its name" if candidates else "no .asf file"
    raise InputError(f"{path}: no skeleton found (the folder has {have}); name the skeleton file with the option asf.")


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as problem:
        raise InputError(f"{path}: cannot be read ({problem.strerror}); name the skeleton file.") from None
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=64)
def _cached_asf(path: Path, _changed_ns: int, _size: int) -> Asf:
    return read_asf(path)


def _read_header(source: Source, angle: float) -> tuple[int, float]:
    """Position of the first frame's number, and radians of one unit of angle."""
    for match in LINE.finditer(source.data):
        word = match.group().split()[0]
        if word.startswith(b"#"):
            continue
        if not word.startswith(b":"):
            return match.start(), angle
        if word.upper() == b":DEGREES":
            angle = float(np.radians(1.0))
        elif word.upper() == b":RADIANS":
            angle = 1.0
        elif word.upper() != b":FULLY-SPECIFIED":
            source.fail(f"got '{shown(word)}'; expected :FULLY-SPECIFIED, :DEGREES or :RADIANS.", match.start())
    raise source.problem("there are no frames; expected at least one.")


def _read_frames(
    source: Source, start: int, names: dict[bytes, int], widths: dict[int, int]
) -> tuple[Float[np.ndarray, "T C"], list[int]]:
    """Values of all frames, and the joints in the order of their columns.

    Files repeat the first frame's layout, so all is read in bulk and compared with it; other files go to the slow
    reader, which accepts bones in any order and finds the line of an error.
    """
    block = source.data[start:]
    layout = _first_layout(block, len(names))
    order = [names.get(name, -1) for name in layout]
    if sorted(order) == sorted(widths):
        lines, counts = words_per_line(block)
        pattern = np.array([1, *(1 + widths[joint] for joint in order)])
        wrong = np.flatnonzero(counts != np.resize(pattern, counts.size))
        frames, rest = divmod(counts.size, pattern.size)
        if not (wrong.size or rest) and frames <= MAX_FRAMES:
            values = _bulk(block, layout, frames, 1 + sum(widths.values()))
            if values is not None:
                return values, order
        else:
            # an error is in the frame of the first deviating line or the one before: these are read first, since
            # reading a long file line by line takes seconds; bones in another order are no error
            frame = (int(wrong[0]) if wrong.size else counts.size) // pattern.size - 1
            if frame > 0:
                line = int(lines[frame * pattern.size]) + source.line(start)
                _slow_frames(source, source.line_start(line, start), names, widths)
    return _slow_frames(source, start, names, widths), list(widths)


def _first_layout(block: bytes, count: int) -> list[bytes]:
    found = []
    for match in _NAMES.finditer(block):
        found.append(match.group(1))
        if len(found) == count:
            break
    return found


def _bulk(block: bytes, layout: list[bytes], frames: int, width: int) -> Float[np.ndarray, "T C"] | None:
    """The numbers without frame numbers; ``None`` when anything deviates from the layout."""
    if _NAMES.findall(block) != layout * frames:
        return None
    values = bulk_numbers(_NAMES.sub(b"", block))
    if values is None or values.size != frames * width or not sound(values):
        return None
    table = values.reshape(frames, width)
    if table[0, 0] != np.floor(table[0, 0]) or bool((np.diff(table[:, 0]) != 1).any()):
        return None
    return table[:, 1:]


def _slow_frames(
    source: Source, start: int, names: dict[bytes, int], widths: dict[int, int]
) -> Float[np.ndarray, "T C"]:
    """Line by line: bones in any order, and errors that name the line. Columns are in the order of ``widths``."""
    frames: list[list[float]] = []
    frame: dict[int, list[float]] = {}
    number: int | None = None

    def close(position: int) -> None:
        missing = next((name for name, joint in names.items() if joint not in frame), None)
        if missing is not None:
            source.fail(f"frame {number} has no values for '{shown(missing)}'; expected every bone.", position)
        frames.append([value for joint in widths for value in frame[joint]])

    for match in LINE.finditer(source.data, start):
        words = match.group().split()
        if len(words) == 1:
            count = to_number(words[0])
            if count is None or count % 1 or (number is not None and count != number + 1):
                wanted = "a frame number" if number is None else f"frame number {number + 1}"
                raise source.problem(f"got '{shown(words[0])}'; expected {wanted}.", match.start())
            if number is not None:
                close(match.start())
            if len(frames) == MAX_FRAMES:
                source.fail(f"more than {MAX_FRAMES} frames; expected at most that many.", match.start())
            frame, number = {}, int(count)
            continue
        joint = names.get(words[0], -1)
        if number is None or joint < 0 or joint in frame:
            _refuse_bone(source, match.start(), words[0], number, joint)
        values = _plain_numbers(words[1:]) if len(words) - 1 == widths[joint] else None
        if values is None:
            got = f"{len(words) - 1} numbers" if len(words) - 1 != widths[joint] else shown(b" ".join(words[1:]))
            source.fail(f"'{shown(words[0])}' has {got}; expected {widths[joint]} numbers.", match.start())
        frame[joint] = values
    close(len(source.data.rstrip()))
    return np.array(frames)


def _plain_numbers(words: list[bytes]) -> list[float] | None:
    """The words as numbers, or ``None``: ``to_number`` for many lines."""
    try:
        values = [float(word) for word in words]
    except ValueError:
        return None
    # Python also reads "1_000", and comparing refuses NaN.
    return values if all(abs(v) <= LARGEST for v in values) and not any(b"_" in w for w in words) else None


def _refuse_bone(source: Source, position: int, word: bytes, number: int | None, joint: int) -> NoReturn:
    if number is None:
        source.fail(f"got '{shown(word)}'; expected a frame number first.", position)
    if joint < 0:
        source.fail(f"'{shown(word)}' is no moving bone of the skeleton; is it the right .asf file?", position)
    source.fail(f"'{shown(word)}' comes twice in frame {number}; expected once.", position)


def _to_motion(asf: Asf, values: Float[np.ndarray, "T C"], order: list[int], angle: float, fps: float) -> Motion:
    """Columns to a root track and rotations."""
    count, joints = len(values), len(asf.skeleton)
    angles = {axis: np.zeros((count, joints)) for axis in "xyz"}
    root = np.repeat(np.array(asf.position)[None], count, axis=0)
    column = 0
    for joint in order:
        channels = asf.order if joint == 0 else tuple(f"R{axis}" for axis in asf.dofs[joint])
        for channel in channels:
            axis = channel[1].lower()
            if channel[0] == "T":
                root[:, "xyz".index(axis)] += values[:, column] * asf.scale_m
            else:
                angles[axis][:, joint] = values[:, column] * angle
            column += 1
    turns = torch.empty(count, joints, 4, dtype=torch.float64)
    for axes in set(asf.axes):
        chosen = [joint for joint in range(joints) if asf.axes[joint] == axes]
        stacked = np.stack([angles[axis][:, chosen] for axis in axes[::-1]], axis=-1)
        turns[:, chosen] = euler_to_quat(torch.from_numpy(stacked), axes[::-1])
    rotations = quat_multiply(quat_multiply(asf.frames, turns), quat_conjugate(asf.frames))
    return Motion(asf.skeleton, fps, torch.from_numpy(root.astype(np.float32)), rotations.to(torch.float32))
