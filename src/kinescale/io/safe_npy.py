"""Safe reading of untrusted .npy and .npz files: sizes are checked before allocation, pickles are refused."""

from __future__ import annotations

import contextlib
import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kinescale.core.errors import FormatError, KinescaleError
from kinescale.core.files import atomic_path, read_bytes_bounded

MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_MEMBERS = 4096
FREE_BYTES, MAX_RATIO = 64 * 1024 * 1024, 8
"""Bound on the unpacked size of an archive's members: a constant plus a multiple of the file's size."""

BLOCK_BYTES = 1 << 20
DIRECTORY_ENTRY = b"PK\x01\x02"
# exceptions of zipfile, zlib and NumPy for damaged files
BROKEN = (
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError, SyntaxError, RecursionError, EOFError, OSError),
    *(RuntimeError, NotImplementedError, ValueError, TypeError, KeyError, OverflowError, MemoryError, SystemError),
)


@dataclass(frozen=True)
class Expected:
    """Expected type and shape of an array. ``kinds``: types such as "f4 f8", or "U" and "S" for text. ``axes``: how
    many.

    ``lenient`` takes any byte order and column-major arrays too.
    """

    kinds: str
    axes: tuple[int, ...]
    lenient: bool = False

    def fits(self, dtype: np.dtype, shape: tuple[int, ...], fortran: bool) -> bool:
        kinds = self.kinds.split()
        name = dtype.kind if dtype.kind in "US" else f"{dtype.kind}{dtype.itemsize}"
        order = self.lenient or (not fortran and (dtype.isnative or dtype.kind == "S"))
        return (
            not dtype.hasobject and name in kinds and order and len(shape) in self.axes and min(shape, default=1) >= 0
        )

    def __str__(self) -> str:
        return f"{self.kinds} with {' or '.join(map(str, self.axes))} axes"


@contextlib.contextmanager
def foreign_errors(path: Path, what: str) -> Iterator[None]:
    """Context that turns exceptions of the libraries on damaged files into ``FormatError``."""
    try:
        yield
    except KinescaleError:
        raise
    except BROKEN as problem:
        reason = " ".join(str(problem).split())[:120]
        raise FormatError(f"is not a sound {what} ({reason}).", path=path) from None


def read_npy(path: Path, expected: Expected) -> np.ndarray:
    """Array of an ``.npy`` file; ``FormatError`` where it is not as expected."""
    data = read_bytes_bounded(path, MAX_FILE_BYTES)
    with foreign_errors(path, "npy file"):
        return read_array(path, "the array", io.BytesIO(data), len(data), expected)


def read_array(path: Path, name: str, stream: io.BufferedIOBase, size: int, expected: Expected) -> np.ndarray:
    """One array from a stream of ``size`` bytes, after checking its header against them and ``expected``."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise FormatError(f"{name} is in npy version {version}; expected 1.0 or 2.0.", path=path)
    if dtype.hasobject:
        raise FormatError(
            f"{name} holds Python objects, which only a pickle can bring back; save it again as plain numbers or text.",
            path=path,
        )
    if not expected.fits(dtype, shape, fortran):
        layout = ", column-major" if fortran else ""
        raise FormatError(f"{name} is {str(dtype)[:60]} {shape}{layout}; expected {expected}.", path=path)
    nbytes = math.prod(shape) * dtype.itemsize
    if stream.tell() + nbytes != size:
        raise FormatError(f"{name} declares {nbytes} bytes; the file holds another number.", path=path)
    array = np.empty(nbytes, np.uint8)
    taken = 0
    while taken < nbytes and (block := stream.read(min(BLOCK_BYTES, nbytes - taken))):
        array[taken : taken + len(block)] = np.frombuffer(block, np.uint8)
        taken += len(block)
    if taken < nbytes or stream.read(1):
        raise FormatError(f"{name} declares {nbytes} bytes; {taken} or more than that were there.", path=path)
    values = array.view(dtype) if nbytes else np.empty(0, dtype)
    values = values.reshape(shape, order="F" if fortran else "C")
    return np.ascontiguousarray(values.astype(dtype.newbyteorder("="), copy=False)).reshape(shape)


@dataclass(frozen=True)
class Archive:
    """An open ``.npz`` file of ``size`` bytes and the entries of its directory."""

    path: Path
    zip: zipfile.ZipFile
    size: int

    def names(self) -> list[str]:
        """File names of the members, in order."""
        return [info.filename for info in self.zip.infolist()]

    def pick(self, names: Collection[str], *, free_bytes: int = FREE_BYTES, ratio: int = MAX_RATIO) -> Picked:
        """Those of the arrays ``names`` that are present, after checking their compression and declared sizes."""
        members: dict[str, zipfile.ZipInfo] = {}
        for info in self.zip.infolist():
            name = info.filename.removesuffix(".npy")
            if name not in names or f"{name}.npy" != info.filename:
                continue
            if name in members:
                raise FormatError(f"holds '{info.filename}' twice; expected it once.", path=self.path)
            if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise FormatError(
                    f"'{info.filename}' is encrypted or packed in a way that is not taken.", path=self.path
                )
            members[name] = info
        total, limit = sum(info.file_size for info in members.values()), free_bytes + ratio * self.size
        if total > limit:
            text = f"unpacks to {total} bytes; expected at most {limit} for a file of {self.size}."
            raise FormatError(text, path=self.path)
        return Picked(self, members)


@dataclass(frozen=True)
class Picked:
    """Checked members of an archive."""

    archive: Archive
    members: dict[str, zipfile.ZipInfo]

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def read(self, name: str, expected: Expected) -> np.ndarray:
        """One array; ``FormatError`` when it is not as expected."""
        info = self.members[name]
        with self.archive.zip.open(info) as stream:
            assert isinstance(stream, io.BufferedIOBase)
            return read_array(self.archive.path, f"'{name}'", stream, info.file_size, expected)


@contextlib.contextmanager
def open_npz(path: Path) -> Iterator[Archive]:
    """Context with an open archive; errors of damaged data inside the block become ``FormatError``."""
    data = read_bytes_bounded(path, MAX_FILE_BYTES)
    if data.count(DIRECTORY_ENTRY) > MAX_MEMBERS:
        raise FormatError(f"holds more than {MAX_MEMBERS} members; expected a handful.", path=path)
    with foreign_errors(path, "npz archive"), zipfile.ZipFile(io.BytesIO(data)) as archive:
        yield Archive(path, archive, len(data))


def write_npz(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an uncompressed archive of arrays atomically; equal arrays give equal files."""
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            # a ZipInfo made by name alone has no time of day
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
