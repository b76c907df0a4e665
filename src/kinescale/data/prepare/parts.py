"""Parts of a preparation: jobs of a fixed number of clips, run in parallel, kept when they are already there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from functools import lru_cache
from pathlib import Path
from typing import Any

from kinescale.core.errors import KinescaleError
from kinescale.core.files import sha256_file
from kinescale.core.records import json_hash, write_json
from kinescale.core.workers import ignoring_interrupts, worker_pool
from kinescale.data.datasets.base import RawClip
from kinescale.data.prepare.clip_rows import clip_rows
from kinescale.data.prepare.settings import Settings
from kinescale.data.prepared import write_part
from kinescale.data.prepared.writer import VERSION, entries, read_key, read_part

PART_CLIPS = 48
WORDS = 2
"""Version of captions and splits: raised when they change, so that older parts are made again."""


def jobs_of(clips: list[RawClip], settings: Settings, root: Path, folder: Path) -> list[dict[str, Any]]:
    hashed = lru_cache(maxsize=None)(lambda file: sha256_file(file) if file.is_file() else "")
    jobs = []
    for start in range(0, len(clips), PART_CLIPS):
        some = clips[start : start + PART_CLIPS]
        # by content: a file that changed without growing is another file
        files = [[(_below(root, f), hashed(f)) for f in c.files] for c in some]
        key = json_hash(
            {
                "version": VERSION,
                "words": WORDS,
                "settings": settings.to_json(),
                "ids": [c.id for c in some],
                "files": files,
            }
        )
        part = folder / "parts" / f"part-{start // PART_CLIPS:05d}.parquet"
        jobs.append({"clips": some, "settings": settings, "part": part, "key": key})
    return jobs


def _below(root: Path, file: Path) -> str:
    """A file's path below ``root``; its name, where it lies elsewhere, as body models may."""
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name


def run_parts(
    jobs: list[dict[str, Any]], workers: int, total: int, on_progress: Callable[[int, int], None] | None
) -> Iterator[dict[str, Any]]:
    """Results of all jobs in the order of completion; existing parts are reused."""
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
    with worker_pool(min(workers, len(open_jobs)), _one_thread) as pool:
        with ignoring_interrupts():
            futures = {pool.submit(_do_part, job): job for job in open_jobs}
        for future in as_completed(futures):
            done += len(futures[future]["clips"])
            if on_progress:
                on_progress(done, total)
            yield future.result()


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
    try:
        report = read_json(_skip_file(part))
        if not isinstance(report, dict) or report.get("sha256") != sha256_file(part):
            return None  # changed since, or older than the digests
        skipped = [(str(clip), str(reason)) for clip, reason in report["skipped"]]
        table = read_part(part)
    except (KinescaleError, OSError, KeyError, TypeError, ValueError):
        return None
    return {"part": part.name, "entries": entries(table, part.name), "skipped": skipped, "reused": True}


def _do_part(job: dict[str, Any]) -> dict[str, Any]:
    """One part, start to finish, in a worker."""
    rows, skipped = [], []
    for clip in job["clips"]:
        if clip.problem:
            skipped.append((clip.id, clip.problem))
            continue
        try:
            rows += clip_rows(clip, job["settings"], job["license"])
        except (KinescaleError, OSError, ArithmeticError, ValueError) as problem:
            skipped.append((clip.id, str(problem)))
    made = write_part(job["part"], rows, job["key"])
    # last: it marks the part as complete, with its digest
    write_json(_skip_file(job["part"]), {"skipped": skipped, "sha256": sha256_file(job["part"])})
    return {"part": job["part"].name, "entries": made, "skipped": skipped, "reused": False}
