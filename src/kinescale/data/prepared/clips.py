"""The clips of prepared data as a sequence: columns in memory, a record made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, overload

import numpy as np

from kinescale.data.datasets.base.splits import share_of

CHUNK = 4096
LISTS = ("captions", "captions_mirrored", "caption_tokens")


@dataclass(frozen=True)
class PreparedClip:
    """One prepared clip without its arrays. ``label`` is "action/style"; ``caption_tokens`` are published words with
    their parts of speech, caption by caption, where there are any.

    ``held_by``: why a clip is not in training: "pair" (of action and style), "actor" or "take"; "" where it is.
    ``take`` is the take that the clip is, or is a window of: all its windows are in one split. The last ``amounts``
    captions tell counts, lengths, angles or an order that are measured on the whole clip: they are not true of a crop.
    Folders made before these columns give "", the id and 0.
    """

    id: str
    corpus: str
    split: str
    action: str
    style: str
    license: str
    frames: int
    fps: float
    steady: bool
    captions: tuple[str, ...]
    captions_mirrored: tuple[str, ...]
    motion_sha256: str
    caption_tokens: tuple[str, ...] = ()
    held_by: str = ""
    take: str = ""
    amounts: int = 0

    @property
    def label(self) -> str:
        """ "action/style"."""
        return f"{self.action}/{self.style}"

    def held_out(self, share: float) -> bool:
        """Whether the clip's pair of action and style is of the ``share`` that is kept from training: by a hash of
        corpus and label alone, so that a pair is in or out as a whole, whatever else is prepared.
        """
        return share_of(f"pair {self.corpus}/{self.label}") < share


class Clips(Sequence[PreparedClip]):
    """All clips; ``column`` and ``distinct`` answer questions about all of them without making records."""

    def __init__(self, table: Any):
        self.table = table
        self._one = lru_cache(maxsize=4096)(self._made)

    @staticmethod
    def of(clips: Sequence[PreparedClip]) -> Clips:
        """The clips as such a sequence; themselves where they are one."""
        if isinstance(clips, Clips):
            return clips
        import pyarrow as pa

        text, words = pa.string(), pa.list_(pa.string())
        kinds = {"int": pa.int32(), "float": pa.float64(), "bool": pa.bool_(), "str": text}
        fields = PreparedClip.__dataclass_fields__.values()
        schema = pa.schema([(field.name, kinds.get(str(field.type), words)) for field in fields])
        return Clips(pa.Table.from_pylist([vars(clip) for clip in clips], schema=schema))

    def __len__(self) -> int:
        return self.table.num_rows

    @overload
    def __getitem__(self, index: int) -> PreparedClip: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[PreparedClip, ...]: ...
    def __getitem__(self, index: int | slice) -> PreparedClip | tuple[PreparedClip, ...]:
        """A clip, or several as a tuple."""
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(f"clip {index} of {len(self)}")
        return self._one(at)

    def __iter__(self) -> Iterator[PreparedClip]:
        for first in range(0, len(self), CHUNK):
            yield from (_record(row) for row in self.table.slice(first, CHUNK).to_pylist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(a == b for a, b in zip(self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(tuple(self))

    def column(self, name: str) -> np.ndarray:
        """A field of all clips that is no list."""
        return self.table[name].to_numpy()

    def distinct(self, name: str, kept: np.ndarray) -> list[str]:
        """The distinct captions (field ``name``) of the clips that ``kept`` [clips] marks."""
        import pyarrow as pa

        compute = _compute()
        return compute.unique(compute.list_flatten(self.table[name].filter(pa.array(kept)))).to_pylist()

    def counts(self, name: str) -> np.ndarray:
        """How many captions (field ``name``) each clip has."""
        return _compute().list_value_length(self.table[name]).to_numpy()

    def _made(self, index: int) -> PreparedClip:
        return _record(self.table.slice(index, 1).to_pylist()[0])


def _compute() -> Any:
    # its functions are made at run time, where no type checker sees them
    import pyarrow.compute

    return pyarrow.compute


def _record(row: dict[str, Any]) -> PreparedClip:
    """A row of any age: what older parts lack is taken as it was then."""
    newer = {"held_by": "", "take": row["id"], "amounts": 0}
    row = {**row, **{name: row.get(name) or old for name, old in newer.items()}}
    return PreparedClip(**{**row, **{name: tuple(row[name] or ()) for name in LISTS if name in row}})
