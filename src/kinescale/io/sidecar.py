"""Where a motion's provenance goes when its file format has no room for it: ``walk.bvh.json`` beside ``walk.bvh``.

License, prompt and seed must stay with a file that leaves the program. A format that keeps ``Motion.meta`` itself
declares ``HOLDS_META = True`` and gets no sidecar.
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
"""A motion that carries one of these gets a sidecar; what a reader merely noted does not deserve a file."""
RENAMED = {"licence": "license"}
"""Entries of ``Motion.meta`` under the names that earlier versions wrote."""

MAX_ENTRIES, MAX_ITEMS, MAX_DEPTH = 256, 50_000, 16
"""Most entries of a motion's provenance, items in them at all depths together, and their depth."""
MAX_BYTES = 2 * 1024 * 1024


def sidecar(path: Path) -> Path:
    """The sidecar of a motion file."""
    return path.with_name(path.name + ".json")


def wants_sidecar(meta: Mapping[str, Any]) -> bool:
    """Whether this provenance is worth a file."""
    return any(key in meta for key in PROVENANCE)


def check_sidecar(path: Path, force: bool) -> None:
    """Refuse to replace a file that only looks like our sidecar, or any without ``force``."""
    beside = refuse_overwrite(sidecar(path), force=True)
    if beside.exists() and not is_ours(beside):
        raise FormatError("exists and is not a provenance file; move it away first.", path=beside)
    refuse_overwrite(beside, force)


def is_ours(file: Path) -> bool:
    """Whether a file is a provenance file that we wrote."""
    try:
        value = read_json(file, error=FormatError, max_bytes=MAX_BYTES)
    except FormatError:
        return False
    return isinstance(value, dict) and value.get("format") == MARK


def sidecar_text(meta: Mapping[str, Any]) -> str:
    """The provenance as the text of a sidecar; values that are not plain JSON are written as text.

    Raises ``InputError`` for more than a reader takes.
    """
    held = {str(key): plain(value) for key, value in meta.items()}
    text = json.dumps({"format": MARK, "meta": held}, indent=2, sort_keys=True, allow_nan=False) + "\n"
    problem = meta_problem(held)
    if problem or len(text) > MAX_BYTES:
        problem = problem or f"its provenance takes {len(text)} bytes; expected at most {MAX_BYTES}"
        raise InputError(f"the motion cannot be written: {problem}.")
    return text


def read_sidecar(path: Path) -> dict[str, Any]:
    """The provenance beside ``path``; empty when there is none or the file is something else."""
    beside = sidecar(path)
    if not beside.is_file() or beside.stat().st_size > MAX_BYTES:
        return {}
    try:
        value = read_json(beside, error=FormatError, max_bytes=MAX_BYTES)
    except FormatError:
        return {}
    if not isinstance(value, dict) or value.get("format") != MARK:
        return {}
    problem = meta_problem(value.get("meta"))
    if problem:
        raise FormatError(f"{problem}.", path=beside)
    return current_meta(value["meta"])


def current_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Provenance read from a file, with today's name for every entry that an earlier version named otherwise.

    An entry that stands under both names keeps the value under today's.
    """
    return {RENAMED.get(key, key): entry for key, entry in meta.items() if RENAMED.get(key) not in meta}


def meta_problem(meta: Any) -> str:
    """What is wrong with provenance from a file: it is no object, or too large or too deep; empty when nothing is."""
    if not isinstance(meta, dict) or len(meta) > MAX_ENTRIES:
        return f"its 'meta' is no object of at most {MAX_ENTRIES} entries"
    try:
        check_size(meta, max_items=MAX_ITEMS, max_depth=MAX_DEPTH)
    except ValueError as problem:
        return f"its 'meta' {problem}"
    return ""


def plain(value: Any, depth: int = 0) -> Any:
    """``value`` as plain JSON values; what JSON cannot hold becomes text. ``InputError`` for too deep a nesting."""
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
