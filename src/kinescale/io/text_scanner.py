"""Scanner for text files of numbers: tokens with line numbers, bulk parsing of rows, errors that name the line."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
from jaxtyping import Float, Int

from kinescale.core.errors import FormatError
from kinescale.core.files import read_bytes_bounded

MAX_NAME = 256
LARGEST = 1e9
"""Largest number that is accepted, in any unit."""
NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
# the same numbers as a possessive run: twice as fast as a search for the first other word
NUMBERS = re.compile(rb"\s*+(?:[+-]?+(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eE][+-]?+[0-9]{1,4}+)?+(?:\s++|\Z))*+")
TOKEN = re.compile(rb"[{}]|[^\s{}]+")
_BOM = b"\xef\xbb\xbf"
MAX_HEAD = 1 << 20
"""Bytes at the beginning of a file that may hold names."""
MOSTLY = 0.3
PIECE = 1 << 20
"""Bytes per block in which words are counted."""
_ENCODINGS = {"cp932": "Shift-JIS", "gb2312": "GB 2312", "cp1252": "Windows-1252"}


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as problem:
        # a character cut by the bound is not another encoding
        return problem.start >= len(data) - 3
    return True


def _legacy_encoding(text: bytes) -> str:
    """Guess of an encoding: Shift-JIS where that gives kana, GB 2312 where that gives Chinese, else Windows-1252."""
    for encoding, low, high in (("cp932", "\u3040", "\u30ff"), ("gb2312", "\u4e00", "\u9fff")):
        try:
            letters = [c for c in text.decode(encoding) if not c.isascii()]
        except UnicodeDecodeError:
            continue
        if sum(low <= c <= high for c in letters) >= MOSTLY * len(letters):
            return encoding
    return "cp1252"


class Source:
    """Bytes of a text file, with errors that name the line."""

    def __init__(self, path: Path, data: bytes):
        if b"\n" not in data:
            data = data.replace(b"\r", b"\n")
        self.path = path
        self.data = data.removeprefix(_BOM)

    @classmethod
    def open(cls, path: str | Path, limit: int) -> Source:
        """Read a whole file of at most ``limit`` bytes."""
        path = Path(path)
        return cls(path, read_bytes_bounded(path, limit))

    def in_utf8(self, notes: list[str]) -> Source:
        """The text converted to UTF-8 from UTF-16 or a legacy encoding, with a note."""
        data = self.data
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            notes.append("the file is in UTF-16; it is read as such.")
            return Source(self.path, data.decode("utf-16", errors="replace").encode())
        if data.isascii():
            return self
        head = data[:MAX_HEAD]
        legacy = [line for line in head.splitlines(keepends=True) if not line.isascii()]
        if not legacy or _is_utf8(head):
            return self
        encoding = _legacy_encoding(b"".join(legacy))
        notes.append(f"names are not in UTF-8; they are read as {_ENCODINGS[encoding]}.")
        return Source(self.path, head.decode(encoding, errors="replace").encode() + data[len(head) :])

    def line(self, position: int) -> int:
        """1-based line of a byte position."""
        return self.data.count(b"\n", 0, position) + 1

    def line_start(self, line: int, start: int) -> int:
        """Byte position where a 1-based line begins, or ``start`` when that is later."""
        breaks = np.flatnonzero(np.frombuffer(self.data, dtype=np.uint8, offset=start) == 10)
        index = line - self.line(start) - 1
        if index < 0:
            return start
        return start + int(breaks[index]) + 1 if index < breaks.size else len(self.data)

    def fail(self, message: str, position: int | None = None) -> NoReturn:
        """Raise ``problem``."""
        raise self.problem(message, position)

    def problem(self, message: str, position: int | None = None) -> FormatError:
        """The error for the line that holds byte ``position`` (the last line without one)."""
        at = len(self.data.rstrip()) if position is None else position
        return FormatError(message, path=self.path, line=self.line(at))


class Tokens:
    """Tokenizer of a header: one word at a time; braces are words of their own."""

    def __init__(self, source: Source, start: int = 0, stop: int | None = None):
        self.source = source
        self.position = start
        self._words: Iterator[re.Match[bytes]] = TOKEN.finditer(
            source.data, start, len(source.data) if stop is None else stop
        )

    @property
    def end(self) -> int:
        """Byte position after the last word taken."""
        return self._end

    def take(self, expected: str) -> bytes:
        """The next word; ``FormatError`` that says what was ``expected`` when the file ends."""
        found = next(self._words, None)
        if found is None:
            self.source.fail(f"the file ends; expected {expected}.")
        self.position, self._end = found.span()
        return found.group()

    def expect(self, word: bytes, what: str = "") -> None:
        """Take a keyword, in any case."""
        got = self.take(what or f"'{word.decode()}'")
        if got.upper() != word.upper():
            self.fail(f"got '{shown(got)}'; expected {what or repr(word.decode())}.")

    def number(self, what: str) -> float:
        """Take a number."""
        word = self.take(what)
        value = to_number(word)
        if value is None:
            self.fail(f"got '{shown(word)}' for {what}; expected a number of at most {LARGEST:g}.")
        return value

    def fail(self, message: str) -> NoReturn:
        """Raise ``FormatError`` for the line of the last word taken."""
        self.source.fail(message, self.position)


def to_number(word: bytes) -> float | None:
    """Decimal number of at most ``LARGEST``; ``None`` for any other word."""
    if len(word) > 64 or not NUMBER.fullmatch(word):
        return None
    value = float(word)
    return value if abs(value) <= LARGEST else None


def to_count(word: bytes) -> int | None:
    """Whole number of at most 15 digits; ``None`` for any other word."""
    return int(word) if re.fullmatch(rb"[+-]?[0-9]{1,15}", word) else None


def shown(word: bytes, limit: int = 40) -> str:
    """A word of a file as shown in messages."""
    text = word[:limit].decode("utf-8", errors="replace")
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text + "..." if len(word) > limit else text


def to_name(word: bytes) -> str | None:
    """A joint name: printable UTF-8 of at most ``MAX_NAME`` bytes, or ``None``."""
    if len(word) > MAX_NAME:
        return None
    try:
        name = word.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return name if name.isprintable() else None


def words_per_line(block: bytes) -> tuple[Int[np.ndarray, " L"], Int[np.ndarray, " L"]]:
    """Number in the block (0-based) and count of words of every line that is not blank."""
    raw = np.frombuffer(block, dtype=np.uint8)
    starts = raw > 32
    starts[1:] &= raw[:-1] <= 32
    found, counts, line = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], 0
    # a piece at a time: a number for every word or every blank line would take eight times the block in memory
    for first in range(0, raw.size, PIECE):
        begins = np.append(0, np.flatnonzero(raw[first : first + PIECE] == 10))
        words = np.add.reduceat(starts[first : first + PIECE], begins, dtype=np.int64)
        some = np.flatnonzero(words)
        if some.size and not some[0] and found[-1].size and found[-1][-1] == line:
            # the line continued from the block before
            counts[-1][-1] += words[0]
            some = some[1:]
        if some.size:
            found.append(some + line)
            counts.append(words[some])
        line += begins.size - 1
    return np.concatenate(found), np.concatenate(counts)


def bulk_numbers(block: bytes) -> Float[np.ndarray, " N"] | None:
    """All numbers of a block; ``None`` when some word is not a number.

    Infinities and NaN are returned as such. The count must still be compared with the number of words: "1-2" is
    one word and two numbers here.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return np.fromstring(block, dtype=np.float64, sep=" ")
        except (DeprecationWarning, ValueError):
            return None


def first_bad_word(data: bytes, start: int, stop: int) -> int | None:
    """Byte position of the first word from ``start`` to ``stop`` that is not a plain number."""
    run = NUMBERS.match(data, start, stop)
    return None if run is None or run.end() >= stop else run.end()


def sound(values: Float[np.ndarray, ...]) -> bool:
    """Whether all numbers are finite and at most ``LARGEST``."""
    return bool((np.abs(values) <= LARGEST).all())
