"""Tempo of acts: joint speed of each event, and what is slow or fast for its class of act."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from kinescale.data.compose.captions import Segment
from kinescale.data.compose.captions.clauses import events_of
from kinescale.data.compose.track import Track
from kinescale.description import Description

TEMPO_PERCENTILES = (25.0, 75.0)
LEAST_EVENTS = 8
"""Events that a class of acts needs for a tempo."""

Tempos = Mapping[str, tuple[float, float]]
"""Class of acts -> joint speed up to which an act is slow, and from which it is fast, m/s."""


def tempos_of(speeds: Iterable[tuple[str, float]]) -> dict[str, tuple[float, float]]:
    """Tempos from (class, joint speed) of events."""
    classes: dict[str, list[float]] = defaultdict(list)
    for name, speed in speeds:
        classes[name].append(speed)
    return {
        name: (_percentile(some, TEMPO_PERCENTILES[0]), _percentile(some, TEMPO_PERCENTILES[1]))
        for name, some in sorted(classes.items())
        if len(some) >= LEAST_EVENTS
    }


def _percentile(values: list[float], q: float) -> float:
    return round(float(np.percentile(values, q)), 4)


def event_speeds(track: Track, found: Description) -> list[tuple[str, float]]:
    """(class, joint speed) of every event that does not travel or turn."""
    return [
        (f"{event.kind} {event.side}" if event.side else event.kind, joint_speed(track, event.start_s, event.end_s))
        for event in found.events
        if event.kind not in ("travel", "stand_still", "turn", "circle")
    ]


def joint_speed(track: Track, start_s: float, end_s: float) -> float:
    """Mean speed of all joints over some seconds, m/s."""
    start, stop = int(start_s * track.fps), max(int(end_s * track.fps), int(start_s * track.fps) + 2)
    part = track.positions[start : stop + 1]
    return float((part[1:] - part[:-1]).norm(dim=-1).mean()) * track.fps if len(part) > 1 else 0.0


def with_tempo(tempos: Tempos, segment: Segment, track: Track, found: Description, factor: float) -> Segment:
    """The segment with its tempo, where it is slow or fast for its class; ``factor``: its change of speed."""
    name = f"{segment.kind} {segment.side}" if segment.side else segment.kind
    events = events_of(segment, found) if name in tempos else []
    if not events:
        return segment
    speed = float(np.mean([joint_speed(track, event.start_s, event.end_s) for event in events]))
    slow, fast = tempos[name]
    tempo = "slow" if speed < slow and factor < 0.9 else "fast" if speed > fast and factor > 1.1 else ""
    return replace(segment, tempo=tempo)
