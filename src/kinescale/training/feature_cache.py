"""FeatureStore: features of every prepared clip, and of its mirror image, in one memory-mapped file.

Published arrays of the same feature, where the prepared data has them, are taken as they are. Computed once, kept
under a name that is a hash of all that decides the content: the data's manifest, the feature's name and config,
mirroring, number type. Clips are in the order of the prepared folder, whatever the number of workers.
"""

from __future__ import annotations

import multiprocessing
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kinescale import features
from kinescale.bundle.manifest import Part
from kinescale.core.errors import DataError
from kinescale.core.files import atomic_path, sweep_temporaries
from kinescale.core.records import json_hash, read_json, write_json
from kinescale.core.workers import ignoring_interrupts, worker_pool
from kinescale.data.prepared import Prepared, is_url, open_prepared
from kinescale.features import Feature, Normalizer
from kinescale.motion.mirror import mirror
from kinescale.training.parts import build_feature
from kinescale.training.watch import Watch

VERSION = 2
MAX_INDEX_ITEMS = 8_000_000
CHUNK = 64
MOST_MEASURED = 20_000
"""Clips that statistics are taken from at most: some tens of hours."""


@dataclass(frozen=True, eq=False)
class FeatureStore:
    """``rows[i]`` and ``rows[i + 1]``, i = 2 * clip + mirrored, are a clip's first row and the one past its last."""

    values: np.ndarray
    rows: np.ndarray
    key: str
    digests: np.ndarray
    """CRC-32 of each stretch of rows, checked when a process first reads it."""
    path: Path
    _sound: set[int] = field(default_factory=set, init=False)

    def frames(self, clip: int) -> int:
        """Feature rows of a clip (0: it could not be used)."""
        return int(self.rows[2 * clip + 1] - self.rows[2 * clip])

    def has_mirror(self, clip: int) -> bool:
        """Whether the mirrored clip is stored."""
        return bool(self.rows[2 * clip + 2] > self.rows[2 * clip + 1])

    def lengths(self) -> np.ndarray:
        """Feature rows of all clips and of their mirror images, [clips, 2]; 0 where there is none."""
        return np.diff(self.rows).reshape(-1, 2)

    def read(self, clip: int, mirrored: bool, start: int, length: int) -> np.ndarray:
        """[length, F] of a clip, as stored (a view)."""
        self.check(clip, mirrored)
        first = int(self.rows[2 * clip + int(mirrored)]) + start
        if length > int(self.rows[2 * clip + int(mirrored) + 1]) - first:
            raise DataError(f"clip {clip}: {length} rows from {start} were asked for, and it has fewer.")
        return self.values[first : first + length]

    def check(self, clip: int, mirrored: bool) -> None:
        """``DataError`` when the rows of a clip are not those that were computed; each is looked at once."""
        stretch = 2 * clip + int(mirrored)
        if stretch in self._sound:
            return
        if _crc(self.values[self.rows[stretch] : self.rows[stretch + 1]]) != self.digests[stretch]:
            raise DataError(
                f"{self.path}: the features of clip {clip} do not match their digest; remove the file to have them "
                "computed again."
            )
        self._sound.add(stretch)


def _crc(values: np.ndarray) -> int:
    # of bit rot, a CRC sees every burst up to 32 bits, at four times the speed of a SHA-256
    return zlib.crc32(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)


