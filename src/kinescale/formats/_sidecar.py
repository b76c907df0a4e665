"""Where a motion's provenance goes when its file format has no room for it: ``walk.bvh.json`` beside ``walk.bvh``.

Licence, prompt and seed must stay with a file that leaves the program. A format that keeps ``Motion.meta`` itself
declares ``HOLDS_META = True`` and gets no sidecar.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kinescale.core.errors import FormatError
from kinescale.core.files import refuse_overwrite
from kinescale.core.records import read_json, write_json

MARK = "kinescale-meta"
PROVENANCE = ("licence", "prompt", "source")
"""A motion that carries one of these gets a sidecar; what a reader merely noted does not deserve a file."""

MAX_ENTRIES = 256


def sidecar(path: Path) -> Path:
    """The sidecar of a motion file."""
    return path.with_name(path.name + ".json")


def wants_sidecar(meta: Mapping[str, Any]) -> bool:
    """Whether this provenance is worth a file."""
    return any(key in meta for key in PROVENANCE)


def check_sidecar(path: Path, force: bool) -> None:
    """Refuse to replace a file that only looks like our sidecar, or any without ``force``."""
    beside = sidecar(path)
    if beside.exists() and not is_ours(beside):
        raise FormatError("exists and is not a provenance file; move it away first.", path=beside)
    refuse_overwrite(beside, force)


def is_ours(file: Path) -> bool:
    """Whether a file is a provenance file that we wrote."""
    try:
        value = read_json(file, error=FormatError)
    except FormatError:
        return False
    return isinstance(value, dict) and value.get("format") == MARK


def write_sidecar(path: Path, meta: Mapping[str, Any]) -> None:
    """Write the provenance of ``path`` beside it; values that are not plain JSON are written as text."""
    write_json(sidecar(path), {"format": MARK, "meta": {str(key): plain(value) for key, value in meta.items()}})


def read_sidecar(path: Path) -> dict[str, Any]:
    """The provenance beside ``path``; empty when there is none or the file is something else."""
    beside = sidecar(path)
    if not beside.is_file() or not is_ours(beside):
        return {}
    meta = read_json(beside, error=FormatError).get("meta")
    if not isinstance(meta, dict) or len(meta) > MAX_ENTRIES:
        raise FormatError(f"its 'meta' is no object of at most {MAX_ENTRIES} entries.", path=beside)
    return meta


def plain(value: Any) -> Any:
    """``value`` as plain JSON values; what JSON cannot hold becomes text."""
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    return str(value)
