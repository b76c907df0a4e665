"""Shards: one folder with the motions of a range of rows, made under a temporary name, and read back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kinescale import skeletons
from kinescale.core.errors import DataError, KinescaleError
from kinescale.core.files import flush, sha256_bytes, sha256_file
from kinescale.core.json_input import parse_json
from kinescale.core.records import read_json, write_json
from kinescale.data.prepared.writer import pyarrow
from kinescale.io.scratch import scratch_folder
from kinescale.motion.motion import Motion
from kinescale.pipelines.bulk.rows import Asked

TABLE, FILES, RECORD = "motions.parquet", "files", "shard.json"


@dataclass(frozen=True)
class Shard:
    """A range of rows and the name of the folder that its motions are for."""

    first: int
    digest: str
    rows: list[Asked]

    @property
    def name(self) -> str:
        """Folder of the shard."""
        return f"part-{self.first:09d}-{self.digest[:16]}"


@dataclass(frozen=True, eq=False)
class Entry:
    """What came of one sample of a row: a motion, or the sentence why there is none."""

    row: int
    asked: dict[str, Any]
    motion: Motion | None = None
    sentence: str = ""


def whole(folder: Path) -> dict[str, Any] | None:
    """The record of a shard whose files all are as they were written; ``None`` when there is no such shard."""
    try:
        record = read_json(folder / RECORD, error=DataError)
        sound = all(sha256_file(folder / name) == digest for name, digest in record["sha256"].items())
    except (DataError, OSError, KeyError, TypeError, AttributeError):
        return None
    return record if sound else None


def write_shard(out: Path, shard: Shard, entries: Sequence[Entry], suffixes: Sequence[str]) -> dict[str, Any]:
    """Write a shard and give it its name; its record."""
    with scratch_folder(out) as place:
        (place / FILES).mkdir()
        done = []
        for entry in entries:
            try:
                if entry.motion is not None:
                    _write_files(place / FILES, entry, entry.motion, suffixes)
                done.append(entry)
            except KinescaleError as problem:
                done.append(Entry(entry.row, entry.asked, None, str(problem)))
        _write_table(place / TABLE, done)
        names = sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
        for name in names:
            flush(place / name)
        made = sum(entry.motion is not None for entry in done)
        record = {
            "first": shard.first,
            "rows": len(shard.rows),
            "made": made,
            "failed": len(done) - made,
            "digest": shard.digest,
            "sha256": {name: sha256_file(place / name) for name in names},
        }
        write_json(place / RECORD, record)
        _name(place, out / shard.name)
    return record


def _write_files(folder: Path, entry: Entry, motion: Motion, suffixes: Sequence[str]) -> None:
    from kinescale.formats import write_motion
    from kinescale.pipelines.conversion import fitted

    for suffix in suffixes:
        name = f"{entry.row:09d}-{entry.asked['sample']}{suffix}"
        ready, _ = fitted(motion, Path(name))
        write_motion(ready, folder / name)


def _name(made: Path, target: Path) -> None:
    """Move a finished folder to its name; what is there and is not whole makes room."""
    try:
        os.rename(made, target)
    except OSError:
        if whole(target) is not None:
            return  # another process was faster
        shutil.rmtree(target, ignore_errors=True)
        os.rename(made, target)


def _write_table(path: Path, entries: Sequence[Entry]) -> None:
    import json

    pa = pyarrow()
    text, number = pa.string(), pa.float64()
    schema = pa.schema(
        [("row", pa.int64()), ("sample", pa.int32()), ("id", text), ("prompt", text), ("seconds", number),
         ("seed", pa.int64()), ("error", text), ("skeleton", text), ("fps", number), ("frames", pa.int32()),
         ("sha256", text), ("meta", text), ("root", pa.binary()), ("rotations", pa.binary())]
    )  # fmt: skip
    rows = []
    for entry in entries:
        values = {"row": entry.row, **entry.asked, "error": entry.sentence or None}
        if (motion := entry.motion) is not None:
            root, rotations = motion.root.numpy().astype("<f4"), motion.rotations.numpy().astype("<f4")
            values |= {
                "skeleton": motion.skeleton.name,
                "fps": motion.fps,
                "frames": len(motion),
                "sha256": sha256_bytes(root.tobytes() + rotations.tobytes()),
                "meta": json.dumps(dict(motion.meta), sort_keys=True),
                "root": root.tobytes(),
                "rotations": rotations.tobytes(),
            }
        rows.append(values)
    table = pa.Table.from_pylist(rows, schema=schema)
    pa.parquet.write_table(table, path, compression="zstd", row_group_size=256)


def read_shard(folder: str | Path) -> list[tuple[dict[str, Any], Motion | None]]:
    """Rows of a shard with their motions, which are checked against their digests.

    A row is a mapping with ``row``, ``sample``, ``id``, ``prompt``, ``seconds``, ``seed`` and ``error``; one that
    failed has no motion. Raises ``DataError`` for what is no shard, or was changed.
    """
    pa, path, found = pyarrow(), Path(folder) / TABLE, []
    try:
        rows = pa.parquet.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as problem:
        raise DataError(f"{path}: cannot be read ({' '.join(str(problem).split())[:160]}); make it again.") from None
    for row in rows:
        told = {key: row[key] for key in ("row", "sample", "id", "prompt", "seconds", "seed", "error")}
        if row["root"] is None:
            found.append((told, None))
            continue
        if sha256_bytes(row["root"] + row["rotations"]) != row["sha256"]:
            raise DataError(f"{path}: row {row['row']} does not match its digest; make it again.")
        root, rotations = (np.frombuffer(row[name], dtype="<f4").copy() for name in ("root", "rotations"))
        motion = Motion(
            skeletons.get(row["skeleton"]),
            row["fps"],
            torch.from_numpy(root.reshape(row["frames"], 3)),
            torch.from_numpy(rotations.reshape(row["frames"], -1, 4)),
            meta=parse_json(row["meta"]),
        )
        found.append((told, motion))
    return found
