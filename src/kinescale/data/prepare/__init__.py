"""Prepare a published corpus: read, retarget, resample, put on the floor, caption, split, hash, in parallel.

The work is cut into parts of a fixed size, so the result does not depend on how many workers did it, and a part that
is already there is kept: an interrupted run goes on where it stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field
from safetensors.numpy import save_file

from kinescale import description as measured
from kinescale import skeletons
from kinescale.core.conventions import NATIVE_FPS
from kinescale.core.errors import DataError, InputError, KinescaleError
from kinescale.core.files import atomic_path, sha256_file
from kinescale.core.records import Record, json_hash, write_json
from kinescale.core.workers import ignoring_interrupts, worker_pool
from kinescale.data import datasets
from kinescale.data.captions import corpora
from kinescale.data.captions.phrase_book import mirror_sentence
from kinescale.data.datasets.base import License, RawClip, read_statistics
from kinescale.data.prepare.windows import Window, windows
from kinescale.data.prepared import GIVEN_STATISTICS, PreparedRow, write_part
from kinescale.data.prepared.integrity import write_manifest
from kinescale.data.prepared.writer import VERSION, entries, pyarrow, read_key, read_part
from kinescale.io.archive import unpacked
from kinescale.motion import Motion, canonicalise, mirror, resample, retarget

PART_CLIPS = 48
WORDS = 2
"""Raised whenever captions or splits are made in another way: parts of an older way are made again."""

LEAST_FRAMES = 8
WINDOW_FRAMES = 256
"""At 30 frames a second 8.5 seconds, what the house's tokenizers hold."""

CAPTIONS, AMOUNTS, PART_AMOUNTS = 18, 1 / 3, 1.5
"""Captions of a clip, the share that tells amounts, and how much greater that is in a window of a longer take
whose label may speak of another part."""
FASTEST_JOINT = 40.0
"""Meters a second: no human joint is faster; a clip that shows more has broken frames."""

_LATER = ("measured", "amounts", "window_frames", "split")
"""Settings that older folders do not have."""


