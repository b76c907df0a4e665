"""Parts of a prepared folder: Parquet files of whole motions, written atomically, the same whoever writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kinescale.core.errors import MissingDependencyError
from kinescale.core.files import atomic_path, sha256_bytes
from kinescale.data.datasets.base.splits import share_of, split_of
from kinescale.motion import Motion

VERSION = 1
EXTRAS = ("caption_tokens", "sources", "given")
"""Columns that only some parts have: published words, the ids of the clips that a clip was composed from, published
features."""
ARRAYS = ("root", "rotations", "given")
"""Columns that are read clip by clip."""
NOT_LISTED = ("root", "rotations", "captions", "captions_mirrored", "caption_tokens", "given")
_RENAMED = {"licence": "license"}
GIVEN_STATISTICS = "given.safetensors"
"""Mean and deviation of published features, beside the manifest."""


@dataclass(frozen=True)
class PreparedRow:
    """One clip ready to be written: its motion (target skeleton and fps) and what is known of it.

    ``take`` is the id of the take that it is, or is a window of (empty: the id); ``split`` is the dataset's (``None``:
    by the take); ``held_by``: what is held out with it: "pair", "actor", "take", or "" in training.
    ``amounts``: so many captions at the end of both lists tell amounts that hold for the whole clip alone.
    ``caption_tokens`` are the captions' words with their parts of speech, ``given`` the published features [T, F],
    ``sources`` the ids of the clips it was composed from.
    """

    id: str
    corpus: str
    action: str
    style: str
    license: str
    captions: tuple[str, ...]
    captions_mirrored: tuple[str, ...]
    steady: bool
    source_sha256: str
    motion: Motion
    split: str | None = None
    caption_tokens: tuple[str, ...] = ()
    given: np.ndarray | None = None
    take: str = ""
    held_by: str = ""
    amounts: int = 0
    sources: tuple[str, ...] = ()

    def home(self) -> tuple[str, str]:
        """Split, and what is held out with the clip."""
        split = self.split or split_of(self.take or self.id)
        return split, "" if split == "train" else self.held_by or "take"

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Root [T, 3] and rotations [T, J, 4] as little-endian float32."""
        root = self.motion.root.numpy().astype("<f4")
        return root, self.motion.rotations.numpy().astype("<f4")


def pyarrow() -> Any:
    """The pyarrow package, or one sentence on how to get it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingDependencyError(
            "reading and writing Parquet needs pyarrow; install it with: pip install 'kinescale[train]'."
        ) from None
    return pyarrow


def write_part(path: Path, rows: Sequence[PreparedRow], key: str) -> list[dict[str, Any]]:
    """Write one Parquet part and return its manifest entries; ``key``, stored inside, tells whether it may be reused"""
    pa = pyarrow()
    shape = schema(pa, extras=tuple(name for name in EXTRAS if any(_extra(row, name) is not None for row in rows)))
    columns: dict[str, list[Any]] = {name: [] for name in shape.names}
    for row in rows:
        root, rotations = row.arrays()
        split, held_by = row.home()
        values = {
            "id": row.id,
            "corpus": row.corpus,
            "split": split,
            "held_by": held_by,
            "take": row.take or row.id,
            "amounts": row.amounts,
            "action": row.action,
            "style": row.style,
            "license": row.license,
            "fps": row.motion.fps,
            "frames": len(row.motion),
            "steady": row.steady,
            "captions": list(row.captions),
            "captions_mirrored": list(row.captions_mirrored),
            "source_sha256": row.source_sha256,
            "motion_sha256": sha256_bytes(root.tobytes() + rotations.tobytes() + (_extra(row, "given") or b"")),
            "root": root.tobytes(),
            "rotations": rotations.tobytes(),
            **{name: _extra(row, name) for name in EXTRAS},
        }
        for name, column in columns.items():
            column.append(values[name])
    table = pa.table(columns, schema=shape).replace_schema_metadata({"key": key})
    with atomic_path(path) as temporary:
        pa.parquet.write_table(table, temporary, compression="zstd", row_group_size=64)
    return entries(table, path.name)


def _extra(row: PreparedRow, name: str) -> Any:
    """The value of an optional column, ``None`` where the clip has none."""
    if name == "caption_tokens":
        return list(row.caption_tokens) or None
    if name == "sources":
        return list(row.sources) or None
    return None if row.given is None else np.ascontiguousarray(row.given, dtype="<f4").tobytes()


def current_names(table: Any) -> Any:
    """The table with today's names for columns that earlier versions named otherwise."""
    held = table.schema.names
    return table.rename_columns([name if _RENAMED.get(name, name) in held else _RENAMED[name] for name in held])


def read_part(path: Path) -> Any:
    """The whole table of a Parquet part."""
    return current_names(pyarrow().parquet.read_table(path))


def entries(table: Any, part: str) -> list[dict[str, Any]]:
    """Manifest entries of a part: everything but the arrays and captions."""
    names = [n for n in table.schema.names if n not in NOT_LISTED]
    return [{**row, "part": part} for row in table.select(names).to_pylist()]


def read_key(path: Path) -> str | None:
    """The key a part was written under; ``None`` when there is no readable part."""
    pa = pyarrow()
    try:
        metadata = pa.parquet.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        return None
    return metadata.get(b"key", b"").decode()


def schema(pa: Any, extras: tuple[str, ...] = ()) -> Any:
    """Columns of a part, with those of ``EXTRAS`` that it needs."""
    text, words = pa.string(), pa.list_(pa.string())
    return pa.schema(
        [
            ("id", text), ("corpus", text), ("split", text), ("action", text), ("style", text), ("license", text),
            ("fps", pa.float32()), ("frames", pa.int32()), ("steady", pa.bool_()),
            ("held_by", text), ("take", text), ("amounts", pa.int32()),
            ("captions", words), ("captions_mirrored", words),
            ("source_sha256", text), ("motion_sha256", text), ("root", pa.binary()), ("rotations", pa.binary()),
            *((name, pa.binary() if name == "given" else words) for name in extras),
        ]
    )  # fmt: skip


__all__ = ["PreparedRow", "entries", "pyarrow", "read_key", "read_part", "schema", "share_of", "split_of", "write_part"]