def open_store(
    data: Path | str,
    part: Part,
    *,
    mirrored: bool,
    dtype: str,
    spare: Path,
    workers: int = 1,
    watch: Watch | None = None,
) -> FeatureStore:
    """The store of a prepared folder, computed if need be.

    It lies in ``data/.features``, or in ``spare`` when that cannot be written or ``data`` is a URL.
    """
    prepared = open_prepared(data)
    feature = build_feature(part)
    what = {"version": VERSION, "data": prepared.manifest_hash, "mirrored": mirrored, "dtype": dtype}
    key = json_hash({**what, "feature": part.name, "config": feature.config.to_json()})
    folder = _writable(*([] if is_url(data) else [Path(data) / ".features"]), spare)
    index, values = folder / f"{key[:16]}.json", folder / f"{key[:16]}.bin"
    row_bytes = feature.width * np.dtype(dtype).itemsize
    found = _read_index(index, values, key, row_bytes)
    if found is None:
        pairs = _pairs(data, part, mirrored, len(prepared.clips), workers)
        try:
            _compute(pairs, [clip.id for clip in prepared.clips], index, values, key, dtype, watch or Watch())
        except _NoFeatures:
            raise DataError(
                f"{data}: no clip gives features '{part.name}'; prepare the data on the feature's skeleton and fps."
            ) from None
        found = _read_index(index, values, key, row_bytes)
    if found is None:
        raise DataError(f"{values}: was changed while it was being read; try again.")
    mapped = np.memmap(values, dtype=dtype, mode="r").reshape(-1, feature.width)
    return FeatureStore(mapped, key=key, path=values, **found)


