"""Parsing of untrusted JSON: bounded in bytes, depth, items and numbers before and while it is parsed.

Every reader of JSON from outside uses ``parse_json``. Its values are finite floats, integers of at most 64 bits and
text that can be written as UTF-8; everything else is an error.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from kinescale.core.errors import ConfigError
from kinescale.core.files import read_bytes_bounded

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
MAX_ITEMS = 800_000
"""Most brackets and commas of a text: they bound its size in memory, about 100 bytes each."""
MAX_INT = 2**63 - 1

# a string, whole or cut short by the end; possessive, and never failing where it began, so the time is linear
_STRING = re.compile(rb'"(?:[^"\\]++|\\.?+)*+(?:"|\Z)', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_BLANK = re.compile(rb"[^\[\]{},]+")
_DIGITS = 19
_SHOWN = 120


def read_json(
    path: str | Path,
    *,
    error: type[Exception] = ConfigError,
    max_bytes: int = MAX_BYTES,
    max_items: int = MAX_ITEMS,
    max_depth: int = MAX_DEPTH,
) -> Any:
    """Value of a JSON file; raises ``error`` for a file that is absent, too large, or invalid."""
    path = Path(path)
    data = read_bytes_bounded(path, max_bytes, error=error)
    try:
        return parse_json(data, max_items=max_items, max_depth=max_depth)
    except ValueError as problem:
        raise error(f"{path}: {problem}.") from None


def parse_json(
    text: bytes | str, *, max_bytes: int = MAX_BYTES, max_items: int = MAX_ITEMS, max_depth: int = MAX_DEPTH
) -> Any:
    """Value of a JSON text; ``ValueError`` for anything invalid or over the bounds."""
    data = text.encode("utf-8", errors="surrogatepass") if isinstance(text, str) else text
    if len(data) > max_bytes:
        raise ValueError(f"holds {len(data)} bytes of JSON; expected at most {max_bytes}")
    _check_structure(data, max_items, max_depth)
    try:
        value = json.loads(
            data.decode("utf-8-sig"), parse_constant=_refused, parse_float=_finite, parse_int=_bounded_int
        )
    except UnicodeDecodeError as problem:
        raise ValueError(f"is not UTF-8 text (byte {problem.start})") from None
    except (json.JSONDecodeError, RecursionError) as problem:
        raise ValueError(f"is not valid JSON ({problem})") from None
    if _SURROGATE.search(data):
        _check_text(value)
    return value


def _check_structure(data: bytes, max_items: int, max_depth: int) -> None:
    """Check depth and number of items by the brackets and commas outside of strings."""
    marks = _BLANK.sub(b"", _STRING.sub(b"", data))
    if len(marks) > max_items:
        raise ValueError(f"is not valid JSON here ({len(marks)} brackets and commas; expected at most {max_items})")
    codes = np.frombuffer(marks, dtype=np.uint8)
    opens, closes = (codes == 0x5B) | (codes == 0x7B), (codes == 0x5D) | (codes == 0x7D)
    deepest = int((np.cumsum(opens) - np.cumsum(closes)).max(initial=0))
    if deepest > max_depth:
        raise ValueError(f"is not valid JSON here (nested {deepest} deep; expected at most {max_depth})")


def _refused(constant: str) -> Any:
    raise ValueError(f"holds {constant}, which is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"holds the number {shown(text)}, which is too large")
    return value


def _bounded_int(text: str) -> int:
    value = int(text) if len(text.lstrip("-")) <= _DIGITS else MAX_INT + 1
    if abs(value) > MAX_INT:
        raise ValueError(f"holds the number {shown(text)}, which is too large")
    return value


def _check_text(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair, which is no text") from None


def check_size(value: Any, *, max_items: int, max_depth: int) -> None:
    """``ValueError`` for plain values (mappings and lists in each other) of more items or a greater depth."""
    left = max_items
    waiting: list[tuple[Iterable[Any], int]] = [((value,), 0)]
    while waiting:
        row, depth = waiting.pop()
        for item in row:
            if not isinstance(item, dict | list | tuple | set | frozenset):
                continue
            left -= len(item)
            if left < 0:
                raise ValueError(f"holds more than the {max_items} items allowed")
            if depth == max_depth:
                raise ValueError(f"is nested more than {max_depth} deep")
            waiting.append((item.values() if isinstance(item, dict) else item, depth + 1))


def shown(value: Any, limit: int = _SHOWN) -> str:
    """A value from outside as shown in messages: its first characters, or its kind and size."""
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    text = value[: limit + 1] if isinstance(value, str) else str(value)
    return text if len(text) <= limit else text[:limit] + "..."
