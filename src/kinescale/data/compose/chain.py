"""Chain of units: each cut at its start and end, placed and joined at the transition of least cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kinescale.data.compose.captions import Segment
from kinescale.data.compose.retime import retime
from kinescale.data.compose.track import Track
from kinescale.data.compose.transition import Transition, best_transition, join_clips
from kinescale.data.compose.units import Unit

MOST_FRAMES = 255
"""Frames of the longest composed clip: 8.5 seconds at 30 fps."""

HARD_TRANSITION = 2.6
"""Largest cost of a transition."""

CANDIDATES = 14
"""Most frames tried on each side of a transition."""

SHORT_M = 0.015
"""Largest distance by which a foot may miss its target."""


class Rejected(Exception):
    """A composition that is not used; the reason is counted in the report."""


@dataclass(frozen=True, eq=False)
class Part:
    """A unit's frames as a track, with the ranges of frames in which it may begin and end."""

    unit: Unit
    track: Track
    starts: tuple[int, int]
    stops: tuple[int, int]

    def faster(self, factor: float) -> Part:
        """The part at another speed."""
        if factor == 1.0:
            return self
        track = retime(self.track, factor)
        starts, stops = (
            tuple(min(len(track), round(at / factor)) for at in pair) for pair in (self.starts, self.stops)
        )
        return Part(self.unit, track, (starts[0], starts[1]), (stops[0], max(stops)))

    def cut(self, rng: np.random.Generator, frames: int) -> Part:
        """About ``frames`` frames of a steady unit; other units unchanged."""
        low, high = self.starts[0], self.stops[1]
        if not self.unit.steady or high - low <= frames:
            return self
        start = low + int(rng.integers(high - low - frames + 1))
        slack = min(10, frames // 4)
        return Part(self.unit, self.track, (start, start + slack), (start + frames - slack, start + frames))


@dataclass(eq=False)
class Chain:
    """What is joined so far. ``lasts``: frames among which the last unit may be left. ``seams``: frames of the made
    stretches; ``spans``: unit, first frame and the frame after the last one of each."""

    track: Track
    lasts: tuple[int, int]
    spans: list[tuple[Unit, int, int]]
    transitions: list[tuple[int, int]] = field(default_factory=list)

    @staticmethod
    def start(part: Part, rng: np.random.Generator) -> Chain:
        """A chain of one unit, begun at one of its starts."""
        low, high = part.starts
        first = int(rng.integers(low, max(high, low + 1)))
        track = part.track.slice(first, max(part.stops[1], first + 2))
        lasts = (max(1, part.stops[0] - 1 - first), len(track) - 1)
        return Chain(track, lasts, [(part.unit, 0, len(track))])

    def transition_to(self, part: Part) -> Transition:
        """The transition of least cost to a unit."""
        lasts = _spread(max(self.lasts[0], 2), self.lasts[1])
        firsts = _spread(part.starts[0], min(part.starts[1], part.stops[0] - 2))
        return best_transition(self.track, part.track, lasts, firsts)

    def then(self, part: Part, transition: Transition | None = None) -> float:
        """Join a unit at ``transition``, by default that of least cost; returns the cost. ``Rejected`` if too high."""
        transition = transition or self.transition_to(part)
        if transition.cost > HARD_TRANSITION:
            raise Rejected("hard transition")
        second = part.track.slice(0, part.stops[1])
        track, at, short = join_clips(self.track, second, transition)
        if short > SHORT_M:
            raise Rejected("foot out of reach")
        unit, begin, _ = self.spans[-1]
        middle = transition.last + 1 + transition.gap // 2
        self.spans[-1] = (unit, begin, middle)
        self.spans.append((part.unit, middle, len(track)))
        self.transitions.append((transition.last, at))
        self.track = track
        self.lasts = (max(at + 1, at + part.stops[0] - 1 - transition.first), len(track) - 1)
        return transition.cost

    def finish(self, rng: np.random.Generator) -> None:
        """Cut the chain at one of the last unit's ends."""
        low, high = self.lasts
        last = int(rng.integers(min(low, high), high + 1))
        if last + 1 > MOST_FRAMES >= low + 1:
            last = MOST_FRAMES - 1
        self.track = self.track.slice(0, last + 1)
        unit, begin, _ = self.spans[-1]
        self.spans[-1] = (unit, begin, last + 1)
        if len(self.track) > MOST_FRAMES:
            raise Rejected("too long")

    def segments(self) -> list[Segment]:
        """Segments of the chain for the captions, in seconds."""
        fps = self.track.fps
        return [segment_of(unit, start / fps, stop / fps) for unit, start, stop in self.spans]


def segment_of(unit: Unit, start: float, stop: float) -> Segment:
    """A unit as a segment of a caption."""
    return Segment(
        kind=unit.kind,
        span=(round(start, 3), round(stop, 3)),
        side=unit.side,  # pyright: ignore[reportArgumentType]
        label="" if unit.kind else unit.label,
        phrases=unit.phrases,
        style=unit.style,
    )


def _spread(low: int, high: int) -> Sequence[int]:
    """Frames from ``low`` to ``high``, thinned out evenly."""
    high = max(low, high)
    step = max(1, -(-(high - low + 1) // CANDIDATES))
    return range(low, high + 1, step)
