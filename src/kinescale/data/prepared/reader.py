"""Reading a prepared folder: clips by number, motions on demand, licenses and a hash that names the whole."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file

from kinescale import skeletons
from kinescale.core.errors import DataError
from kinescale.core.records import json_hash
from kinescale.data.datasets.base import License, union
from kinescale.data.prepared.clips import Clips, PreparedClip
from kinescale.data.prepared.integrity import MANIFEST, MAX_BYTES, check_file, read_manifest
from kinescale.data.prepared.parts import CHECKED_AT_START, Arrays, Part, Place
from kinescale.data.prepared.writer import GIVEN_STATISTICS, VERSION, pyarrow
from kinescale.motion import Motion
from kinescale.skeletons import Skeleton

PART, ROW = "part", "row"
"""Columns of the index: which part a clip is in, and where."""


class Prepared:
    """All corpora of a prepared folder as one list of clips, in the order of their ids.

    What is told of the clips is in memory; their arrays are read when they are asked for, and the last used are kept.
    """

    def __init__(self, tables: list[Any], manifests: list[dict[str, Any]], parts: list[Part], folders: Sequence[Path]):
        pa = pyarrow()
        placed = [_placed(pa, table, number) for number, table in enumerate(tables)]
        table = pa.concat_tables(placed, promote_options="default").sort_by("id")
        names = [name for name in PreparedClip.__dataclass_fields__ if name in table.schema.names]
        self.clips = Clips(table.select(names).combine_chunks())
        self._part, self._row = table[PART].to_numpy(), table[ROW].to_numpy()
        self._arrays = Arrays(parts)
        self._manifests, self._folders = manifests, folders
        self.skeleton: Skeleton = skeletons.get(manifests[0]["skeleton"])
        self.fps = float(manifests[0]["fps"])

    def motion(self, index: int) -> Motion:
        """The motion of ``clips[index]``, float32."""
        clip, joints = self.clips[index], len(self.skeleton)
        arrays = self._read(index)
        root, rotations = (np.frombuffer(arrays[name] or b"", dtype="<f4") for name in ("root", "rotations"))
        if root.size != clip.frames * 3 or rotations.size != clip.frames * joints * 4:
            raise DataError(
                f"clip {clip.id}: its arrays do not hold the {clip.frames} frames it declares; prepare it again."
            )
        return Motion(
            self.skeleton,
            self.fps,
            torch.from_numpy(root.reshape(-1, 3).copy()),
            torch.from_numpy(rotations.reshape(-1, joints, 4).copy()),
            {"source": clip.id, "license": clip.license},
        )

    def _read(self, index: int) -> dict[str, bytes | None]:
        """The arrays of a clip; ``DataError`` unless they are those that were written."""
        arrays = self._arrays.read(int(self._part[index]), int(self._row[index]))
        whole = hashlib.sha256()
        for name in ("root", "rotations", "given"):
            whole.update(arrays.get(name) or b"")
        if whole.hexdigest() != self.clips[index].motion_sha256:
            raise DataError(f"clip {self.clips[index].id}: its arrays do not match their digest; prepare it again.")
        return arrays

    @property
    def given_feature(self) -> dict[str, Any] | None:
        """Name, config and width of the feature whose published arrays all corpora carry; ``None`` where not all do."""
        found = [manifest.get("given") for manifest in self._manifests]
        whole = isinstance(found[0], dict) and set(found[0]) == {"name", "config", "width"}
        return found[0] if whole and all(one == found[0] for one in found) else None

    def given(self, index: int) -> np.ndarray | None:
        """The published features [T, F] of ``clips[index]``, ``None`` where it has none."""
        what = self.given_feature
        stored = self._read(index).get("given") if what else None
        if what is None or stored is None:
            return None
        values = np.frombuffer(stored, dtype="<f4")
        if values.size == 0 or values.size % int(what["width"]):
            raise DataError(f"clip {self.clips[index].id}: its published features are damaged; prepare it again.")
        return values.reshape(-1, int(what["width"]))

    def given_statistics(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Published mean and deviation of the features, where there is one corpus and its folder holds them."""
        files = [folder / GIVEN_STATISTICS for folder in self._folders]
        if len(files) != 1 or not files[0].is_file():
            return None
        check_file(self._manifests[0], GIVEN_STATISTICS, files[0])
        try:
            found = load_file(files[0])
        except (OSError, SafetensorError) as problem:
            raise DataError(f"{files[0]}: cannot be read ({problem}); prepare it again.") from None
        if set(found) != {"mean", "std"} or found["mean"].shape != found["std"].shape:
            raise DataError(f"{files[0]}: expected mean and std; prepare it again.")
        return found["mean"], found["std"]

    @cached_property
    def manifest_hash(self) -> str:
        """SHA-256 over what was prepared: ids, motions, splits and settings of all corpora."""
        columns = [self.clips.column(name).tolist() for name in ("id", "motion_sha256", "split")]
        rows = list(zip(*columns, strict=True))
        return json_hash({"clips": rows, "settings": [m["settings"] for m in self._manifests]})

    @property
    def licenses(self) -> tuple[License, ...]:
        """The license of each corpus, in order of corpus name; folders of one corpus (two composed ones) share one."""
        found: dict[str, list[License]] = {}
        for manifest in self._manifests:
            found.setdefault(manifest["corpus"], []).append(License.parse(manifest["license"], where=MANIFEST))
        return tuple(union(found[corpus]) for corpus in sorted(found))


def _manifest(place: Place) -> dict[str, Any]:
    path = Path(place.file(MANIFEST))
    if place.system is None:
        return read_manifest(path, VERSION)
    try:
        with place.open(MANIFEST) as file:
            return read_manifest(path, VERSION, file.read(MAX_BYTES + 1))
    except OSError as problem:
        raise DataError(f"{path}: cannot be read ({' '.join(str(problem).split())[:160]}).") from None


def _placed(pa: Any, table: Any, part: int) -> Any:
    """The table with the number of its part and of each row in it."""
    rows = np.arange(table.num_rows)
    return table.append_column(PART, pa.array(np.full(table.num_rows, part))).append_column(ROW, pa.array(rows))


def open_prepared(folder: str | Path) -> Prepared:
    """Open a folder made by ``kinescale prepare``, or the URL of one: one corpus, or a folder of several.

    Raises ``DataError`` when there is none, a part is missing, or corpora disagree on skeleton or fps.
    """
    pa, found = pyarrow(), Place.of(folder).manifests()
    if not found:
        raise DataError(
            f"{folder}: no prepared corpus there; make one with: kinescale prepare CORPUS SOURCE --out {folder}."
        )
    manifests = [_manifest(place) for place in found]
    parts = [
        Part(place, name, manifest)
        for place, manifest in zip(found, manifests, strict=True)
        for name in manifest["parts"]
    ]
    tables = []
    try:
        checked = sum(part.place.size(f"parts/{part.name}") for part in parts) <= CHECKED_AT_START
        for part in parts:
            if checked:
                part.check()
            tables.append(part.columns())
    except (OSError, pa.ArrowException) as problem:
        reason = " ".join(str(problem).split())[:160]
        raise DataError(f"{folder}: a part cannot be read ({reason}); prepare it again.") from None
    for key in ("skeleton", "fps"):
        if len({str(m[key]) for m in manifests}) > 1:
            raise DataError(f"{folder}: its corpora were prepared with different {key}; prepare them alike.")
    if not tables:
        raise DataError(f"{folder}: its manifests name no part; prepare it again.")
    local = [Path(place.path) for place in found if place.system is None]
    return Prepared(tables, manifests, parts, local)
