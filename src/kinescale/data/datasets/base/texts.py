"""Caption files of the HumanML3D family: lines of ``caption#word/TAG word/TAG ...#from#to`` (Guo et al. 2022).

``from`` and ``to`` are seconds; 0 and 0 (or ``nan``) mean the whole clip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from kinescale.core.errors import DataError
from kinescale.core.files import read_bytes_bounded

MAX_FILE_BYTES = 1 << 20
MAX_CAPTION = 2000
"""Letters."""
MAX_CAPTIONS = 1000


@dataclass(frozen=True)
class CaptionLine:
    """One caption, its words with parts of speech, and the seconds that it describes (``None``: the whole clip)."""

    caption: str
    tokens: str
    span: tuple[float, float] | None


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that hold anything; ``DataError`` when it is missing, too large or not UTF-8."""
    data = read_bytes_bounded(path, MAX_FILE_BYTES, error=DataError)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise DataError(f"{path}: is not UTF-8 text (byte {problem.start}).") from None
    return [line.strip(" ") for line in text.splitlines() if line.strip()]


def read_ids(path: Path) -> list[str]:
    """The ids of a split file, one a line."""
    return read_lines(path)


def read_captions(path: Path) -> tuple[list[CaptionLine], list[str]]:
    """The captions of a file, and what was wrong with lines that were left out."""
    lines, problems = [], []
    for number, line in enumerate(read_lines(path), start=1):
        found = _parse(line)
        if isinstance(found, CaptionLine):
            lines.append(found)
        else:
            problems.append(f"{path.name}, line {number}: {found}")
    if len(lines) > MAX_CAPTIONS:
        raise DataError(f"{path}: holds {len(lines)} captions; expected at most {MAX_CAPTIONS}.")
    return lines, problems


def checked_caption(text: str) -> str:
    """The caption with plain single spaces; ``DataError`` when there is nothing in it or too much."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not words:
        raise DataError("a caption is empty.")
    if len(words) > MAX_CAPTION:
        raise DataError(f"a caption has {len(words)} letters; expected at most {MAX_CAPTION}.")
    return words


def _parse(line: str) -> CaptionLine | str:
    fields = line.split("#")
    if len(fields) != 4:
        return f"{len(fields)} fields between '#'; expected caption#tokens#from#to."
    try:
        start, stop = (_seconds(field) for field in fields[2:])
        caption = checked_caption(fields[0])
    except ValueError:
        return "the times are not numbers; expected seconds."
    except DataError as problem:
        return str(problem)
    if start == stop == 0.0:
        return CaptionLine(caption, fields[1].strip(), None)
    if not 0 <= start < stop:
        return f"describes {start:g} to {stop:g} seconds; expected a time that ends after it begins."
    return CaptionLine(caption, fields[1].strip(), (start, stop))


def _seconds(field: str) -> float:
    value = float(field)
    if math.isnan(value):
        return 0.0
    if math.isinf(value):
        raise ValueError
    return value
