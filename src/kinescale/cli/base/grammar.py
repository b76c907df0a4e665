"""One grammar for all commands: ``~`` expanded, and argument forms of the version before read with a note.

Today's grammar: input files are positional, the output is ``-o``, ``--seconds`` is a length, ``--range`` is a span of
seconds and ``--frames`` one of frames.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from kinescale.cli.base.notes import note

RENAMED = {"--strength": "--keep-scales"}
"""Option of the version before -> today's with the same meaning; rewritten for commands that have today's alone."""

OUTPUT_WAS_LAST = frozenset({"clean", "convert", "render"})
"""Commands whose output was the last positional argument in the version before."""

_SPAN = re.compile(r"-?[\d.]*:-?[\d.]*")


def rewrite(argv: Sequence[str], command: str, options: Mapping[str, bool]) -> list[str]:
    """The arguments of a command in today's grammar; a note on stderr for each form of the version before.

    ``options``: those that the command has, such as ``--seconds``, and whether a value follows.
    """
    words = [_expanded(word) for word in argv]
    made: list[str] = []
    for index, word in enumerate(words):
        flag, equals, value = word.partition("=")
        follows = value if equals else (words[index + 1] if index + 1 < len(words) else "")
        new = _todays(flag, follows, options)
        if new is not None:
            _note(command, flag, new)
            word = new + equals + value
        made.append(word)
    return _with_output(made, command, options) if command in OUTPUT_WAS_LAST else made


def _note(command: str, earlier: str, today: str) -> None:
    note(f"note: kinescale {command}: {earlier} is now {today}; the earlier form works in this version only.")


def _todays(flag: str, value: str, options: Mapping[str, bool]) -> str | None:
    """Today's name of an option that is followed by ``value``; ``None`` for what stays as it is."""
    if flag == "--seconds" and "--range" in options and _SPAN.fullmatch(value):
        return "--range"
    new = RENAMED.get(flag)
    return new if new in options and flag not in options else None


def _with_output(words: list[str], command: str, options: Mapping[str, bool]) -> list[str]:
    """The words with -o before the last positional one, where no output is named."""
    if any(word in ("-h", "--help", "-o", "--out") or word.startswith("--out=") for word in words):
        return words
    places, skip = [], False
    for index, word in enumerate(words):
        if skip or word.startswith("-"):
            skip = not skip and "=" not in word and options.get(word, False)
        else:
            places.append(index)
    if len(places) < 2:
        return words
    last = places[-1]
    _note(command, f"the last argument, {words[last]},", f"-o {words[last]}")
    return [*words[:last], "-o", *words[last:]]


def _expanded(word: str) -> str:
    """``~`` and ``~/...`` as the home folder, also after ``--option=``; a shell leaves those after ``=`` alone."""
    flag, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    home = value == "~" or value.startswith("~/")
    return f"{flag}{equals}{os.path.expanduser(value)}" if home else word
