"""The dataset contract. A corpus's file offers ``LICENCE``, ``find(folder)`` and ``load(clip)``.

``find(folder) -> list[RawClip]`` lists the clips in the published layout below ``folder``, in a fixed order, reading
names only. ``load(clip) -> Motion`` reads one, on the file's own skeleton at the true frame rate, in metres.
"""

from __future__ import annotations

from pathlib import Path

from kinescale.core.errors import DataError
from kinescale.core.records import Record


class Licence(Record):
    """Terms that follow the data into bundles and into the files made with them."""

    name: str
    url: str
    attribution: str
    commercial_use: bool
    share_alike: bool = False


class RawClip(Record):
    """One clip as published: where it is and what its label says.

    ``id`` is "corpus/take"; ``files`` are hashed for the manifest, the motion file first; ``action`` and ``style`` are
    the label's words (a take's one-line description is its action); ``fps`` is given where the file does not tell.
    """

    id: str
    corpus: str
    files: tuple[Path, ...]
    action: str
    style: str = "normal"
    fps: float | None = None
    drop_first: int = 0

    @property
    def take(self) -> str:
        """The id without the corpus."""
        return self.id.split("/", 1)[1]


def need(clips: list[RawClip], folder: Path, layout: str) -> list[RawClip]:
    """``clips`` sorted by id; ``DataError`` when there is none or two share an id."""
    if not clips:
        raise DataError(f"{folder}: no clip found; expected {layout}.")
    seen: dict[str, RawClip] = {}
    for clip in clips:
        if clip.id in seen:
            raise DataError(f"two clips are called {clip.id}: {seen[clip.id].files[0]} and {clip.files[0]}.")
        seen[clip.id] = clip
    return sorted(clips, key=lambda clip: clip.id)
