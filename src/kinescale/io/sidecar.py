"""Sidecar files: provenance of a motion whose file format cannot hold it, ``walk.bvh.json`` next to ``walk.bvh``.

License, prompt and seed must stay with an exported file. A format that stores ``Motion.meta`` itself declares
``HOLDS_META = True`` and gets no sidecar.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kinescale.core.errors import FormatError, InputError
from kinescale.core.files import refuse_overwrite
from kinescale.core.json_input import check_size, read_json

MARK = "kinescale-meta"
PROVENANCE = ("license", "prompt", "source")
"""Entries of ``Motion.meta`` that require a sidecar; notes of a reader alone do not."""
RENAMED = {"licence": "license"}
"""Entries of ``Motion.meta`` under the names that earlier versions wrote."""

MAX_ENTRIES, MAX_ITEMS, MAX_DEPTH = 256, 50_000, 16
"""Most entries of a motion's provenance, items in them at all depths together, and their depth."""
MAX_BYTES = 2 * 1024 * 1024


def sidecar(path: Path) -> Path:
    """The sidecar of a motion file."""
    return path.with_name(path.name + ".json")


def wants_sidecar(meta: Mapping[str, Any]) -> bool:
    """Whether provenance has an entry that requires a sidecar."""
    return any(key in meta for key in PROVENANCE)


def check_sidecar(path: Path, force: bool) -> None:
    """``FormatError`` for a foreign file in the sidecar's place, ``InputError`` where one exists without ``force``."""
    file = refuse_overwrite(sidecar(path), force=True)
    if file.exists() and not is_ours(file):
        raise FormatError("exists and is not a provenance file; move it away first.", path=file)
    refuse_overwrite(file, force)


def is_ours(file: Path) -> bool:
    """Whether a file is a sidecar of Kinescale."""
    try:
        value = read_json(file, error=FormatError, max_bytes=MAX_BYTES)
    except FormatError:
        return False
    return isinstance(value, dict) and value.get("format") == MARK


def sidecar_text(meta: Mapping[str, Any]) -> str:
    """Text of a sidecar; values that JSON cannot hold are written as text.

    Raises ``InputError`` beyond the bounds of ``read_sidecar``.
    """
    held = {str(key): plain(value) for key, value in meta.items()}
    text = json.dumps({"format": MARK, "meta": held}, indent=2, sort_keys=True, allow_nan=False) + "\n"
    problem = meta_problem(held)
    if problem or len(text) > MAX_BYTES:
        problem = problem or f"its provenance takes {len(text)} bytes; expected at most {MAX_BYTES}"
        raise InputError(f"the motion cannot be written: {problem}.")
    return text


def read_sidecar(path: Path) -> dict[str, Any]:
    """Provenance from the sidecar of ``path``; empty where there is none. ``FormatError`` for one beyond the bounds."""
    file = sidecar(path)
    if not file.is_file() or file.stat().st_size > MAX_BYTES:
        return {}
    try:
        value = read_json(file, error=FormatError, max_bytes=MAX_BYTES)
    except FormatError:
        return {}
    if not isinstance(value, dict) or value.get("format") != MARK:
        return {}
    problem = meta_problem(value.get("meta"))
    if problem:
        raise FormatError(f"{problem}.", path=file)
    return current_meta(value["meta"])


def current_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Provenance read from a file, entries of earlier versions renamed to today's names.

    Where an entry has both names, the value under today's is kept.
    """
    return {RENAMED.get(key, key): entry for key, entry in meta.items() if RENAMED.get(key) not in meta}


def meta_problem(meta: Any) -> str:
    """Problem of provenance from a file, as part of a sentence: not an object, too large, or too deep; else empty."""
    if not isinstance(meta, dict) or len(meta) > MAX_ENTRIES:
        return f"its 'meta' is no object of at most {MAX_ENTRIES} entries"
    try:
        check_size(meta, max_items=MAX_ITEMS, max_depth=MAX_DEPTH)
    except ValueError as problem:
        return f"its 'meta' {problem}"
    return ""


def plain(value: Any, depth: int = 0) -> Any:
    """``value`` as JSON values; others become text. ``InputError`` beyond ``MAX_DEPTH`` levels."""
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth > MAX_DEPTH:
        raise InputError(f"the motion's meta is nested more than {MAX_DEPTH} deep; keep to plain values.")
    if isinstance(value, (list, tuple)):
        return [plain(entry, depth + 1) for entry in value]
    if isinstance(value, Mapping):
        return {str(key): plain(entry, depth + 1) for key, entry in value.items()}
    return str(value)
