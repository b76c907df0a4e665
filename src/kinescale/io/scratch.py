"""Temporary folders that are removed even after a kill: creating one removes those of ended processes.

Every folder has a lock file that its process keeps locked. The system frees the lock when the process ends, so a folder
whose lock can be taken is stale. Without such locks (Windows) the lock file is kept open, which cannot be removed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from kinescale.core.files import fcntl, try_lock

PREFIX = "kinescale-scratch-"
LOCK = ".lock"


@contextlib.contextmanager
def scratch_folder(within: str | Path | None = None) -> Iterator[Path]:
    """Context with a new empty folder in the system's temporary folder (or in ``within``), removed after the block.

    Folders left there by killed processes are removed first.
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
    """Remove this user's stale folders in ``place``; returns those removed."""
    removed = []
    for folder in place.glob(f"{PREFIX}*"):
        lock = folder / LOCK
        with contextlib.suppress(OSError):
            if folder.is_symlink() or not _mine(folder) or not lock.is_file() or lock.is_symlink():
                continue
            with lock.open("r+b") as file:
                if fcntl is not None and not try_lock(file.fileno()):
                    continue
                if fcntl is not None:
                    # while the lock is held: no two processes remove the same folder
                    shutil.rmtree(folder, ignore_errors=True)
            if fcntl is None:
                lock.unlink()
                shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
    return removed


def _lock(folder: Path) -> IO[bytes]:
    """Create the folder's lock file, open and locked; it gets its name only then, so that it never appears unlocked."""
    fresh = folder / f"{LOCK}.new"
    file = fresh.open("w+b")
    if fcntl is not None:
        try_lock(file.fileno())
        os.replace(fresh, folder / LOCK)
        return file
    file.close()
    os.replace(fresh, folder / LOCK)
    return (folder / LOCK).open("r+b")


def _mine(folder: Path) -> bool:
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
