"""Atomic file writes, bounded reads, file locks and hashes."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kinescale.core.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextlib.contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Context of an atomic write: a temporary path in the same folder, moved to ``target`` if the block succeeds.

    The temporary file keeps the target's suffix, since some writers choose the format by it.
    """
    target = Path(target)
    if not target.parent.is_dir():
        raise InputError(f"cannot write {target}: the folder {target.parent} does not exist; make it first.")
    handle, name = tempfile.mkstemp(prefix=_prefix(target), suffix=target.suffix, dir=target.parent)
    temporary = Path(name)
    if not try_lock(handle):
        os.close(handle)
        handle = None
    try:
        yield temporary
        flush(temporary)
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)


def sweep_temporaries(target: str | Path) -> None:
    """Remove temporary files of ``target`` left by killed processes: those that no process has locked."""
    target = Path(target)
    for stray in target.parent.glob(f"{glob.escape(_prefix(target))}*{glob.escape(target.suffix)}"):
        with contextlib.suppress(OSError):
            if fcntl is not None:
                with stray.open("r+b") as file:
                    if not try_lock(file.fileno()):
                        continue
                    stray.unlink()
            else:
                stray.unlink()  # open files cannot be removed on Windows


def _prefix(target: Path) -> str:
    return f".{target.stem[:40]}."


def try_lock(handle: int) -> bool:
    """Lock an open file until it is closed or its process ends; False where that is not possible."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def flush(path: Path) -> int:
    """Flush a file to disk, so that a full disk is noticed now; returns its size in bytes."""
    with path.open("rb") as done:
        os.fsync(done.fileno())
        return os.fstat(done.fileno()).st_size


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def atomic_write_text(target: str | Path, text: str) -> None:
    """Write ``text`` atomically as UTF-8 with Unix line ends."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def atomic_write_bytes(target: str | Path, data: bytes) -> None:
    """Write ``data`` atomically."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(data)


def refuse_overwrite(target: str | Path, force: bool) -> Path:
    """``target`` as a path; ``InputError`` when it exists and ``force`` is not given."""
    target = Path(target)
    try:
        folder, there = target.is_dir(), target.exists()
    except OSError as problem:
        # above all a name that is too long
        raise InputError(f"cannot write {str(target)[:120]}... ({problem.strerror or problem}).") from None
    if folder:
        raise InputError(f"{target} is a folder; name a file to write.")
    if there and not force:
        raise InputError(f"{target} exists; give --force to replace it.")
    return target


def read_bytes_bounded(path: str | Path, limit: int, *, error: type[Exception] = InputError) -> bytes:
    """Bytes of a file; raises ``error`` when it is missing, a folder, or larger than ``limit`` bytes."""
    path = Path(path)
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise error(f"{path} is a folder; name a file.")
        if size > limit:
            raise error(f"{path}: {size} bytes, more than the {limit} allowed.")
        with path.open("rb") as file:
            # not read(limit): that would allocate the limit for a file of any size
            data = file.read(min(size, limit) + 1)
            if len(data) > size:
                data += file.read(limit + 1 - len(data))
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror or problem}).") from None
    if len(data) > limit:
        raise error(f"{path}: more than the {limit} bytes allowed.")
    return data


def read_text_bounded(path: str | Path, limit: int, *, error: type[Exception] = InputError) -> str:
    """Text of a UTF-8 file without byte-order mark; errors as of ``read_bytes_bounded``."""
    data = read_bytes_bounded(path, limit, error=error)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error(f"{path}: is not UTF-8 text (byte {problem.start}).") from None


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()
