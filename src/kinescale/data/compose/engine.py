"""Compose a corpus: draw, put together, judge, describe and write clips; parallel, resumable, fixed by the seed.

Clip ``i`` depends on the sources, the settings, the seed and ``i`` alone, so the result does not depend on how many
workers made it, and parts that are there already are kept.
"""

from __future__ import annotations

import multiprocessing
import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from kinescale import description as measured
from kinescale.core.errors import DataError, InputError
from kinescale.core.files import sha256_bytes
from kinescale.core.randomness import derive_seed
from kinescale.core.records import Record, json_hash, read_json, write_json
from kinescale.data.captions.composed import Piece, told
from kinescale.data.captions.composed.clauses import events_of
from kinescale.data.compose.chain import Refused
from kinescale.data.compose.checks import Bars, Physics, physics_of
from kinescale.data.compose.context import Sources, Workshop, open_sources
from kinescale.data.compose.kinds import KINDS, Made
from kinescale.data.compose.sources import BROAD, QUIET, Library, names_of
from kinescale.data.compose.track import ANKLE_M, TOES_M, Track, runs
from kinescale.data.datasets.base import License, union
from kinescale.data.prepared import Prepared, PreparedRow, write_part
from kinescale.data.prepared.integrity import FORMAT, write_manifest
from kinescale.data.prepared.writer import VERSION, entries, read_key, read_part
from kinescale.description import Description
from kinescale.motion import Motion, canonicalise, mirror

PART_CLIPS = 100
ENGINE = 6
"""Version of the engine: part of every part's key, so that a change of it composes anew."""

TRIES = 8
"""Attempts at one clip of a kind before it is given up."""

LEAST_FRAMES, LEAST_CAPTIONS = 20, 4
TEMPO_PERCENTILES = (25.0, 75.0)
LEAST_TEMPOS = 8
CORPUS = "composed"


class Settings(Record):
    """What is composed. ``split``: of the sources, and of what is made. ``kinds``: those to make, all by default."""

    clips: int = Field(ge=1, le=1_000_000)
    seed: int = Field(default=0, ge=0)
    split: str = "train"
    captions_per_clip: int = Field(default=12, ge=1, le=64)
    kinds: tuple[str, ...] = tuple(KINDS)


@dataclass(frozen=True)
class ComposeReport:
    """What came out: clips written, by kind; attempts given up, by kind and reason; parts reused; minutes of motion."""

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
    with _pool(workers) as pool:
        stock = _stock(prepared, places, settings, pool, workers)
        jobs = _jobs(places, settings, stock, folder, license.name)
        results = list(_run(jobs, pool, settings.clips, on_progress))
    return _finish(folder, prepared, settings, stock, license, sorted(results, key=lambda r: r["part"]))


@dataclass(frozen=True)
class _Stock:
    """What is found in the sources: per folder the descriptions, one library over all, bars and usual paces."""

    found: dict[int, Description]
    bars: Bars
    tempos: dict[str, tuple[float, float]]
    hash: str


_SHOP: dict[str, Any] = {}
"""Of this process: the workshop by the hash of its stock, and the opened sources."""


def _pool(workers: int) -> Any:
    if workers == 1:
        return _Alone()
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread)


class _Alone:
    """A pool of this process only."""

    def __enter__(self) -> _Alone:
        return self

    def __exit__(self, *_: object) -> None:
        _SHOP.clear()


def _one_thread() -> None:
    torch.set_num_threads(1)


