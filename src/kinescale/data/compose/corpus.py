"""Compose a corpus of clips from prepared ones: parallel, resumable, fixed by the seed.

Clip ``i`` depends on the sources, the settings, the seed and ``i`` alone, so the result does not depend on the number
of workers, and parts that are already there are kept.
"""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinescale.core.errors import InputError
from kinescale.core.records import json_hash, read_json, write_json
from kinescale.data.compose.clip import CORPUS, Settings, compose_clip
from kinescale.data.compose.context import Sources, open_sources
from kinescale.data.compose.kinds import KINDS
from kinescale.data.compose.survey import Survey, survey
from kinescale.data.compose.units import Library, names_of
from kinescale.data.compose.workers import each, kept_context, pool
from kinescale.data.datasets.base import License, union
from kinescale.data.prepared import Prepared, write_part
from kinescale.data.prepared.integrity import FORMAT, write_manifest
from kinescale.data.prepared.writer import VERSION, entries, read_key, read_part

PART_CLIPS = 100


@dataclass(frozen=True)
class ComposeReport:
    """Clips written, by kind; rejected attempts, by kind and reason; parts reused; minutes of motion."""

    folder: Path
    written: int
    by_kind: dict[str, int]
    discarded: dict[str, dict[str, int]]
    reused_parts: int
    minutes: float


def compose(
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    settings: Settings,
    workers: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
) -> ComposeReport:
    """Compose clips from prepared folders into ``out/composed`` (``out/composed-val`` for that split), a corpus.

    ``on_progress(done, total)`` counts clips. Raises ``DataError`` when the sources hold no clip of the split or do not
    agree on skeleton and rate, ``InputError`` for kinds that are none.
    """
    unknown = [kind for kind in settings.kinds if kind not in KINDS]
    if unknown or not settings.kinds or workers < 1:
        what = (
            f"'{unknown[0]}' is no kind of composed clip" if unknown else f"{workers} workers, {settings.kinds} kinds"
        )
        raise InputError(f"{what}; expected at least one of each: kinds among {', '.join(KINDS)}.")
    folder = Path(out) / (CORPUS if settings.split == "train" else f"{CORPUS}-{settings.split}")
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    places = tuple(str(Path(source)) for source in sources)
    prepared = open_sources(places)
    license = union([each for one in prepared for each in one.licenses])
    with pool(workers) as processes:
        found = survey(prepared, places, settings.split, processes)
        jobs = _jobs(places, settings, found, folder, license.name)
        results = list(_run(jobs, processes, settings.clips, on_progress))
    return _finish(folder, prepared, settings, found, license, sorted(results, key=lambda r: r["part"]))


def _jobs(
    places: tuple[str, ...], settings: Settings, found: Survey, folder: Path, license: str
) -> list[dict[str, Any]]:
    jobs = []
    # the number of clips changes none of them, so a longer run keeps the parts of a shorter one
    fixed = {name: value for name, value in settings.to_json().items() if name != "clips"}
    for start in range(0, settings.clips, PART_CLIPS):
        numbers = list(range(start, min(start + PART_CLIPS, settings.clips)))
        key = json_hash({"version": VERSION, "stock": found.hash, "settings": fixed, "numbers": numbers})
        part = folder / "parts" / f"part-{start // PART_CLIPS:05d}.parquet"
        jobs.append(
            {"numbers": numbers, "settings": settings, "part": part, "key": key, "places": places, "survey": found,
             "license": license}
        )  # fmt: skip
    return jobs


def _report_file(part: Path) -> Path:
    return part.with_suffix(".report.json")


def _run(
    jobs: list[dict[str, Any]], pool: Any, total: int, on_progress: Callable[[int, int], None] | None
) -> Iterator[dict[str, Any]]:
    done, fresh = 0, []
    for job in jobs:
        kept = _reuse(job)
        if kept is None:
            fresh.append(job)
            continue
        done += len(job["numbers"])
        yield kept
    if on_progress:
        on_progress(done, total)
    for job, result in each(pool, _do_part, fresh):
        done += len(job["numbers"])
        if on_progress:
            on_progress(done, total)
        yield result


def _reuse(job: dict[str, Any]) -> dict[str, Any] | None:
    part: Path = job["part"]
    if not part.exists() or not _report_file(part).exists() or read_key(part) != job["key"]:
        return None
    table = read_part(part)
    return {"part": part.name, "entries": entries(table, part.name), "reused": True,
            "discarded": read_json(_report_file(part))}  # fmt: skip


def _do_part(job: dict[str, Any]) -> dict[str, Any]:
    """One part, start to finish, in a worker."""
    context = kept_context(job["places"], job["survey"])
    rows, discarded = [], Counter()
    for number in job["numbers"]:
        row, reasons = compose_clip(context, job["settings"], number, job["license"])
        discarded.update(reasons)
        if row is not None:
            rows.append(row)
    listed = [[kind, reason, count] for (kind, reason), count in sorted(discarded.items())]
    made = write_part(job["part"], rows, job["key"])
    write_json(_report_file(job["part"]), listed)
    return {"part": job["part"].name, "entries": made, "discarded": listed, "reused": False}


def _finish(
    folder: Path, every: list[Prepared], settings: Settings, found: Survey, license: License,
    results: list[dict[str, Any]],
) -> ComposeReport:  # fmt: skip
    """Write manifest, statistics and report; remove parts that no longer belong."""
    rows = [row for result in results for row in result["entries"]]
    parts = [result["part"] for result in results]
    for file in (folder / "parts").iterdir():
        if file.name.removesuffix(".report.json").removesuffix(".parquet") + ".parquet" not in parts:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    discarded: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        for kind, reason, count in result["discarded"]:
            discarded[kind][reason] += count
    by_kind = Counter(row["action"].split()[0] for row in rows)
    library = Library.of(Sources(every).clips, found.found, every[0].fps)
    tables = {kind: dict(sorted(reasons.items())) for kind, reasons in sorted(discarded.items())}
    report = {
        "written": len(rows),
        "asked": settings.clips,
        "by_kind": dict(sorted(by_kind.items())),
        "by_action": dict(sorted(Counter(row["action"] for row in rows).items())),
        "discarded_attempts": tables,
        "bars": found.limits.to_json(),
        "tempos": found.tempos,
        "units": names_of(library.units),
    }
    fps = every[0].fps
    minutes = sum(row["frames"] for row in rows) / fps / 60
    write_json(folder / "report.json", report)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "corpus": CORPUS,
        "skeleton": every[0].skeleton.name,
        "fps": fps,
        "settings": {**settings.to_json(), "sources": [one.manifest_hash for one in every]},
        "license": license.to_json(),
        "parts": parts,
        "clips": rows,
    }
    write_manifest(folder, content, {part: folder / "parts" / part for part in parts})
    reused = sum(result["reused"] for result in results)
    return ComposeReport(folder, len(rows), dict(by_kind), tables, reused, minutes)
