"""Reading a prepared folder: clips by number, motions on demand, licenses and a hash that names the whole."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
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
from kinescale.data.datasets.base.splits import share_of
from kinescale.data.prepared.integrity import MANIFEST, check_file, read_manifest
from kinescale.data.prepared.writer import GIVEN_STATISTICS, VERSION, pyarrow, read_part, schema
from kinescale.motion import Motion
from kinescale.skeletons import Skeleton


@dataclass(frozen=True)
class PreparedClip:
    """One prepared clip without its arrays. ``label`` is "action/style"; ``caption_tokens`` are published words with
    their parts of speech, caption by caption, where there are any.

    ``held_by``: why a clip is not in training: "pair" (of action and style), "actor" or "take"; "" where it is.
    ``take`` is the take that the clip is, or is a window of: all its windows are in one split. The last ``amounts``
    captions tell counts, lengths, angles or an order that are measured on the whole clip: they are not true of a crop.
    Folders made before these columns give "", the id and 0.
    """

    id: str
    corpus: str
    split: str
    action: str
    style: str
    license: str
    frames: int
    fps: float
    steady: bool
    captions: tuple[str, ...]
    captions_mirrored: tuple[str, ...]
    motion_sha256: str
    caption_tokens: tuple[str, ...] = ()
    held_by: str = ""
    take: str = ""
    amounts: int = 0

    @property
    def label(self) -> str:
        """ "action/style"."""
        return f"{self.action}/{self.style}"

    def held_out(self, share: float) -> bool:
        """Whether the clip's pair of action and style is of the ``share`` that is kept from training: by a hash of
        corpus and label alone, so that a pair is in or out as a whole, whatever else is prepared.
        """
        return share_of(f"pair {self.corpus}/{self.label}") < share


class Prepared:
    """All corpora of a prepared folder as one list of clips, in the order of their ids."""

    def __init__(self, tables: list[Any], manifests: list[dict[str, Any]], folders: Sequence[Path] = ()):
        pa = pyarrow()
        self._table = pa.concat_tables(tables, promote_options="default").sort_by("id")
        self._manifests, self._folders = manifests, folders
        self.skeleton: Skeleton = skeletons.get(manifests[0]["skeleton"])
        self.fps = float(manifests[0]["fps"])

    @cached_property
    def clips(self) -> tuple[PreparedClip, ...]:
        """Every clip, sorted by id."""
        names = [name for name in PreparedClip.__dataclass_fields__ if name in self._table.schema.names]
        rows = self._table.select(names).to_pylist()
        lists = [name for name in ("captions", "captions_mirrored", "caption_tokens") if name in names]
        return tuple(_clip({**row, **{n: tuple(row[n] or ()) for n in lists}}) for row in rows)

    def motion(self, index: int) -> Motion:
        """The motion of ``clips[index]``, float32."""
        clip, joints = self.clips[index], len(self.skeleton)
        root = np.frombuffer(self._table["root"][index].as_py(), dtype="<f4")
        rotations = np.frombuffer(self._table["rotations"][index].as_py(), dtype="<f4")
        self._check_digest(index)
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

    def _check_digest(self, index: int) -> None:
        """``DataError`` unless the arrays of a clip are those that were written."""
        whole = hashlib.sha256()
        for name in ("root", "rotations", "given"):
            if name in self._table.schema.names:
                whole.update(self._table[name][index].as_py() or b"")
        if whole.hexdigest() != self.clips[index].motion_sha256:
            raise DataError(f"clip {self.clips[index].id}: its arrays do not match their digest; prepare it again.")

    @property
    def given_feature(self) -> dict[str, Any] | None:
        """Name, config and width of the feature whose published arrays all corpora carry; ``None`` where not all do."""
        found = [manifest.get("given") for manifest in self._manifests]
        whole = isinstance(found[0], dict) and set(found[0]) == {"name", "config", "width"}
        return found[0] if whole and all(one == found[0] for one in found) else None

    def given(self, index: int) -> np.ndarray | None:
        """The published features [T, F] of ``clips[index]``, ``None`` where it has none."""
        what = self.given_feature
        stored = self._table["given"][index].as_py() if what and "given" in self._table.schema.names else None
        if what is None or stored is None:
            return None
        self._check_digest(index)
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
        rows = [(clip.id, clip.motion_sha256, clip.split) for clip in self.clips]
        return json_hash({"clips": rows, "settings": [m["settings"] for m in self._manifests]})

    @property
    def licenses(self) -> tuple[License, ...]:
        """The license of each corpus, in order of corpus name; folders of one corpus (two composed ones) share one."""
        found: dict[str, list[License]] = {}
        for manifest in self._manifests:
            found.setdefault(manifest["corpus"], []).append(License.parse(manifest["license"], where=MANIFEST))
        return tuple(union(found[corpus]) for corpus in sorted(found))


def _clip(row: dict[str, Any]) -> PreparedClip:
    """A row of any age: what older parts lack is taken as it was then."""
    newer = {"held_by": "", "take": row["id"], "amounts": 0}
    return PreparedClip(**{**row, **{name: row.get(name) or old for name, old in newer.items()}})


def open_prepared(folder: str | Path) -> Prepared:
    """Open a folder made by ``kinescale prepare``: one corpus, or a folder of several.

    Raises ``DataError`` when there is none, a part is missing, or corpora disagree on skeleton or fps.
    """
    folder = Path(folder)
    found = sorted(folder.glob(f"*/{MANIFEST}")) or sorted(folder.glob(MANIFEST))
    if not found:
        raise DataError(
            f"{folder}: no prepared corpus there; make one with: kinescale prepare CORPUS SOURCE --out {folder}."
        )
    pa = pyarrow()
    tables, manifests = [], []
    for file in found:
        manifest = read_manifest(file, VERSION)
        manifests.append(manifest)
        for part in manifest["parts"]:
            path = check_file(manifest, part, file.parent / "parts" / part)
            try:
                tables.append(_checked(path, read_part(path)))
            except (OSError, pa.ArrowException) as problem:
                reason = " ".join(str(problem).split())[:160]
                raise DataError(f"{file.parent}: part {part} cannot be read ({reason}); prepare it again.") from None
    for key in ("skeleton", "fps"):
        if len({str(m[key]) for m in manifests}) > 1:
            raise DataError(f"{folder}: its corpora were prepared with different {key}; prepare them alike.")
    if not tables:
        raise DataError(f"{folder}: its manifests name no part; prepare it again.")
    return Prepared(tables, manifests, [file.parent for file in found])


def _checked(path: Path, table: Any) -> Any:
    """The table itself when it has the columns of a part, none of them with gaps."""
    wanted = schema(pyarrow())
    for name in wanted.names:
        if name not in table.schema.names or table.schema.field(name).type != wanted.field(name).type:
            raise DataError(f"{path}: the column '{name}' is missing or of another type; prepare it again.")
        if table[name].null_count:
            raise DataError(f"{path}: the column '{name}' has gaps; prepare it again.")
    return table
