"""Lists and dictionaries of text and numbers out of a pickle file, by a reader that can make nothing else.

The published word tables are pickles. Their instructions are walked through one by one; those that look up or call
anything are refused, so nothing in the file is executed.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kinescale.core.errors import BundleError
from kinescale.core.files import read_bytes_bounded

MAX_BYTES = 64 * 1024 * 1024

_MARK = object()
_LITERALS = {
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"),
    *("BININT", "BININT1", "BININT2", "INT", "LONG1", "LONG"),
}
_CONTAINERS: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict}
_NOTHING = {"PROTO", "FRAME"}


def read_plain(path: Path) -> Any:
    """The list or dictionary in the file. ``BundleError`` for a file that is damaged or holds anything else."""
    data = read_bytes_bounded(path, MAX_BYTES, error=BundleError)
    try:
        return _Reader().run(data)
    except _RefusedError as problem:
        raise BundleError(f"{path}: {problem}; expected a pickled list or dictionary of text and numbers.") from None
    except (ValueError, IndexError, KeyError, TypeError, EOFError, OverflowError) as problem:
        reason = " ".join(str(problem).split())[:100]
        raise BundleError(f"{path}: is not a sound file of a pickled list or dictionary ({reason}).") from None


class _RefusedError(ValueError):
    """An instruction that plain data does not need."""


class _Reader:
    """The stack and the memo of one file."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        for opcode, argument, _ in pickletools.genops(io.BytesIO(data)):
            if opcode.name == "STOP":
                if len(self.stack) != 1:
                    raise _RefusedError("leaves more than one value")
                return self.stack.pop()
            self.step(opcode.name, argument)
        raise _RefusedError("ends early")

    def step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _LITERALS:
            stack.append(argument)
        elif name in _CONTAINERS:
            stack.append(_CONTAINERS[name]())
        elif name == "MARK":
            stack.append(_MARK)
        elif name in ("LIST", "DICT"):
            items = self.above_mark()
            stack.append(items if name == "LIST" else self.put({}, items))
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else self.above_mark()
            self.top(list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [stack.pop(-2), stack.pop()] if name == "SETITEM" else self.above_mark()
            self.put(self.top(dict), items)
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[int(argument)] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self.memo[int(argument)])
        elif name not in _NOTHING:
            raise _RefusedError(f"asks for '{name}', which is not read")

    def above_mark(self) -> list[Any]:
        """The values above the last mark, both taken off."""
        items: list[Any] = []
        while (value := self.stack.pop()) is not _MARK:
            items.append(value)
        return items[::-1]

    def top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise _RefusedError("fills something that is no container")
        return self.stack[-1]

    @staticmethod
    def put(target: dict[Any, Any], items: list[Any]) -> dict[Any, Any]:
        if len(items) % 2 or not all(isinstance(key, str | int) for key in items[::2]):
            raise _RefusedError("has keys that are neither text nor numbers")
        target.update(zip(items[::2], items[1::2], strict=True))
        return target
