"""Acts one after another: each unit cut at its own start and end, laid and joined at the easiest seam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kinescale.data.compose.captions import Piece
from kinescale.data.compose.retime import retimed
from kinescale.data.compose.seam import Seam, best_seam, joined
from kinescale.data.compose.sources import Unit
from kinescale.data.compose.track import Track

MOST_FRAMES = 255
"""Frames of the longest composed clip: 8.5 seconds at 30 a second."""

HARD_SEAM = 2.6
"""Cost of a seam from which it is not made."""

CANDIDATES = 14
"""Frames that are tried at each side of a seam, at most."""

SHORT_M = 0.015
"""A foot that inverse kinematics cannot bring nearer than this spoils the clip."""


class Refused(Exception):
    """Why a clip is not made; the reason is counted in the report."""


@dataclass(frozen=True, eq=False)
class Part:
    """A unit ready to be laid: its frames as a track, with the frames among which it may begin and end."""

    unit: Unit
    track: Track
    starts: tuple[int, int]
    stops: tuple[int, int]

    def faster(self, factor: float) -> Part:
        """The part at another pace."""
        if factor == 1.0:
            return self
        track = retimed(self.track, factor)
        starts, stops = (
            tuple(min(len(track), round(at / factor)) for at in pair) for pair in (self.starts, self.stops)
        )
        return Part(self.unit, track, (starts[0], starts[1]), (stops[0], max(stops)))

    def cut(self, rng: np.random.Generator, frames: int) -> Part:
        """Of something steady, about so many frames; anything else as it is."""
        low, high = self.starts[0], self.stops[1]
        if not self.unit.steady or high - low <= frames:
            return self
        start = low + int(rng.integers(high - low - frames + 1))
        slack = min(10, frames // 4)
        return Part(self.unit, self.track, (start, start + slack), (start + frames - slack, start + frames))


@dataclass(eq=False)
class Chain:
    """What is joined so far. ``lasts``: frames among which the last unit may be left. ``seams``: frames of the made
    stretches; ``pieces``: unit, first frame and the frame after the last one of each."""

    track: Track
    lasts: tuple[int, int]
    pieces: list[tuple[Unit, int, int]]
    seams: list[tuple[int, int]] = field(default_factory=list)

    @staticmethod
    def start(part: Part, rng: np.random.Generator) -> Chain:
        """A chain of one unit, begun at one of its starts."""
        low, high = part.starts
        first = int(rng.integers(low, max(high, low + 1)))
        track = part.track.slice(first, max(part.stops[1], first + 2))
        lasts = (max(1, part.stops[0] - 1 - first), len(track) - 1)
        return Chain(track, lasts, [(part.unit, 0, len(track))])

    def seam_to(self, part: Part) -> Seam:
        """The easiest seam to a unit."""
        lasts = _spread(max(self.lasts[0], 2), self.lasts[1])
        firsts = _spread(part.starts[0], min(part.starts[1], part.stops[0] - 2))
        return best_seam(self.track, part.track, lasts, firsts)

    def then(self, part: Part, seam: Seam | None = None) -> float:
        """Join a unit on, at ``seam`` or else the easiest one; returns its cost. ``Refused`` where it is too hard."""
        seam = seam or self.seam_to(part)
        if seam.cost > HARD_SEAM:
            raise Refused("hard seam")
        second = part.track.slice(0, part.stops[1])
        track, at, short = joined(self.track, second, seam)
        if short > SHORT_M:
            raise Refused("foot out of reach")
        unit, begin, _ = self.pieces[-1]
        middle = seam.last + 1 + seam.gap // 2
        self.pieces[-1] = (unit, begin, middle)
        self.pieces.append((part.unit, middle, len(track)))
        self.seams.append((seam.last, at))
        self.track = track
        self.lasts = (max(at + 1, at + part.stops[0] - 1 - seam.first), len(track) - 1)
        return seam.cost

    def finish(self, rng: np.random.Generator) -> None:
        """Leave the last unit at one of its ends."""
        low, high = self.lasts
        last = int(rng.integers(min(low, high), high + 1))
        if last + 1 > MOST_FRAMES >= low + 1:
            last = MOST_FRAMES - 1
        self.track = self.track.slice(0, last + 1)
        unit, begin, _ = self.pieces[-1]
        self.pieces[-1] = (unit, begin, last + 1)
        if len(self.track) > MOST_FRAMES:
            raise Refused("too long")

    def told(self) -> list[Piece]:
        """What the captions are to tell, in seconds."""
        fps = self.track.fps
        return [piece_of(unit, start / fps, stop / fps) for unit, start, stop in self.pieces]


def piece_of(unit: Unit, start: float, stop: float) -> Piece:
    """A unit's part in a caption."""
    return Piece(
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
