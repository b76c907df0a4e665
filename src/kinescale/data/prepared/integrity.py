"""Prepared data as it was written: digests of its files in the manifest, of the manifest in itself, checked on reading.

A file is hashed once per process, when it is first opened; each motion's own digest is checked whenever it is read.
Folders made before there were digests are read without those of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from kinescale.core.errors import DataError
from kinescale.core.files import sha256_file
from kinescale.core.json_input import parse_json, read_json, shown
from kinescale.core.records import json_hash, write_json

FORMAT = "kinescale-prepared"
MANIFEST = "manifest.json"
MAX_BYTES, MAX_ITEMS = 512 * 1024**2, 8_000_000
"""A manifest names every clip: of a million clips it is some 400 MB."""

_FIELDS: dict[str, type | tuple[type, ...]] = {
    "corpus": str,
    "skeleton": str,
    "fps": (int, float),
    "settings": dict,
    "license": dict,
    "parts": list,
    "clips": list,
}
_RENAMED = {"licence": "license"}
"""Fields under the names that earlier versions wrote."""
_OPTIONAL: dict[str, type] = {"given": dict, "digests": dict, "sha256": str}


def write_manifest(folder: Path, content: Mapping[str, Any], files: Mapping[str, Path]) -> None:
    """Write ``manifest.json`` with the digests of ``files`` (name -> path) and its own."""
    whole = {**content, "digests": {name: sha256_file(path) for name, path in files.items()}}
    write_json(folder / MANIFEST, {**whole, "sha256": json_hash(whole)})


def read_manifest(path: Path, version: int, data: bytes | None = None) -> dict[str, Any]:
    """The checked content; ``DataError`` when it is not one, is of another version, or was changed since.

    ``data``: the file's bytes, where ``path`` is only its name.
    """
    if data is None:
        found = read_json(path, error=DataError, max_bytes=MAX_BYTES, max_items=MAX_ITEMS)
    else:
        try:
            found = parse_json(data, max_bytes=MAX_BYTES, max_items=MAX_ITEMS)
        except ValueError as problem:
            raise DataError(f"{path}: {problem}.") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise DataError(f"{path}: is not a manifest of prepared data.")
    if found.get("version") != version:
        got = shown(found.get("version"))
        raise DataError(f"{path}: version {got}; this Kinescale reads version {version}; prepare again.")
    content: dict[str, Any] = {_RENAMED.get(str(name), str(name)): value for name, value in found.items()}
    for name, kind in _FIELDS.items():
        if not isinstance(content.get(name), kind) or isinstance(content[name], bool):
            raise DataError(f"{path}: its '{name}' is missing or damaged; prepare it again.")
    for name, kind in _OPTIONAL.items():
        if name in content and not isinstance(content[name], kind):
            raise DataError(f"{path}: its '{name}' is damaged; prepare it again.")
    unknown = sorted(content.keys() - _FIELDS.keys() - _OPTIONAL.keys() - {"format", "version"})
    if unknown:
        raise DataError(f"{path}: holds the unknown '{shown(unknown[0])}'; prepare it again.")
    if not all(isinstance(part, str) and part == Path(part).name for part in content["parts"]):
        raise DataError(f"{path}: its 'parts' are no list of file names; prepare it again.")
    stated = content.pop("sha256", None)
    if stated is not None and stated != json_hash({name: found[name] for name in found if name != "sha256"}):
        raise DataError(f"{path}: its content does not match its digest; prepare it again.")
    return content


def check_file(manifest: Mapping[str, Any], name: str, path: Path) -> Path:
    """``path`` itself when its bytes match the manifest's digest (or it has none)."""
    stated = manifest.get("digests", {}).get(name)
    if stated is not None:
        try:
            status = path.stat()
            found = _digest(path, status.st_size, status.st_mtime_ns)
        except OSError as problem:
            raise DataError(f"{path}: cannot be read ({problem.strerror or problem}); prepare it again.") from None
        if found != stated:
            raise DataError(f"{path}: its content does not match its digest; prepare it again.")
    return path


@lru_cache(maxsize=65536)
def _digest(path: Path, size: int, time_ns: int) -> str:
    return sha256_file(path)