class Settings(Record):
    """What the prepared motions are brought to.

    Parameters
    ----------
    captions_per_clip : sentences for a clip of a set that comes without any.
    measured : captions to add to published ones that tell what the motion shows.
    amounts : share of the captions written here that tell what is measured: counts, lengths, angles, order.
    window_frames : longer takes are cut into overlapping windows of so many frames; 0 cuts nothing.
    split : where all clips go, in place of what the set says.
    """

    skeleton: str = "humanml22"
    fps: float = NATIVE_FPS
    captions_per_clip: int = Field(default=12, ge=1)
    measured: int = Field(default=0, ge=0, le=3)
    amounts: float = Field(default=0.0, ge=0, le=1)
    window_frames: int = Field(default=0, ge=0)
    split: Literal["train", "val", "test"] | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; what is off leaves no trace, so that a folder keeps its hash."""
        return {name: value for name, value in super().to_json().items() if name not in _LATER or value}

    @classmethod
    def of(cls, corpus: str, **changes: Any) -> Settings:
        """The settings a corpus is best prepared with: those its published arrays were made with, else the house's."""
        native = getattr(datasets.FAMILY.load(corpus), "NATIVE", None)
        own = {} if native is None else {"skeleton": native.skeleton, "fps": native.fps}
        if datasets.FAMILY.check(corpus) in corpora.FAMILY.names():
            own |= {"captions_per_clip": CAPTIONS, "amounts": AMOUNTS, "window_frames": WINDOW_FRAMES}
        return cls(**{**own, **{name: value for name, value in changes.items() if value is not None}})


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
    statistics: str | Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> PrepareReport:
    """Prepare ``corpus`` (a name of the datasets family) from ``source``, a folder or a .tar/.zip, into ``out/corpus``.

    ``statistics``: a folder with mean.npy and std.npy to keep in place of those published with the data, such as an
    evaluator's. ``on_progress(done, total)`` counts clips. A damaged file is left out with a line in ``report.json``.
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
    with _ordinary_troubles(folder), unpacked(Path(source)) as root:
        (folder / "parts").mkdir(parents=True, exist_ok=True)
        clips = module.find(root)
        license = module.license(root) if hasattr(module, "license") else module.LICENSE
        jobs = _jobs(clips, settings, root, folder)
        for job in jobs:
            job["license"] = license.name
        results = list(_run(jobs, workers, len(clips), on_progress))
        given = _keep_statistics(module, root, settings, folder, statistics)
        return _finish(name, folder, settings, license, given, sorted(results, key=lambda r: r["part"]))


@contextmanager
def _ordinary_troubles(folder: Path) -> Iterator[None]:
    """A full disk or a place that may not be written, said in a sentence."""
    try:
        yield
    except OSError as problem:
        reason = problem.strerror or " ".join(str(problem).split())
        raise DataError(
            f"{problem.filename or folder}: {reason[:160]}; the parts that are done are kept: make room, or name "
            "another place, and run it again."
        ) from None


def _jobs(clips: list[RawClip], settings: Settings, root: Path, folder: Path) -> list[dict[str, Any]]:
    hashed = lru_cache(maxsize=None)(lambda file: sha256_file(file) if file.is_file() else "")
    jobs = []
    for start in range(0, len(clips), PART_CLIPS):
        some = clips[start : start + PART_CLIPS]
        # by content: a file that changed without growing is another file
        files = [[(f.relative_to(root).as_posix(), hashed(f)) for f in c.files] for c in some]
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
        told = read_json(_skip_file(part))
        if not isinstance(told, dict) or told.get("sha256") != sha256_file(part):
            return None  # changed since, or of the time before digests
        skipped = [(str(clip), str(reason)) for clip, reason in told["skipped"]]
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
            rows += _rows(clip, job["settings"], job["license"])
        except (KinescaleError, OSError, ArithmeticError, ValueError) as problem:
            skipped.append((clip.id, str(problem)))
    made = write_part(job["part"], rows, job["key"])
    # last: it says that the part is whole, and what its bytes are
    write_json(_skip_file(job["part"]), {"skipped": skipped, "sha256": sha256_file(job["part"])})
    return {"part": job["part"].name, "entries": made, "skipped": skipped, "reused": False}


def _rows(clip: RawClip, settings: Settings, license: str) -> list[PreparedRow]:
    """Read one clip and bring it to the common skeleton, rate, place and words; a long take in windows."""
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
    given = module.given(clip) if _keeps_given(module, settings) else None
    if given is not None and not np.isfinite(given).all():
        raise DataError(f"{clip.files[0].name}: holds features that are not finite.")
    return [_row(clip, window, settings, license, given) for window in windows(motion, settings.window_frames)]


def _row(clip: RawClip, window: Window, settings: Settings, license: str, given: np.ndarray | None) -> PreparedRow:
    words = _words(clip, window, settings)
    return PreparedRow(
        id=window.name(clip.id),
        corpus=clip.corpus,
        action=clip.action,
        style=clip.style,
        license=license,
        captions=words.captions,
        captions_mirrored=words.mirrored,
        steady=words.steady,
        source_sha256=sha256_file(clip.files[0]),
        motion=window.motion,
        split=settings.split or clip.split,
        held_by=clip.held_by,
        take=clip.id,
        amounts=words.amounts,
        caption_tokens=clip.caption_tokens,
        given=given if window.whole else None,
    )


def _words(clip: RawClip, window: Window, settings: Settings) -> corpora.ClipCaptions:
    """The clip's own sentences, else those of its corpus's describer; then what is measured."""
    if clip.captions is None:
        words = _described(clip, window, settings)
    else:
        mirrored = tuple(mirror_sentence(text) for text in clip.captions) if clip.mirrorable else ()
        words = corpora.ClipCaptions(captions=clip.captions, mirrored=mirrored, steady=False)
    if not settings.measured:
        return words
    told = [_measured(each, settings.measured) for each in (window.motion, mirror(window.motion))]
    return words.but(
        captions=(*words.captions, *told[0]),
        mirrored=(*words.mirrored, *told[1]),
        amounts=words.amounts + min(map(len, told)),
    )


def _described(clip: RawClip, window: Window, settings: Settings) -> corpora.ClipCaptions:
    """Sentences on the label, and among them the share that tells amounts."""
    count, part = settings.captions_per_clip, not window.whole
    describe = corpora.FAMILY.get(clip.corpus, "describe")
    words = describe(clip.action, clip.style, clip.take, count, part=part)
    share = min(PART_AMOUNTS * settings.amounts, 1.0) if part and not words.steady else settings.amounts
    told = round(count * share)
    words = words.but(captions=words.captions[: count - told], mirrored=words.mirrored[: count - told])
    return corpora.with_amounts(words, window.motion, told, window.name(clip.id), part=part) if told else words


def _measured(motion: Motion, count: int) -> tuple[str, ...]:
    """What the motion shows, in so many levels of detail; alike sentences once."""
    found = measured.describe(motion)
    return tuple(dict.fromkeys(measured.caption(found, detail) for detail in measured.DETAILS[:count]))


def _keeps_given(module: Any, settings: Settings) -> bool:
    """Whether published arrays stay beside the motions: only where these are on the arrays' skeleton and rate."""
    native = getattr(module, "NATIVE", None)
    return native is not None and (native.skeleton, native.fps) == (settings.skeleton, settings.fps)


def _keep_statistics(
    module: Any, root: Path, settings: Settings, folder: Path, other: str | Path | None
) -> dict[str, Any] | None:
    """What the manifest says of published arrays; their mean and deviation go into ``folder``."""
    if not _keeps_given(module, settings):
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
    write_json(folder / "statistics.json", _statistics(rows, settings.fps))
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
