"""Survey of the source clips: their descriptions, limits of their physics, and usual tempos, measured in parallel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kinescale.core.errors import DataError
from kinescale.core.records import json_hash
from kinescale.data.compose.acceptance import floats
from kinescale.data.compose.clip import CORPUS
from kinescale.data.compose.context import Sources
from kinescale.data.compose.physics import Limits, physics_of
from kinescale.data.compose.tempo import event_speeds, tempos_of
from kinescale.data.compose.track import Track
from kinescale.data.compose.workers import each, kept_sources
from kinescale.data.prepared import Prepared
from kinescale.description import Description, describe

VERSION = 6
"""Version of composition: part of every part's key, so that a change of it composes anew."""

CHUNK = 60
"""Clips per job."""


@dataclass(frozen=True)
class Survey:
    """Measurements of the source clips; ``found``: index of a clip -> its description."""

    found: dict[int, Description]
    limits: Limits
    tempos: dict[str, tuple[float, float]]
    hash: str


def survey(every: list[Prepared], places: tuple[str, ...], split: str, pool: Any) -> Survey:
    """Measure every clip of the split; ``DataError`` when there is none."""
    clips = Sources(every).clips
    wanted = [i for i, c in enumerate(clips) if c.split == split and not c.id.startswith(f"{CORPUS}/")]
    if not wanted:
        raise DataError(f"the sources hold no clip of split '{split}' to compose from.")
    chunks = [(places, wanted[at : at + CHUNK]) for at in range(0, len(wanted), CHUNK)]
    rows: dict[int, Any] = {}
    for _, some in each(pool, _measured, chunks):
        rows.update(some)
    order = sorted(rows)
    limits = Limits.of(rows[index][1] for index in order)
    tempos = tempos_of(speed for index in order for speed in rows[index][2])
    key = json_hash({"sources": [one.manifest_hash for one in every], "engine": VERSION})
    return Survey({index: rows[index][0] for index in order}, limits, tempos, key)


def _measured(job: tuple[tuple[str, ...], list[int]]) -> dict[int, Any]:
    """Description, physics and joint speeds of some clips."""
    places, indices = job
    sources = kept_sources(places)
    measured = {}
    for index in indices:
        motion = sources.motion(index)
        if len(motion) < 4:
            continue
        track = Track.of(motion)
        if floats(track):
            continue
        found = describe(motion)
        measured[index] = (found, physics_of(track, found.path.gait), event_speeds(track, found))
    return measured
