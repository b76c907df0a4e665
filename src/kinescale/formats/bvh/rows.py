"""Bulk parsing of the rows of a BVH file; the line of an error is searched only on failure."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from kinescale.core.conventions import MAX_FRAMES
from kinescale.core.errors import FormatError
from kinescale.io.text_scanner import LARGEST, Source, bulk_numbers, first_bad_word, shown, sound, words_per_line


def read_rows(source: Source, start: int, shape: tuple[int, int], notes: list[str] | None) -> Float[np.ndarray, "T C"]:
    """The rows after byte ``start``; ``shape``: number of frames in the header, and of channels.

    With ``notes``, a list to add to, a file is also accepted with more whole rows than the header says, with the last
    one missing, and with rows broken over lines where the count of numbers is right. ``None`` refuses these.
    """
    columns = shape[1]
    block = source.data[start:]
    lines, counts = words_per_line(block)
    rows = _whole_rows(lines, counts, shape, notes)
    if rows:
        values = bulk_numbers(block)
        if values is not None and values.size == rows * columns and sound(values):
            return values.reshape(rows, columns)
    raise _row_problem(source, start, lines + source.line(start), counts, shape)


def _whole_rows(lines: np.ndarray, counts: np.ndarray, shape: tuple[int, int], notes: list[str] | None) -> int:
    """Number of rows; 0 where the lines are not rows. Deviations from the header are noted."""
    frames, columns = shape
    even = bool(lines.size) and lines[0] > 0 and bool((counts == columns).all())
    if even and lines.size == frames:
        return frames
    if notes is None:
        return 0
    if even and frames - 1 <= lines.size <= MAX_FRAMES:
        notes.append(f"'Frames:' says {frames}; all {lines.size} frames that follow are read.")
        return int(lines.size)
    if not even and int(counts.sum()) == frames * columns:
        notes.append("the frames are not one to a line; their numbers are as many as expected, and are read in order.")
        return frames
    return 0


def _row_problem(
    source: Source, start: int, lines: np.ndarray, counts: np.ndarray, shape: tuple[int, int]
) -> FormatError:
    """The error of the first invalid row; ``lines`` are 1-based."""
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
    # only lines before the first error found so far are examined
    stop = source.line_start(min(found)[0], start) if found else len(source.data)
    values = bulk_numbers(source.data[start:stop])
    if values is None or not sound(values) or values.size != counts[lines < source.line(stop)].sum():
        position = first_bad_word(source.data, start, stop)
        if position is not None:
            word = source.data[position : position + 64].split()[0]
            found.append((source.line(position), f"got '{shown(word)}'; expected a number."))
            values = None
    if values is not None and not sound(values):
        first = np.flatnonzero(~(np.abs(values) <= LARGEST))[0]
        row = int(np.searchsorted(np.cumsum(counts), first, side="right"))
        found.append((int(lines[row]), f"got {values[first]:g}; expected numbers of at most {LARGEST:g}."))
    line, text = min(found, default=(source.line(start), "the frames cannot be read; expected rows of numbers."))
    return FormatError(text, path=source.path, line=line)
