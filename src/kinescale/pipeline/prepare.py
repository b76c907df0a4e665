"""Prepare a published corpus: read, retarget, resample, put on the floor, caption, split, hash, in parallel.

The work is cut into parts of a fixed size, so the result does not depend on how many workers did it, and a part that
is already there is kept: an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import multiprocessing
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinescale import datasets, skeletons
from kinescale.captions import corpora
from kinescale.core.conventions import NATIVE_FPS
from kinescale.core.errors import DataError, InputError, KinescaleError
from kinescale.core.files import sha256_file
from kinescale.core.records import Record, json_hash, write_json
from kinescale.datasets.base import RawClip
from kinescale.datasets.prepared import PreparedRow, write_part
from kinescale.datasets.prepared.writer import VERSION, entries, pyarrow, read_key
from kinescale.motion import canonicalise, resample, retarget

PART_CLIPS = 48
MAX_UNPACKED_BYTES = 64 * 1024**3
MAX_MEMBERS = 1_000_000
LEAST_FRAMES = 8
FASTEST_JOINT = 40.0
"""Metres a second: no human joint is faster; a clip that shows more has broken frames."""


class Settings(Record):
    """What the prepared motions are brought to."""

    skeleton: str = "humanml22"
    fps: float = NATIVE_FPS
    captions_per_clip: int = 12


@dataclass(frozen=True)
class PrepareReport:
    """What came out: clips written, clips left out with the reason, parts reused, and the folder."""

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
    on_progress: Callable[[int, int], None] | None = None,
) -> PrepareReport:
    """Prepare ``corpus`` (a name of the datasets family) from ``source``, a folder or a .tar/.zip, into ``out/corpus``.

    ``on_progress(done, total)`` counts clips. A damaged file is left out with a line in ``report.json``.
    Raises ``DataError`` when the source is missing or holds no clip of the corpus.
    """
    settings = settings or Settings()
    name = datasets.FAMILY.check(corpus)
    module = datasets.FAMILY.load(name)
    skeletons.get(settings.skeleton)
    pyarrow()
    if workers < 1:
        raise InputError(f"{workers} workers; expected at least 1.")
    folder = Path(out) / name
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    with unpacked(Path(source)) as root:
        clips = module.find(root)
        jobs = _jobs(clips, settings, root, folder)
        results = list(_run(jobs, workers, len(clips), on_progress))
    return _finish(name, folder, settings, module.LICENCE, sorted(results, key=lambda r: r["part"]))


def _jobs(clips: list[RawClip], settings: Settings, root: Path, folder: Path) -> list[dict[str, Any]]:
    jobs = []
    for start in range(0, len(clips), PART_CLIPS):
        some = clips[start : start + PART_CLIPS]
        sizes = [
            [(f.relative_to(root).as_posix(), f.stat().st_size if f.exists() else -1) for f in c.files] for c in some
        ]
        key = json_hash(
            {"version": VERSION, "settings": settings.to_json(), "ids": [c.id for c in some], "files": sizes}
        )
        part = folder / "parts" / f"part-{start // PART_CLIPS:05d}.parquet"
        jobs.append({"clips": some, "settings": settings, "part": part, "key": key})
    return jobs


def _run(
    jobs: list[dict[str, Any]], workers: int, total: int, on_progress: Callable[[int, int], None] | None
) -> Iterator[dict[str, Any]]:
    """Results of all jobs as they come; a part that is there already costs nothing."""
    done = 0
    open_jobs = []
    for job in jobs:
        kept = _reuse(job)
        if kept is None:
            open_jobs.append(job)
            continue
        done += len(job["clips"])
        if on_progress:
            on_progress(done, total)
        yield kept
    if workers == 1 or len(open_jobs) <= 1:
        for job in open_jobs:
            result = _do_part(job)
            done += len(job["clips"])
            if on_progress:
                on_progress(done, total)
            yield result
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(open_jobs)), mp_context=context, initializer=_one_thread) as pool:
        futures = {pool.submit(_do_part, job): job for job in open_jobs}
        try:
            for future in as_completed(futures):
                done += len(futures[future]["clips"])
                if on_progress:
                    on_progress(done, total)
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _skip_file(part: Path) -> Path:
    return part.with_suffix(".skipped.json")


def _reuse(job: dict[str, Any]) -> dict[str, Any] | None:
    from kinescale.core.records import read_json

    part: Path = job["part"]
    if not _skip_file(part).exists() or not part.exists() or read_key(part) != job["key"]:
        return None
    table = pyarrow().parquet.read_table(part)
    skipped = [tuple(pair) for pair in read_json(_skip_file(part))]
    return {"part": part.name, "entries": entries(table, part.name), "skipped": skipped, "reused": True}


def _do_part(job: dict[str, Any]) -> dict[str, Any]:
    """One part, start to finish, in a worker."""
    rows, skipped = [], []
    for clip in job["clips"]:
        try:
            rows.append(_row(clip, job["settings"]))
        except (KinescaleError, OSError, ArithmeticError, ValueError) as problem:
            skipped.append((clip.id, str(problem)))
    write_json(_skip_file(job["part"]), skipped)
    made = write_part(job["part"], rows, job["key"])
    return {"part": job["part"].name, "entries": made, "skipped": skipped, "reused": False}


def _row(clip: RawClip, settings: Settings) -> PreparedRow:
    """Read one clip and bring it to the common skeleton, rate, place and words."""
    module = datasets.FAMILY.load(clip.corpus)
    motion = module.load(clip)
    motion = canonicalise(resample(retarget(motion, skeletons.get(settings.skeleton), feet=False), settings.fps))
    if len(motion) < LEAST_FRAMES:
        raise DataError(
            f"{clip.files[0].name}: {len(motion)} frames after resampling; at least {LEAST_FRAMES} are needed."
        )
    fastest = float((motion.positions().diff(dim=0).norm(dim=-1) * motion.fps).max())
    if fastest > FASTEST_JOINT:
        raise DataError(f"{clip.files[0].name}: a joint moves at {fastest:.0f} m/s; the clip has broken frames.")
    describe = corpora.FAMILY.get(clip.corpus, "describe")
    words = describe(clip.action, clip.style, clip.take, settings.captions_per_clip)
    return PreparedRow(
        id=clip.id,
        corpus=clip.corpus,
        action=clip.action,
        style=clip.style,
        licence=module.LICENCE.name,
        captions=words.captions,
        captions_mirrored=words.mirrored,
        steady=words.steady,
        source_sha256=sha256_file(clip.files[0]),
        motion=motion,
    )


def _finish(name: str, folder: Path, settings: Settings, licence: Any, results: list[dict[str, Any]]) -> PrepareReport:
    """Write manifest, statistics and report; remove parts that no longer belong."""
    rows = [row for result in results for row in result["entries"]]
    skipped = tuple((str(a), str(b)) for result in results for a, b in result["skipped"])
    parts = [result["part"] for result in results]
    for file in (folder / "parts").iterdir():
        if file.name not in parts and file.name.removesuffix(".skipped.json") + ".parquet" not in parts:
            file.unlink()
    seconds = sum(row["frames"] for row in rows) / settings.fps
    write_json(folder / "report.json", {"written": len(rows), "skipped": [list(pair) for pair in skipped]})
    write_json(folder / "statistics.json", _statistics(rows, settings.fps))
    manifest = {
        "format": "kinescale-prepared",
        "version": VERSION,
        "corpus": name,
        "skeleton": settings.skeleton,
        "fps": settings.fps,
        "settings": settings.to_json(),
        "licence": licence.to_json(),
        "parts": parts,
        "clips": rows,
    }
    write_json(folder / "manifest.json", manifest)
    return PrepareReport(folder, len(rows), skipped, sum(r["reused"] for r in results), seconds / 60)


def _statistics(rows: list[dict[str, Any]], fps: float) -> dict[str, Any]:
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


@contextmanager
def unpacked(source: Path) -> Iterator[Path]:
    """The folder itself, or a temporary one holding what an archive unpacks to (bounded, and never outside it)."""
    if source.is_dir():
        yield source
        return
    if not source.is_file():
        raise DataError(f"{source}: there is no such folder or archive; give the corpus as published.")
    with tempfile.TemporaryDirectory(prefix="kinescale-") as name:
        folder = Path(name)
        try:
            if zipfile.is_zipfile(source):
                _unzip(source, folder)
            else:
                _untar(source, folder)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as problem:
            raise DataError(
                f"{source}: cannot be unpacked ({str(problem).split(':')[0]}); "
                "expected a folder, a .tar(.gz|.xz) or a .zip."
            ) from None
        yield folder


def _untar(source: Path, folder: Path) -> None:
    total = 0
    with tarfile.open(source) as archive:
        for count, member in enumerate(archive):
            total += member.size
            if count > MAX_MEMBERS or total > MAX_UNPACKED_BYTES:
                raise DataError(
                    f"{source}: unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB or {MAX_MEMBERS} files."
                )
            archive.extract(member, folder, filter="data")


def _unzip(source: Path, folder: Path) -> None:
    with zipfile.ZipFile(source) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS or sum(m.file_size for m in members) > MAX_UNPACKED_BYTES:
            raise DataError(f"{source}: unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB or {MAX_MEMBERS} files.")
        archive.extractall(folder)