def _each(pool: Any, work: Callable[[Any], Any], jobs: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """(job, result) as they come."""
    if isinstance(pool, _Alone):
        for job in jobs:
            yield job, work(job)
        return
    futures = {pool.submit(work, job): job for job in jobs}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _stock(every: list[Prepared], places: tuple[str, ...], settings: Settings, pool: Any, workers: int) -> _Stock:
    """Describe and measure every clip of the split, in parallel."""
    clips = Sources(every).clips
    wanted = [i for i, c in enumerate(clips) if c.split == settings.split and not c.id.startswith(f"{CORPUS}/")]
    if not wanted:
        raise DataError(f"the sources hold no clip of split '{settings.split}' to compose from.")
    size = 60
    chunks = [(places, wanted[at : at + size]) for at in range(0, len(wanted), size)]
    rows: dict[int, Any] = {}
    for _, some in _each(pool, _describe, chunks):
        rows.update(some)
    found = {index: rows[index][0] for index in sorted(rows)}
    bars = Bars.of(rows[index][1] for index in sorted(rows))
    speeds: dict[str, list[float]] = defaultdict(list)
    for index in sorted(rows):
        for name, speed in rows[index][2]:
            speeds[name].append(speed)
    tempos = {
        name: (_percentile(some, TEMPO_PERCENTILES[0]), _percentile(some, TEMPO_PERCENTILES[1]))
        for name, some in sorted(speeds.items())
        if len(some) >= LEAST_TEMPOS
    }
    what = [one.manifest_hash for one in every]
    return _Stock(found, bars, tempos, json_hash({"sources": what, "engine": ENGINE}))


def _percentile(values: list[float], q: float) -> float:
    return round(float(np.percentile(values, q)), 4)


def _sources(places: tuple[str, ...]) -> Sources:
    if _SHOP.get("places") != places:
        _SHOP.clear()
        _SHOP.update(places=places, sources=Sources(open_sources(places)))
    return _SHOP["sources"]


def _describe(job: tuple[tuple[str, ...], list[int]]) -> dict[int, Any]:
    """Descriptions, physics and paces of some clips."""
    places, indices = job
    sources = _sources(places)
    made = {}
    for index in indices:
        motion = sources.motion(index)
        if len(motion) < 4:
            continue
        track = Track.of(motion)
        if _floats(track):
            continue
        found = measured.describe(motion)
        made[index] = (found, physics_of(track, found.path.gait), _paces(track, found))
    return made


def _paces(track: Track, found: Description) -> list[tuple[str, float]]:
    return [
        (f"{event.kind} {event.side}" if event.side else event.kind, _joint_speed(track, event.start_s, event.end_s))
        for event in found.events
        if event.kind not in ("travel", "stand_still", "turn", "circle")
    ]


def _joint_speed(track: Track, start_s: float, end_s: float) -> float:
    """Mean speed of all joints over some seconds, metres per second."""
    start, stop = int(start_s * track.fps), max(int(end_s * track.fps), int(start_s * track.fps) + 2)
    part = track.positions[start : stop + 1]
    return float((part[1:] - part[:-1]).norm(dim=-1).mean()) * track.fps if len(part) > 1 else 0.0


def _jobs(
    places: tuple[str, ...], settings: Settings, stock: _Stock, folder: Path, license: str
) -> list[dict[str, Any]]:
    jobs = []
    # how many clips are asked for changes none of them, so a longer run goes on with the parts of a shorter one
    fixed = {name: value for name, value in settings.to_json().items() if name != "clips"}
    for start in range(0, settings.clips, PART_CLIPS):
        numbers = list(range(start, min(start + PART_CLIPS, settings.clips)))
        key = json_hash({"version": VERSION, "stock": stock.hash, "settings": fixed, "numbers": numbers})
        part = folder / "parts" / f"part-{start // PART_CLIPS:05d}.parquet"
        jobs.append(
            {"numbers": numbers, "settings": settings, "part": part, "key": key, "places": places, "stock": stock,
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
    for job, result in _each(pool, _do_part, fresh):
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
    shop = _workshop(job["places"], job["stock"])
    rows, discarded = [], Counter()
    for number in job["numbers"]:
        row, reasons = make_clip(shop, job["settings"], number, job["license"])
        discarded.update(reasons)
        if row is not None:
            rows.append(row)
    listed = [[kind, reason, count] for (kind, reason), count in sorted(discarded.items())]
    made = write_part(job["part"], rows, job["key"])
    write_json(_report_file(job["part"]), listed)
    return {"part": job["part"].name, "entries": made, "discarded": listed, "reused": False}


def _workshop(places: tuple[str, ...], stock: _Stock) -> Workshop:
    sources = _sources(places)
    if _SHOP.get("stock") != stock.hash:
        library = Library.of(sources.clips, stock.found, sources.fps)
        shop = Workshop(sources, library, stock.bars, stock.tempos)
        _SHOP.update(stock=stock.hash, shop=shop)
    return _SHOP["shop"]


def make_clip(
    shop: Workshop, settings: Settings, number: int, license: str
) -> tuple[PreparedRow | None, list[tuple[str, str]]]:
    """Clip ``number``: the row, ``None`` where every attempt failed; and (kind, reason) of attempts given up."""
    rng = np.random.Generator(np.random.PCG64(derive_seed(settings.seed, "compose", settings.split, number)))
    shares = np.array([KINDS[kind][0] for kind in settings.kinds])
    kind = settings.kinds[int(rng.choice(len(shares), p=shares / shares.sum()))]
    reasons: list[tuple[str, str]] = []
    for _ in range(TRIES):
        try:
            made = KINDS[kind][1](shop, rng)
            return _judged(shop, made, kind, number, settings, license, int(rng.integers(2**31))), reasons
        except Refused as refused:
            reasons.append((kind, str(refused)))
    reasons.append((kind, "given up"))
    return None, reasons


def _judged(
    shop: Workshop, made: Made, kind: str, number: int, settings: Settings, license: str, seed: int
) -> PreparedRow:
    """The clip as a row. ``Refused`` where physics, measurement or captions speak against it."""
    if len(made.track) < LEAST_FRAMES:
        raise Refused("too short")
    if _floats(made.track):
        raise Refused("off the floor")
    motion = canonicalise(made.track.motion(), floor=False)
    track = Track.of(motion)
    found = measured.describe(motion)
    physics, acceleration, jerk = physics_of(track, found.path.gait)
    _check_physics(shop.bars, physics, acceleration, jerk, made.seams)
    pieces = [_with_tempo(shop, piece, track, found, made.factor) for piece in made.pieces]
    if _shows_more(pieces, found):
        raise Refused("shows more than is told")
    each = _descriptions(motion, pieces, found)
    pieces = [replace(one, span=(0.0, one.span[1] - one.span[0])) if one.own else one for one in pieces]
    sentences = told(made.relation, pieces, each, random.Random(seed), settings.captions_per_clip, needs=made.needs)
    if len(sentences) < min(LEAST_CAPTIONS, settings.captions_per_clip):
        raise Refused("nothing true to tell")
    image = mirror(motion)
    turned = _descriptions(image, made.pieces, measured.describe(image))
    mirrored = tuple(one.text for one in (s.mirrored() for s in sentences) if one.true_of(turned))
    sources = tuple(dict.fromkeys(made.sources))
    return PreparedRow(
        id=f"{CORPUS}/{settings.split}-{settings.seed}-{number:06d}-{kind}",
        corpus=CORPUS,
        action=f"{kind} {made.name}",
        style="normal",
        license=license,
        captions=tuple(one.text for one in sentences),
        captions_mirrored=mirrored,
        steady=False,
        source_sha256=sha256_bytes("\n".join(sources).encode()),
        motion=motion,
        split=settings.split,
        sources=sources,
    )


def _descriptions(motion: Motion, pieces: Sequence[Piece], whole: Description) -> list[Description]:
    """What each piece is told by: the whole clip's description, or that of its stretch where it stands alone."""
    made = []
    for piece in pieces:
        if piece.own:
            start, stop = (round(at * motion.fps) for at in piece.span)
            made.append(measured.describe(motion.slice(start, min(stop, len(motion)))))
        else:
            made.append(whole)
    return made


FLOATS_M, FLOATS_S = 0.1, 0.9
"""Height of the lower foot over the floor, and how long it may be there: longer is no jump, but a body on something
that is not there any more."""


def _floats(track: Track) -> bool:
    points = track.positions[:, [*track.legs.ankles, *track.legs.toes]][..., 1]
    high = (points - points.new_tensor([ANKLE_M, ANKLE_M, TOES_M, TOES_M])).amin(-1) > FLOATS_M
    return any(stop - start > FLOATS_S * track.fps for start, stop in runs(high))


def _check_physics(
    bars: Bars, physics: Physics, acceleration: np.ndarray, jerk: np.ndarray, seams: Sequence[tuple[int, int]]
) -> None:
    broken = bars.broken(physics)
    if broken is not None:
        raise Refused(broken)
    for start, stop in seams:
        span = slice(max(0, start - 4), stop + 3)
        if len(acceleration[span]) and acceleration[span].max() > bars.seam_acceleration_m_s2:
            raise Refused("seam acceleration")
        if len(jerk[span]) and jerk[span].max() > bars.seam_jerk_m_s3:
            raise Refused("seam jerk")


def _with_tempo(shop: Workshop, piece: Piece, track: Track, found: Description, factor: float) -> Piece:
    """The piece with its pace against others of its class, where that is slow or fast."""
    name = f"{piece.kind} {piece.side}" if piece.side else piece.kind
    events = events_of(piece, found) if name in shop.tempos else []
    if not events:
        return piece
    speed = float(np.mean([_joint_speed(track, event.start_s, event.end_s) for event in events]))
    slow, fast = shop.tempos[name]
    tempo = "slow" if speed < slow and factor < 0.9 else "fast" if speed > fast and factor > 1.1 else ""
    return replace(piece, tempo=tempo)


STRAY_TURN_DEG, STRAY_TRAVEL_M, STRAY_BEND_DEG = 40.0, 0.9, 35.0


def _shows_more(pieces: Sequence[Piece], found: Description) -> bool:
    """Whether the clip shows an act that no piece tells."""
    for event in found.events:
        if event.kind not in BROAD or event.kind in ("raise_hand", "lie", "sit"):
            continue
        small = (
            (event.kind == "turn" and (event.angle_deg or 0) < STRAY_TURN_DEG)
            or (event.kind == "travel" and (event.distance_m or 0) < STRAY_TRAVEL_M)
            or (event.kind == "bend" and (event.angle_deg or 0) < STRAY_BEND_DEG)
        )
        if not small and not any(_covers(piece, event) for piece in pieces):
            return True
    return False


def _covers(piece: Piece, event: Any) -> bool:
    """Whether a piece tells an event, or goes along with it."""
    shared = min(event.end_s, piece.span[1] + 0.3) - max(event.start_s, piece.span[0] - 0.3)
    if shared < 0.5 * event.seconds:
        return False
    alike = piece.kind == event.kind or {piece.kind, event.kind} <= {"turn", "circle"}
    if alike:
        return piece.side in (None, event.side)
    return piece.kind == "" or event.kind in QUIET.get(piece.kind, ())


def _finish(
    folder: Path, every: list[Prepared], settings: Settings, stock: _Stock, license: License,
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
    library = Library.of(Sources(every).clips, stock.found, every[0].fps)
    tables = {kind: dict(sorted(reasons.items())) for kind, reasons in sorted(discarded.items())}
    report = {
        "written": len(rows),
        "asked": settings.clips,
        "by_kind": dict(sorted(by_kind.items())),
        "by_action": dict(sorted(Counter(row["action"] for row in rows).items())),
        "discarded_attempts": tables,
        "bars": stock.bars.to_json(),
        "tempos": stock.tempos,
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
