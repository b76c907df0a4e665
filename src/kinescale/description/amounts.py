"""Rounded amounts in words or figures: lengths, angles, counts, durations and speeds."""

from __future__ import annotations

import random
from dataclasses import dataclass

from kinescale.description.words import number, times

ABOUT = ("about ", "around ", "roughly ", "")
ROUND_ANGLES = (45, 90, 135, 180, 270, 360)
NEAR_ROUND = 12.0
"""Degrees within which an angle is called by the round one."""


@dataclass(frozen=True)
class Manner:
    """How one sentence writes numbers: in figures or words, "meters" or "meters"."""

    figures: bool
    meter: str

    @classmethod
    def drawn(cls, rng: random.Random) -> Manner:
        """One at random."""
        return cls(figures=rng.random() < 0.35, meter=rng.choice(("meter", "meter", "metre")))

    def count(self, value: int) -> str:
        """A whole number."""
        return str(value) if self.figures else number(value)

    def times(self, value: int) -> str:
        """How often: "twice", "3 times"."""
        return f"{value} times" if self.figures and value > 2 else times(value)

    def length(self, length_m: float, rng: random.Random) -> str:
        """A length to the nearest half meter, to whole meters beyond three."""
        halves = max(round(2 * length_m), 1)
        if length_m > 3:
            halves = 2 * round(length_m)
        about = rng.choice(ABOUT)
        whole, half = divmod(halves, 2)
        if not whole:
            return f"{about}half a {self.meter}"
        if half:
            words = f"{halves / 2:g}" if self.figures else f"{number(whole)} and a half"
            return f"{about}{words} {self.meter}s"
        return f"{about}{self.count(whole)} {self.meter}{'s' if whole > 1 else ''}"

    def degrees(self, angle: float) -> int:
        """An angle rounded: to a round one that is near, else to the nearest ten."""
        near = min(ROUND_ANGLES, key=lambda one: abs(one - angle))
        return near if abs(near - angle) <= NEAR_ROUND else max(10, 10 * round(angle / 10))

    def angle(self, angle: float) -> str:
        """An angle rounded, in words where these are short."""
        rounded = self.degrees(angle)
        return number(rounded) if not self.figures and rounded <= 90 else str(rounded)

    def seconds(self, length_s: float) -> str:
        """A time to the nearest second."""
        whole = max(round(length_s), 1)
        return f"{self.count(whole)} second{'s' if whole > 1 else ''}"

    def speed(self, speed_m_s: float) -> str:
        """A speed, always in figures."""
        return f"{speed_m_s:.1f} {self.meter}s {'per' if self.meter == 'meter' else 'a'} second"
