"""Notes on what was read, kept until a command has done its work: an error stays one line."""

from __future__ import annotations

import sys

_WAITING: list[str] = []


def note(line: str) -> None:
    """Keep a line for stderr, once."""
    if line not in _WAITING:
        _WAITING.append(line)


def forget() -> None:
    """Drop the lines kept."""
    _WAITING.clear()


def tell() -> None:
    """Print the lines kept to stderr; a file's names must not steer the terminal."""
    for line in _WAITING:
        print("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line), file=sys.stderr)
    forget()
