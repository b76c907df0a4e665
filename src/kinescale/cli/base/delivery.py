"""Motions on their way out: fitted to a file's skeleton and rate, written, printed on stdout, or saved elsewhere."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinescale.cli.base.notes import output
from kinescale.core.errors import InputError, KinescaleError
from kinescale.core.family import Family

if TYPE_CHECKING:
    from kinescale.motion import Motion

STDOUT_STEM, STDOUT_SUFFIX = "-", ".bvh"


def is_stdout(path: Path) -> bool:
    """Whether an output is stdout: ``-`` (BVH), or ``-`` with the suffix of another format, such as ``-.glb``."""
    return path.stem == STDOUT_STEM and path.parent == Path()


def check_ready(path: Path) -> None:
    """An error where the folder takes no files, or the format's own ``ready`` finds no program that it needs."""
    if not is_stdout(path) and not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}: the folder {path.parent} takes no files from you; name another.")
    family = Family("kinescale.formats", "format")
    for name in family.names():
        if path.suffix.lower() in (family.literal(name, "SUFFIXES") or ()) and "ready" in family.functions(name):
            family.get(name, "ready")()


def fitted(
    motion: Motion,
    path: Path,
    skeleton: str | None = None,
    fps: float | None = None,
    writing: Mapping[str, Any] | None = None,
) -> tuple[Motion, list[str]]:
    """The motion on a skeleton, at a rate, and as its file needs it; a note for each change that was not asked for."""
    from kinescale import skeletons
    from kinescale.formats.base import needs_of
    from kinescale.motion.resample import resample
    from kinescale.motion.retarget import retarget

    made, notes = motion, []
    if skeleton is not None:
        made = retarget(made, skeletons.get(skeleton))
    needs = needs_of(made, path, **(writing or {}))
    if needs.skeleton is not None:
        if skeleton is not None:
            raise InputError(
                f"{path.name} cannot hold skeleton '{skeleton}'; leave --skeleton out and it becomes "
                f"'{needs.skeleton.name}'."
            )
        notes.append(f"put from skeleton '{made.skeleton.name}' on '{needs.skeleton.name}', which the file needs")
        made = retarget(made, needs.skeleton)
    if fps is not None:
        made = resample(made, fps)
    elif needs.fps is not None and needs.fps != made.fps:
        notes.append(f"resampled from {made.fps:g} to {needs.fps:g} fps, which readers of the file take it to have")
        made = resample(made, needs.fps)
    return made, [*notes, *needs.notes]


def deliver(
    motion: Motion, path: Path, *, force: bool = False, skeleton: str | None = None, fps: float | None = None
) -> list[str]:
    """Write a sampled motion, and return the notes on it.

    What cannot be written as asked is saved as .npz in the temporary folder, and the error names that file.
    """
    from kinescale.formats import write_motion

    try:
        ready, notes = fitted(motion, named(path), skeleton, fps)
        if is_stdout(path):
            _print(ready, named(path).suffix)
        else:
            write_motion(ready, path, force=force)
    except (KinescaleError, OSError) as problem:
        raise InputError(f"{str(problem).rstrip('.')}; the motion itself is saved in {_saved(motion, path)}.") from None
    return notes


def named(path: Path) -> Path:
    """The path, with the suffix of BVH where stdout is named without one."""
    return path.with_suffix(STDOUT_SUFFIX) if is_stdout(path) and not path.suffix else path


def _print(motion: Motion, suffix: str) -> None:
    from kinescale.formats import write_motion
    from kinescale.io.scratch import scratch_folder

    with scratch_folder() as folder:
        made = Path(folder) / f"motion{suffix}"
        write_motion(motion, made)
        with made.open("rb") as stream:
            shutil.copyfileobj(stream, output().buffer)
    output().flush()


def _saved(motion: Motion, path: Path) -> Path:
    from kinescale.formats import write_motion

    place = Path(tempfile.mkdtemp(prefix="kinescale-")) / f"{path.stem.strip('-') or 'motion'}.npz"
    write_motion(motion, place)
    return place
