"""HumanML3D's published folder made from the user's own AMASS: joints, features, mirror images, texts, statistics.

Guo et al. 2022: joints of each file at 20 frames a second, cut by the published list, turned to Y up and facing as
published, mirrored, brought to one skeleton with feet on the floor, and computed to 263 features
(``features.humanml3d``). The work is cut into parts, so that an interrupted run goes on; a damaged clip is left out
with a line in the report.

    OUT/new_joints/ID.npy  OUT/new_joint_vecs/ID.npy  (and M + ID)     OUT/Mean.npy  OUT/Std.npy
    OUT/texts/ID.txt  OUT/{train,val,test}.txt, copied
    OUT/report.json: what was written, with hashes, and what was left out, by name
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinescale import skeletons
from kinescale.core.errors import DataError, KinescaleError
from kinescale.core.files import atomic_path, sha256_file
from kinescale.core.records import json_hash, read_json, write_json
from kinescale.core.workers import ignoring_interrupts, worker_pool
from kinescale.data.datasets.amass import BODY_JOINTS, cuts_of
from kinescale.data.datasets.amass.bodies import FOLDER, by_body, model_files, on_its_body
from kinescale.data.datasets.amass.cutting import FPS, INDEX, Cut
from kinescale.features import humanml3d
from kinescale.features.humanml3d import published
from kinescale.formats import amass
from kinescale.formats.npy import read_values
from kinescale.motion import Motion

VERSION = 1
"""Raised when the arrays change, so that older parts are made again."""
PART_CLIPS = 48
PUBLISHED_BETAS = 10
EXAMPLE = "000021"
"""The clip whose first frame gives the bones of all, in the published data."""
LEFT = (1, 4, 7, 10, 13, 16, 18, 20)
RIGHT = (2, 5, 8, 11, 14, 17, 19, 21)
CONSTANTS = published.VARIANTS["humanml3d"]
VECTORS, JOINTS = "new_joint_vecs", "new_joints"
LISTS = ("train.txt", "val.txt", "test.txt", "train_val.txt", "all.txt")
LEAST_FRAMES = 3


@dataclass(frozen=True)
class FolderReport:
    """Clips written (mirror images not counted), clips left out with the reason, and parts reused."""

    folder: Path
    written: int
    skipped: tuple[tuple[str, str], ...]
    reused_parts: int


def make_humanml3d(
    source: str | Path,
    out: str | Path,
    *,
    body_models: str | Path | None = None,
    workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> FolderReport:
    """Make the folder ``out`` from AMASS in ``source`` with HumanML3D's ``index.csv``.

    ``body_models``: a folder or a file; ``source/body_models`` when not given. Raises ``DataError`` where the list, a
    body model or every clip is missing.
    """
    root, folder = Path(source), Path(out)
    if not (root / INDEX).is_file():
        raise DataError(f"{root}: has no {INDEX}; put HumanML3D's list, texts and splits beside the subsets of AMASS.")
    place = Path(body_models) if body_models is not None else root / FOLDER
    if not place.exists():
        raise DataError(f"{place}: there are no body models; name them with --body-model, as the bones are theirs.")
    models = model_files(place)
    cuts = cuts_of(root)
    # clips of one file one after another, so that a worker reads it once
    cuts.sort(key=lambda pair: (pair[0].source, pair[0].start, pair[0].name))
    for name in (VECTORS, JOINTS, ".parts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    jobs = _jobs(cuts, models, folder, _example(cuts, models))
    results = sorted(_run(jobs, workers, len(cuts), on_progress), key=lambda result: result["part"])
    return _finish(root, folder, results)


def positions_of(path: Path, models: Sequence[Path]) -> Float[Tensor, "T 22 3"]:
    """The body's joints of a file at about 20 frames a second, in the published axes, before any cut.

    Every ``int(fps / 20)``-th frame, as published; (x, y, z) of the file become (-x, z, y). HumanAct12's arrays are
    joints already. ``DataError`` for numbers that are not finite.
    """
    if path.suffix == ".npy":
        joints = read_values(path, axes=(3,))
        if joints.shape[1] < BODY_JOINTS or joints.shape[2] != 3:
            raise DataError(f"{path.name}: an array {list(joints.shape)}; expected [T, {BODY_JOINTS} or more, 3].")
        return torch.from_numpy(joints[:, :BODY_JOINTS]).double()
    motion = amass.read(path)
    step = max(1, int(motion.fps / FPS))
    thin = Motion(motion.skeleton, FPS, motion.root[::step].double(), motion.rotations[::step].double(), motion.meta)
    body = on_its_body(thin, by_body(models), PUBLISHED_BETAS)
    # ours is (x, z, -y) of the file: half a turn about the vertical leads to theirs
    return body.positions()[:, :BODY_JOINTS] * torch.tensor([-1.0, 1.0, -1.0], dtype=torch.float64)


def cut_out(joints: Float[Tensor, "T 22 3"], cut: Cut) -> Float[Tensor, "T2 22 3"]:
    """The frames of a clip. ``DataError`` where the file ends before."""
    first = int(cut.lead_s * FPS)
    part = joints[first:][cut.start : cut.stop]
    if len(part) < LEAST_FRAMES:
        raise DataError(f"{cut.source}: {len(joints)} frames; the list asks for {cut.start} to {cut.stop}.")
    return part


def mirrored(joints: Float[Tensor, "T 22 3"]) -> Float[Tensor, "T 22 3"]:
    """The mirror image in x, with left and right exchanged."""
    flipped = joints * joints.new_tensor([-1.0, 1.0, 1.0])
    swapped = flipped.clone()
    swapped[:, list(LEFT)], swapped[:, list(RIGHT)] = flipped[:, list(RIGHT)], flipped[:, list(LEFT)]
    return swapped


def _example(cuts: Sequence[tuple[Cut, Path | None]], models: Sequence[Path]) -> list[list[float]]:
    """The pose that gives the bones: of the published example clip, else of our own mean body."""
    for cut, path in cuts:
        if cut.name == EXAMPLE and path is not None:
            return cut_out(positions_of(path, models), cut)[0].tolist()
    body = skeletons.get(CONSTANTS.skeleton)
    places = [np.zeros(3)]
    for joint in range(1, len(body)):
        places.append(places[body.parents[joint]] + body.offsets[joint])
    return np.stack(places).tolist()


def _jobs(
    cuts: list[tuple[Cut, Path | None]], models: Sequence[Path], folder: Path, example: list[list[float]]
) -> list[dict[str, Any]]:
    by_models = [sha256_file(file) for file in models]
    jobs = []
    for start in range(0, len(cuts), PART_CLIPS):
        some = cuts[start : start + PART_CLIPS]
        stamps = [(cut.name, cut.start, cut.stop, *_stamp(path)) for cut, path in some]
        key = json_hash({"version": VERSION, "clips": stamps, "models": by_models, "example": example})
        part = folder / ".parts" / f"part-{start // PART_CLIPS:05d}.json"
        jobs.append({"cuts": some, "models": models, "folder": folder, "part": part, "key": key, "example": example})
    return jobs


def _stamp(path: Path | None) -> tuple[str, int, int]:
    """What tells that a file has changed; hashes of all of AMASS would take longer than its conversion."""
    if path is None:
        return "", 0, 0
    about = path.stat()
    return path.name, about.st_size, about.st_mtime_ns


def _run(
    jobs: list[dict[str, Any]], workers: int, total: int, on_progress: Callable[[int, int], None] | None
) -> Iterator[dict[str, Any]]:
    done, open_jobs = 0, []
    for job in jobs:
        kept = _kept(job)
        if kept is None:
            open_jobs.append(job)
        else:
            done += len(job["cuts"])
            yield kept
    for result, job in _results(open_jobs, workers):
        done += len(job["cuts"])
        if on_progress:
            on_progress(done, total)
        yield result


def _results(jobs: list[dict[str, Any]], workers: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    if workers == 1 or len(jobs) <= 1:
        for job in jobs:
            yield _do_part(job), job
        return
    with worker_pool(min(workers, len(jobs)), _one_thread) as pool:
        with ignoring_interrupts():
            futures = {pool.submit(_do_part, job): job for job in jobs}
        for future in as_completed(futures):
            yield future.result(), futures[future]


def _one_thread() -> None:
    torch.set_num_threads(1)


def _kept(job: dict[str, Any]) -> dict[str, Any] | None:
    """The record of a part that is done and whole; ``None``: make it."""
    try:
        found = read_json(job["part"], error=DataError) if job["part"].is_file() else None
    except DataError:
        return None
    if not isinstance(found, dict) or found.get("key") != job["key"]:
        return None
    for name, about in found["clips"].items():
        files = [job["folder"] / kind / f"{mark}{name}.npy" for kind in (VECTORS, JOINTS) for mark in ("", "M")]
        if not all(file.is_file() and file.stat().st_size == about["bytes"][i] for i, file in enumerate(files)):
            return None
    return {**found, "reused": True}


def _do_part(job: dict[str, Any]) -> dict[str, Any]:
    """One part, in a worker."""
    offsets = published.target_offsets(torch.tensor(job["example"], dtype=torch.float64), CONSTANTS)
    read = lru_cache(maxsize=2)(lambda path: positions_of(path, job["models"]))
    hashed = lru_cache(maxsize=2)(sha256_file)
    clips, skipped = {}, []
    for cut, path in job["cuts"]:
        try:
            if path is None:
                raise DataError(f"{cut.source} is missing.")
            joints = cut_out(read(path), cut)
            clips[cut.name] = _write(job["folder"], cut.name, joints, offsets) | {
                "source": cut.source,
                "source_sha256": hashed(path),
            }
        except (KinescaleError, OSError, ArithmeticError, ValueError) as problem:
            skipped.append([cut.name, str(problem)])
    # last: it marks the part as complete
    record = {"part": job["part"].name, "key": job["key"], "clips": clips, "skipped": skipped}
    write_json(job["part"], record)
    return {**record, "reused": False}


def _write(folder: Path, name: str, joints: Tensor, offsets: Tensor) -> dict[str, Any]:
    """The four arrays of a clip, and their hashes and sizes. ``DataError`` for features that are not finite."""
    files: dict[Path, np.ndarray] = {}
    for mark, track in (("", joints), ("M", mirrored(joints))):
        features = published.process_positions(track, CONSTANTS, offsets=offsets).features.float()
        if not bool(torch.isfinite(features).all()):
            raise DataError("its features hold NaN, as the published set has it of 007975.")
        places = humanml3d.recover_positions(features, BODY_JOINTS)
        files[folder / VECTORS / f"{mark}{name}.npy"] = features.numpy()
        files[folder / JOINTS / f"{mark}{name}.npy"] = places.float().numpy()
    for file, values in files.items():
        with atomic_path(file) as temporary, temporary.open("wb") as stream:
            np.save(stream, values)
    ordered = sorted(files, key=lambda file: (file.parent.name != VECTORS, file.name.startswith("M")))
    return {"sha256": [sha256_file(file) for file in ordered], "bytes": [file.stat().st_size for file in ordered]}


def _finish(root: Path, folder: Path, results: list[dict[str, Any]]) -> FolderReport:
    """Texts, splits, statistics and the report."""
    clips = {name: about for result in results for name, about in result["clips"].items()}
    skipped = tuple((str(a), str(b)) for result in results for a, b in result["skipped"])
    if not clips:
        why = f" The first of {len(skipped)}: {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
        raise DataError(f"{root}: no clip of the list could be made.{why}")
    for name in LISTS:
        if (root / name).is_file():
            shutil.copyfile(root / name, folder / name)
    if (root / "texts").is_dir():
        shutil.copytree(root / "texts", folder / "texts", dirs_exist_ok=True)
    names = sorted(f"{mark}{name}" for name in clips for mark in ("", "M"))
    mean, std = _statistics(folder, names)
    for name, values in (("Mean", mean), ("Std", std)):
        with atomic_path(folder / f"{name}.npy") as temporary, temporary.open("wb") as stream:
            np.save(stream, values)
    write_json(
        folder / "report.json", {"written": len(clips), "skipped": [list(pair) for pair in skipped], "clips": clips}
    )
    return FolderReport(folder, len(clips), skipped, sum(result["reused"] for result in results))


def _statistics(folder: Path, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of all features, one deviation for each block, as published."""
    count, total, squares = 0, 0.0, 0.0
    for name in names:
        values = np.load(folder / VECTORS / f"{name}.npy", allow_pickle=False).astype(np.float64)
        count, total, squares = count + len(values), total + values.sum(0), squares + (values**2).sum(0)
    mean = np.asarray(total) / count
    std = np.sqrt(np.maximum(np.asarray(squares) / count - mean**2, 0.0))
    for block in humanml3d.blocks_of(BODY_JOINTS).values():
        std[block] = std[block].mean()
    return mean.astype(np.float32), std.astype(np.float32)
