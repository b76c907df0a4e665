"""Context of composition: the source clips, their units, the limits of their physics, and usual tempos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kinescale.core.errors import DataError, InputError
from kinescale.data.compose.chain import Part
from kinescale.data.compose.physics import Limits
from kinescale.data.compose.track import Track
from kinescale.data.compose.units import Library, Unit
from kinescale.data.prepared import Prepared, open_prepared
from kinescale.motion import Motion

CACHED = 256
"""Clips whose kinematics a process keeps."""


def open_sources(places: Sequence[str]) -> list[Prepared]:
    """The prepared folders, on one skeleton and at one rate."""
    if not places:
        raise InputError("no prepared folder to compose from; give one or several.")
    found = [open_prepared(place) for place in places]
    if len({(one.skeleton.name, one.fps) for one in found}) > 1:
        raise DataError("the sources were prepared with different skeletons or rates; prepare them alike.")
    return found


class Sources:
    """Several prepared folders as one list of clips."""

    def __init__(self, every: Sequence[Prepared]):
        self._every = every
        self._at = [(k, i) for k, one in enumerate(every) for i in range(len(one.clips))]
        self.clips = [clip for one in every for clip in one.clips]
        self.fps, self.skeleton = every[0].fps, every[0].skeleton

    def motion(self, index: int) -> Motion:
        """The motion of ``clips[index]``."""
        folder, clip = self._at[index]
        return self._every[folder].motion(clip)


@dataclass(frozen=True, eq=False)
class ComposeContext:
    """What every kind of composition reads; ``tempos``: class of acts -> slow and fast joint speeds (``tempo``)."""

    sources: Sources
    library: Library
    limits: Limits
    tempos: Mapping[str, tuple[float, float]]
    _kept: dict[int, Track] = field(default_factory=dict)

    def part(self, unit: Unit) -> Part:
        """A unit with the frames of its clip."""
        track = self._kept.get(unit.clip)
        if track is None:
            track = Track.of(self.sources.motion(unit.clip))
            if len(self._kept) >= CACHED:
                del self._kept[next(iter(self._kept))]
            self._kept[unit.clip] = track
        stops = (min(unit.stops[0], len(track)), min(unit.stops[1], len(track)))
        return Part(unit, track, unit.starts, stops)

    def source(self, unit: Unit) -> str:
        """The id of a unit's clip."""
        return self.sources.clips[unit.clip].id
