"""What is printed beside a command's own lines: notes kept until its work is done, and the silence of --quiet."""

from __future__ import annotations

import os
import sys
from typing import Any

_WAITING: list[str] = []
_HIDDEN: list[Any] = []
_QUIET: list[bool] = []


def note(line: str) -> None:
    """Keep a line for stderr, once. Errors are printed without the notes, so that they stay one line."""
    if line not in _WAITING:
        _WAITING.append(line)


def forget() -> None:
    """Drop the lines kept, and print again what ``hush`` kept back."""
    _WAITING.clear()
    _QUIET.clear()
    if _HIDDEN:
        sys.stdout.close()
        sys.stdout = _HIDDEN.pop()


def tell() -> None:
    """Print the lines kept to stderr; a file's names must not steer the terminal."""
    for line in () if _QUIET else _WAITING:
        print("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line), file=sys.stderr)
    _WAITING.clear()


def hush(*, output: bool, notes: bool = True) -> None:
    """Leave the ``notes`` out, and with ``output`` what is printed on stdout, until ``forget``."""
    if notes:
        _QUIET.append(True)
    if output and not _HIDDEN:
        _HIDDEN.append(sys.stdout)
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def output() -> Any:
    """Where data that was asked for goes, even when the rest is not printed."""
    return _HIDDEN[0] if _HIDDEN else sys.stdout