def _read_index(index: Path, values: Path, key: str, row_bytes: int) -> dict[str, np.ndarray] | None:
    """Rows and digests of a whole store; ``None`` where there is none, or the index is damaged: it is made again."""
    try:
        found = read_json(index, error=DataError, max_items=MAX_INDEX_ITEMS)
        stated = found.pop("sha256")
        if stated != json_hash(found) or found["key"] != key:
            return None
        rows = np.array(found["rows"], dtype=np.int64)
        digests = np.array(found["digests"], dtype=np.int64)
        whole = len(digests) == len(rows) - 1 and values.stat().st_size == int(rows[-1]) * row_bytes
    except (DataError, OSError, AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return None
    return {"rows": rows, "digests": digests} if whole else None


def _writable(*places: Path) -> Path:
    for place in places:
        try:
            place.mkdir(parents=True, exist_ok=True)
            probe = place / ".writable"
            probe.touch()
            probe.unlink()
        except OSError:
            continue
        return place
    names = " nor ".join(map(str, places))
    raise DataError(f"neither {names} can be written; features need a place on disk.")


class _NoFeatures(Exception):
    """No clip has usable features."""


def _compute(
    pairs: Iterator[tuple[np.ndarray, np.ndarray]],
    ids: list[str],
    index: Path,
    values: Path,
    key: str,
    dtype: str,
    watch: Watch,
) -> None:
    rows, digests, unusable = [0], [], []
    sweep_temporaries(values)
    watch.begin("features", 0, len(ids))
    with atomic_path(values) as temporary, temporary.open("wb") as file:
        for clip, pair in enumerate(pairs):
            for array in pair:
                stored = np.ascontiguousarray(array, dtype=dtype)
                file.write(stored.tobytes())
                digests.append(_crc(stored))
                rows.append(rows[-1] + len(array))
            if not len(pair[0]):
                unusable.append(ids[clip])
            watch.advance("features", clip + 1)
    watch.end("features")
    if rows[-1] == 0:
        raise _NoFeatures
    if unusable:
        watch.note(f"{len(unusable)} clips give no finite features and are left out, the first: {unusable[0]}")
    content = {"key": key, "rows": rows, "digests": digests, "unusable": unusable}
    write_json(index, {**content, "sha256": json_hash(content)})


def _pairs(
    data: Path | str, part: Part, mirrored: bool, clips: int, workers: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Features of each clip and of its mirror image (no rows when there is none), in order."""
    chunks = [range(at, min(at + CHUNK, clips)) for at in range(0, clips, CHUNK)]
    if workers == 1 or len(chunks) == 1:
        _open(data, part, mirrored)
        for chunk in chunks:
            yield from _features(chunk)
        _worker.clear()
        return
    with worker_pool(min(workers, len(chunks)), _open, (data, part, mirrored)) as pool:
        with ignoring_interrupts():
            results = pool.map(_features, chunks)
        for found in results:
            yield from found


_worker: dict[str, Any] = {}


def _open(data: Path | str, part: Part, mirrored: bool) -> None:
    if multiprocessing.parent_process() is not None:
        torch.set_num_threads(1)
    _worker.update(prepared=open_prepared(data), feature=build_feature(part), mirrored=mirrored)


def _features(chunk: range) -> list[tuple[np.ndarray, np.ndarray]]:
    feature: Feature = _worker["feature"]
    found = []
    prepared: Prepared = _worker["prepared"]
    taken = takes_given(prepared, feature)
    for clip in chunk:
        motion = prepared.motion(clip)
        given = prepared.given(clip) if taken else None
        plain = feature.from_motion(motion).numpy() if given is None else given
        other = feature.from_motion(mirror(motion)).numpy() if _worker["mirrored"] else plain[:0]
        if given is not None and len(other) and abs(len(other) - len(plain)) <= 1:
            # a motion made from features gives back one frame fewer
            plain, other = plain[: len(other)], other[: len(plain)]
        sound = np.isfinite(plain).all() and np.isfinite(other).all() and len(other) in (0, len(plain))
        found.append((plain, other) if sound else (plain[:0], plain[:0]))
    return found


def takes_given(prepared: Prepared, feature: Feature) -> bool:
    """Whether the prepared data carries published arrays of this very feature."""
    what = prepared.given_feature
    if what is None or what["width"] != feature.width or what["name"] not in features.FAMILY.names():
        return False
    return type(build_feature(Part(name=what["name"], config=what["config"]))) is type(feature)


def measure(
    store: FeatureStore,
    clips: list[int],
    blocks: dict[str, slice],
    *,
    mirrored: bool,
    block_std: bool,
    floor: float,
) -> Normalizer:
    """Mean and deviation over all frames of ``clips``, with ``mirrored`` also of their mirror images.

    With ``block_std`` each block has one deviation, the mean of its features' (Guo et al. 2022, data
    preparation). Of more than ``MOST_MEASURED`` clips so many are taken, evenly.
    """
    if len(clips) > MOST_MEASURED:
        clips = [clips[at * len(clips) // MOST_MEASURED] for at in range(MOST_MEASURED)]
    width = store.values.shape[1]
    for clip in clips:
        for side in (False, True)[: 1 + int(mirrored)]:
            store.check(clip, side)
    count, total, square = 0, np.zeros(width), np.zeros(width)
    spans = [(store.rows[2 * c], store.rows[2 * c + 1 + int(mirrored)]) for c in clips]
    # Sums are taken around a first guess of the mean: squares of large means would swamp small deviations.
    sample = [np.asarray(store.values[a:b], dtype=np.float64) for a, b in spans[:8] if b > a]
    if not sample:
        raise DataError("no training clip has features to take statistics from; prepare more data.")
    center = np.concatenate(sample).mean(0)
    for first, last in spans:
        block = np.asarray(store.values[first:last], dtype=np.float64) - center
        count += len(block)
        total += block.sum(0)
        square += (block**2).sum(0)
    mean = total / count
    std = np.sqrt(np.maximum(square / count - mean**2, 0.0))
    if block_std:
        for part in blocks.values():
            std[part] = std[part].mean()
    std = np.maximum(std, floor)
    return Normalizer(torch.from_numpy(mean + center).float(), torch.from_numpy(std).float())


def published(prepared: Prepared, feature: Feature, floor: float) -> Normalizer:
    """The mean and deviation published with the data; ``DataError`` where there are none of this feature."""
    found = prepared.given_statistics()
    if found is None or found[0].shape != (feature.width,):
        raise DataError(
            "data.statistics is 'given', but the prepared data has no published mean and deviation of these "
            f"{feature.width} features; set data.statistics=measured, or prepare it with its Mean.npy and Std.npy."
        )
    return Normalizer(torch.from_numpy(found[0]), torch.from_numpy(found[1]).clamp(min=floor))
