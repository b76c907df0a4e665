"""Prepare a published corpus: read, retarget, resample, put on the floor, caption, split, hash, in parallel.

The work is cut into parts of a fixed size, so the result does not depend on the number of workers, and an interrupted
run continues where it stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from kinescale import skeletons
from kinescale.core.errors import DataError, InputError
from kinescale.core.files import atomic_path
from kinescale.core.records import write_json
from kinescale.data import datasets
from kinescale.data.datasets.base import License, read_statistics
from kinescale.data.prepare.clip_rows import keeps_given
from kinescale.data.prepare.parts import jobs_of, run_parts
from kinescale.data.prepare.settings import Settings
from kinescale.data.prepared import GIVEN_STATISTICS
from kinescale.data.prepared.integrity import write_manifest
from kinescale.data.prepared.writer import VERSION, pyarrow
from kinescale.io.archive import unpacked


@dataclass(frozen=True)
class PrepareReport:
    """Clips written, clips left out with the reason, parts reused, minutes of motion, and the folder."""

    folder: Path
    written: int
    skipped: tuple[tuple[str, str], ...]
    reused_parts: int
    minutes: float


def prepare(
    corpus: str,
    source: str | Path,
    out: str | Path,
    *,
    settings: Settings | None = None,
    workers: int = 2,
    statistics: str | Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    body_models: str | Path | None = None,
) -> PrepareReport:
    """Prepare ``corpus`` (a name of the datasets family) from ``source``, a folder or a .tar/.zip, into ``out/corpus``.

    ``statistics``: a folder with mean.npy and std.npy to keep in place of those published with the data, such as an
    evaluator's. ``body_models``: the user's own, for a corpus of bodies without bones (amass).
    ``on_progress(done, total)`` counts clips. A damaged file is left out with a line in ``report.json``.
    Raises ``DataError`` when the source is missing or holds no clip of the corpus.
    """
    name = datasets.FAMILY.check(corpus)
    settings = settings or Settings.of(name)
    module = datasets.FAMILY.load(name)
    skeletons.get(settings.skeleton)
    pyarrow()
    if workers < 1:
        raise InputError(f"{workers} workers; expected at least 1.")
    folder = Path(out) / name
    with _write_errors(folder), unpacked(Path(source)) as root:
        (folder / "parts").mkdir(parents=True, exist_ok=True)
        clips = module.find(root) if body_models is None else module.find(root, Path(body_models))
        license = module.license(root) if hasattr(module, "license") else module.LICENSE
        jobs = jobs_of(clips, settings, root, folder)
        for job in jobs:
            job["license"] = license.name
        results = list(run_parts(jobs, workers, len(clips), on_progress))
        given = _keep_statistics(module, root, settings, folder, statistics)
        return _finish(name, folder, settings, license, given, sorted(results, key=lambda r: r["part"]))


@contextmanager
def _write_errors(folder: Path) -> Iterator[None]:
    """``DataError`` in one sentence for a full disk or a folder that cannot be written."""
    try:
        yield
    except OSError as problem:
        reason = problem.strerror or " ".join(str(problem).split())
        raise DataError(
            f"{problem.filename or folder}: {reason[:160]}; the parts that are done are kept: make room, or name "
            "another place, and run it again."
        ) from None


def _keep_statistics(
    module: Any, root: Path, settings: Settings, folder: Path, other: str | Path | None
) -> dict[str, Any] | None:
    """Manifest entry of published arrays; writes their mean and deviation into ``folder``."""
    if not keeps_given(module, settings):
        if other is not None:
            raise InputError(f"statistics {other}: the prepared data keeps no published features to use them with.")
        return None
    found = module.statistics(root) if other is None else read_statistics(Path(other), module.NATIVE.width)
    if found is None and other is not None:
        raise DataError(f"{other}: holds no mean.npy and std.npy.")
    if found is not None:
        with atomic_path(folder / GIVEN_STATISTICS) as temporary:
            save_file({"mean": found[0], "std": found[1]}, temporary)
    native = module.NATIVE
    return {"name": native.feature, "config": native.feature_config, "width": native.width}


def _finish(
    name: str,
    folder: Path,
    settings: Settings,
    license: License,
    given: dict[str, Any] | None,
    results: list[dict[str, Any]],
) -> PrepareReport:
    """Write manifest, statistics and report; remove parts that no longer belong."""
    rows = [row for result in results for row in result["entries"]]
    skipped = tuple((str(a), str(b)) for result in results for a, b in result["skipped"])
    parts = [result["part"] for result in results]
    for file in (folder / "parts").iterdir():
        if file.name not in parts and file.name.removesuffix(".skipped.json") + ".parquet" not in parts:
            file.unlink()
    seconds = sum(row["frames"] for row in rows) / settings.fps
    write_json(folder / "report.json", {"written": len(rows), "skipped": [list(pair) for pair in skipped]})
    write_json(folder / "statistics.json", _summary(rows, settings.fps))
    manifest = {
        "format": "kinescale-prepared",
        "version": VERSION,
        "corpus": name,
        "skeleton": settings.skeleton,
        "fps": settings.fps,
        "settings": settings.to_json(),
        "license": license.to_json(),
        "parts": parts,
        "clips": rows,
    }
    if given is not None:
        manifest["given"] = given
    kept = {part: folder / "parts" / part for part in parts}
    if (folder / GIVEN_STATISTICS).is_file():
        kept[GIVEN_STATISTICS] = folder / GIVEN_STATISTICS
    write_manifest(folder, manifest, kept)
    return PrepareReport(folder, len(rows), skipped, sum(r["reused"] for r in results), seconds / 60)


def _summary(rows: list[dict[str, Any]], fps: float) -> dict[str, Any]:
    """Counts and minutes by split and by label."""
    by_split: Counter[str] = Counter()
    for row in rows:
        by_split[row["split"]] += row["frames"]
    return {
        "clips": len(rows),
        "minutes": round(sum(by_split.values()) / fps / 60, 3),
        "minutes_by_split": {split: round(frames / fps / 60, 3) for split, frames in sorted(by_split.items())},
        "clips_by_action": dict(sorted(Counter(row["action"] for row in rows).items())),
        "clips_by_style": dict(sorted(Counter(row["style"] for row in rows).items())),
        "shortest_frames": min((row["frames"] for row in rows), default=0),
        "longest_frames": max((row["frames"] for row in rows), default=0),
    }
