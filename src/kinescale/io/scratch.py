"""Temporary folders that are removed in the end, even after a kill: the next one to need a folder removes them.

Every folder holds a lock file that its process keeps locked. The system frees the lock when the process ends,
however it ends, so a folder whose lock can be taken belongs to nobody. Where there are no such locks (Windows) an
open file cannot be removed, which does as well.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

PREFIX = "kinescale-scratch-"
LOCK = ".lock"


@contextlib.contextmanager
def scratch_folder(within: str | Path | None = None) -> Iterator[Path]:
    """A new empty folder in the system's temporary folder (or in ``within``), removed after the block.

    Folders that killed processes left there are removed first.
    """
    place = Path(tempfile.gettempdir() if within is None else within)
    sweep(place)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    held = None
    try:
        inner = folder / "files"
        held = _lock(folder)
        inner.mkdir()
        yield inner
    finally:
        if held is not None:
            held.close()
        shutil.rmtree(folder, ignore_errors=True)


def sweep(place: Path) -> list[Path]:
    """Remove this user's folders in ``place`` that no process holds; those removed."""
    removed = []
    for folder in place.glob(f"{PREFIX}*"):
        lock = folder / LOCK
        with contextlib.suppress(OSError):
            if folder.is_symlink() or not _mine(folder) or not lock.is_file() or lock.is_symlink():
                continue
            with lock.open("r+b") as file:
                if not _take(file):
                    continue
                if fcntl is not None:
                    # while the lock is held, so that no two sweep the same folder
                    shutil.rmtree(folder, ignore_errors=True)
            if fcntl is None:
                lock.unlink()
                shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
    return removed


def _lock(folder: Path) -> IO[bytes]:
    """The folder's lock file, open and locked; it gets its name only then, so that nobody sees it free."""
    fresh = folder / f"{LOCK}.new"
    file = fresh.open("w+b")
    if fcntl is not None:
        _take(file)
        os.replace(fresh, folder / LOCK)
        return file
    file.close()
    os.replace(fresh, folder / LOCK)
    return (folder / LOCK).open("r+b")


def _take(file: IO[bytes]) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _mine(folder: Path) -> bool:
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
