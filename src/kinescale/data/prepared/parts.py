"""Parts of prepared data, in a folder or under a URL: columns at once, arrays of a clip when they are asked for.

A URL is any that fsspec opens (``s3://``, ``gs://``, ``hf://``, ``memory://``), where its library is installed.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kinescale.core.errors import DataError, MissingDependencyError
from kinescale.data.prepared.integrity import MANIFEST, check_file
from kinescale.data.prepared.writer import ARRAYS, current_names, pyarrow, schema

CHECKED_AT_START = 1 << 30
"""Bytes of parts that are compared with their digests when a folder is opened; a larger folder's parts are when arrays
of them are first read."""
HELD_BYTES = 128 << 20
"""Arrays that are kept in memory, least recently used first to go."""


def is_url(place: str | Path) -> bool:
    """Whether a place is named by a URL, not a path of this machine."""
    return "://" in str(place)


@dataclass(frozen=True)
class Place:
    """A folder: of this machine, or (``system`` given) of a file system that fsspec opens."""

    path: str
    system: Any = None

    @staticmethod
    def of(folder: str | Path) -> Place:
        """The place that a path or URL names; ``DataError`` for a URL that cannot be opened."""
        if not is_url(folder):
            return Place(str(folder))
        try:
            import fsspec
        except ImportError:
            raise MissingDependencyError(f"{folder}: URLs need fsspec; install it with: pip install fsspec.") from None
        try:
            system, path = fsspec.core.url_to_fs(str(folder))
        except (ImportError, ValueError, OSError) as problem:
            raise DataError(f"{folder}: cannot be opened ({' '.join(str(problem).split())[:160]}).") from None
        return Place(path, system)

    def manifests(self) -> list[Place]:
        """Folders of corpora: those below it that hold a manifest, or itself."""
        if self.system is None:
            found = sorted(Path(self.path).glob(f"*/{MANIFEST}")) or sorted(Path(self.path).glob(MANIFEST))
            return [Place(str(path.parent)) for path in found]
        names = sorted(self.system.glob(f"{self.path.rstrip('/')}/*/{MANIFEST}"))
        names = names or sorted(self.system.glob(f"{self.path.rstrip('/')}/{MANIFEST}"))
        return [Place(name.rpartition("/")[0], self.system) for name in names]

    def file(self, name: str) -> str:
        """Path of a file in it."""
        return str(Path(self.path, name)) if self.system is None else f"{self.path.rstrip('/')}/{name}"

    def open(self, name: str) -> io.IOBase:
        """A file in it, to be read."""
        path = self.file(name)
        return open(path, "rb") if self.system is None else self.system.open(path, "rb")

    def size(self, name: str) -> int:
        """Bytes of a file in it."""
        path = self.file(name)
        return Path(path).stat().st_size if self.system is None else int(self.system.size(path))


@dataclass(eq=False)
class Part:
    """One Parquet file of a corpus."""

    place: Place
    name: str
    manifest: Mapping[str, Any]
    starts: list[int] = field(default_factory=list)
    """First row of each row group, and the number of rows."""
    checked: bool = False

    def __str__(self) -> str:
        return self.place.file(f"parts/{self.name}")

    def check(self) -> None:
        """``DataError`` unless the file is the one that was written (of this machine's files)."""
        if not self.checked and self.place.system is None:
            check_file(self.manifest, self.name, Path(str(self)))
        self.checked = True

    def columns(self) -> Any:
        """The table without the arrays; ``DataError`` where a column is missing, of another type, or has gaps."""
        pa = pyarrow()
        with self._file() as file:
            shape, self.starts = file.schema_arrow, [0]
            for group in range(file.num_row_groups):
                self.starts.append(self.starts[-1] + file.metadata.row_group(group).num_rows)
            table = file.read(columns=[name for name in shape.names if name not in ARRAYS])
        table, named = current_names(table), current_names(shape.empty_table()).schema
        wanted = schema(pa)
        for name in wanted.names:
            if name not in named.names or named.field(name).type != wanted.field(name).type:
                raise DataError(f"{self}: the column '{name}' is missing or of another type; prepare it again.")
            if name in table.schema.names and table[name].null_count:
                raise DataError(f"{self}: the column '{name}' has gaps; prepare it again.")
        return table

    def group(self, number: int) -> Any:
        """The arrays of a row group."""
        self.check()
        with self._file() as file:
            return file.read_row_group(number, columns=[name for name in file.schema_arrow.names if name in ARRAYS])

    def _file(self) -> Any:
        local = self.place.system is None
        return pyarrow().parquet.ParquetFile(str(self) if local else self.place.open(f"parts/{self.name}"))


class Arrays:
    """Arrays of clips by part and row, of which the last used are kept."""

    def __init__(self, parts: list[Part], held_bytes: int = HELD_BYTES):
        self.parts, self.held_bytes = parts, held_bytes
        self._held: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._bytes = 0

    def read(self, part: int, row: int) -> dict[str, bytes | None]:
        """The arrays of a row, by column; ``DataError`` where they cannot be read."""
        starts = self.parts[part].starts
        group = next(g for g in range(len(starts) - 1) if row < starts[g + 1])
        table = self._group(part, group)
        return {name: table[name][row - starts[group]].as_py() for name in table.schema.names}

    def _group(self, part: int, group: int) -> Any:
        key = (part, group)
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        pa = pyarrow()
        try:
            table = self.parts[part].group(group)
        except (OSError, pa.ArrowException) as problem:
            reason = " ".join(str(problem).split())[:160]
            raise DataError(f"{self.parts[part]}: cannot be read ({reason}); prepare it again.") from None
        self._held[key], self._bytes = table, self._bytes + table.nbytes
        while self._bytes > self.held_bytes and len(self._held) > 1:
            with suppress(KeyError):
                self._bytes -= self._held.popitem(last=False)[1].nbytes
        return table
