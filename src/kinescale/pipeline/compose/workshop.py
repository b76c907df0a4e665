"""What a worker has at hand: the sources' motions, units and descriptions, the bars, and what pace is usual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from kinescale.datasets.prepared import Prepared
from kinescale.pipeline.compose.chain import Part
from kinescale.pipeline.compose.checks import Bars
from kinescale.pipeline.compose.sources import Library, Unit
from kinescale.pipeline.compose.track import Track


@dataclass(frozen=True, eq=False)
class Workshop:
    """``tempos``: class -> what is slow and what is fast of it (mean speed of the joints, metres per second)."""

    prepared: Prepared
    library: Library
    bars: Bars
    tempos: Mapping[str, tuple[float, float]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "_track", lru_cache(maxsize=256)(self._read))

    def _read(self, clip: int) -> Track:
        return Track.of(self.prepared.motion(clip))

    def part(self, unit: Unit) -> Part:
        """A unit with the frames of its clip."""
        track: Track = self._track(unit.clip)  # pyright: ignore[reportAttributeAccessIssue]
        stops = (min(unit.stops[0], len(track)), min(unit.stops[1], len(track)))
        return Part(unit, track, unit.starts, stops)

    def source(self, unit: Unit) -> str:
        """The id of a unit's clip."""
        return self.prepared.clips[unit.clip].id
