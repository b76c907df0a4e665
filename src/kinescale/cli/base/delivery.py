"""Motions on their way out: fitted to a file's skeleton and rate, written, printed on stdout, or saved elsewhere."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

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
        if path.suffix.lower() in (family.literal(name, "SUFFIXES") or ()) and "ready" in family.attributes(name):
            family.get(name, "ready")()


def deliver(
    motion: Motion, path: Path, *, force: bool = False, skeleton: str | None = None, fps: float | None = None
) -> list[str]:
    """Write a sampled motion, and return the notes on it.

    What cannot be written as asked is saved as .npz in the temporary folder, and the error names that file.
    """
    from kinescale.formats import write_motion
    from kinescale.pipelines.conversion import fitted

    try:
        ready, notes = fitted(motion, named(path), skeleton=skeleton, fps=fps)
        if is_stdout(path):
            _print(ready, named(path).suffix)
        else:
            write_motion(ready, path, force=force)
    except (KinescaleError, OSError) as problem:
        raise InputError(f"{str(problem).rstrip('.')}; the motion itself is saved in {_saved(motion, path)}.") from None
    return list(notes)


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
