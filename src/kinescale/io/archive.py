"""Safe unpacking of untrusted archives: bounded in size and number of files, never outside the target folder.

A .tar (plain, .gz, .bz2, .xz) or a .zip. The unpacked size is bounded by the archive's own size, so that a small file
cannot fill a disk; times and owners are ignored, links out of the folder and devices refused. All problems are
``DataError``.
"""

from __future__ import annotations

import contextlib
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kinescale.core.errors import DataError, KinescaleError
from kinescale.io.scratch import scratch_folder

FREE_BYTES, MAX_RATIO, MAX_BYTES = 256 * 1024**2, 64, 64 * 1024**3
"""Bound on the unpacked size: a constant, plus a multiple of the archive's size, and an absolute limit.

Motion capture as text compresses to a tenth of its size at best.
"""
FREE_MEMBERS, BYTES_A_MEMBER, MAX_MEMBERS = 10_000, 32, 1_000_000
"""The same for the number of members: a constant, plus one per so many bytes of the archive."""
MAX_HEADER_BYTES = 1024 * 1024
"""Most bytes of a tar member's extended header, which is read into memory at once."""

_HEADERS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)


@contextlib.contextmanager
def unpacked(source: str | Path) -> Iterator[Path]:
    """Context with the folder itself, or a temporary folder with an archive's content, removed after the block.

    Raises ``DataError`` for a source that does not exist, is no archive, is damaged, or unpacks to more than its size
    allows or the disk has room for.
    """
    source = Path(source)
    if source.is_dir():
        yield source
        return
    if not source.is_file():
        raise DataError(f"{source}: there is no such folder or archive; give the corpus as published.")
    with scratch_folder() as folder:
        unpack(source, folder)
        yield folder


def unpack(source: Path, folder: Path) -> None:
    """Unpack ``source`` into ``folder``; ``DataError`` for anything that is wrong with it."""
    try:
        budget = _Budget.of(source, folder)
        if zipfile.is_zipfile(source):
            _unzip(source, folder, budget)
        else:
            _untar(source, folder, budget)
    except KinescaleError:
        raise
    except Exception as problem:
        # the libraries raise more than a dozen kinds of errors on damaged, encrypted or odd archives
        reason = getattr(problem, "strerror", None) or " ".join(str(problem).split()) or type(problem).__name__
        raise DataError(
            f"{source}: cannot be unpacked ({reason[:160]}); expected a folder, a .tar(.gz|.xz) or a .zip."
        ) from None


@dataclass
class _Budget:
    """Remaining budget of bytes and members while unpacking."""

    source: Path
    limit: int
    members_limit: int
    room: int
    taken: int = 0
    members: int = 0

    @staticmethod
    def of(source: Path, folder: Path) -> _Budget:
        size = source.stat().st_size
        return _Budget(
            source,
            min(MAX_BYTES, FREE_BYTES + MAX_RATIO * size),
            min(MAX_MEMBERS, FREE_MEMBERS + size // BYTES_A_MEMBER),
            shutil.disk_usage(folder).free,
        )

    def take(self, size: int) -> None:
        """Count one member; ``DataError`` when that exceeds the budget."""
        if size < 0:
            raise DataError(f"{self.source}: a member declares {size} bytes; the archive is damaged.")
        self.members += 1
        self.taken += size
        if self.members > self.members_limit:
            raise DataError(f"{self.source}: holds more than the {self.members_limit} members that its size allows.")
        if self.taken > self.limit:
            raise DataError(
                f"{self.source}: unpacks to more than the {self.limit >> 20} MiB that its size allows; "
                "unpack it by hand if it is sound, and give the folder."
            )
        if self.taken > self.room:
            raise DataError(
                f"{self.source}: unpacks to more than the {self.room >> 20} MiB that are free in the temporary folder; "
                "set TMPDIR to a larger disk, or unpack it by hand."
            )


class _Member(tarfile.TarInfo):
    """A tar member with bounded extended headers, which are read into memory whole."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _HEADERS and not 0 <= self.size <= MAX_HEADER_BYTES:
            raise tarfile.HeaderError(f"a header of {self.size} bytes; at most {MAX_HEADER_BYTES} are read")
        return super()._proc_member(tar)  # type: ignore[misc]


def _untar(source: Path, folder: Path, budget: _Budget) -> None:
    with tarfile.open(source, tarinfo=_Member) as archive:
        for member in archive:
            budget.take(member.size)
            # times are not set: they may be damaged
            archive.extract(member.replace(mtime=None, deep=False), folder, filter="data")  # type: ignore[arg-type]


def _unzip(source: Path, folder: Path, budget: _Budget) -> None:
    with zipfile.ZipFile(source) as archive:
        members = archive.infolist()
        for member in members:
            budget.take(member.file_size)
        for member in members:
            # the library reads no more of a member than it declares, and keeps names inside the folder
            archive.extract(member, folder)
