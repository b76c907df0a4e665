"""Long takes cut into overlapping windows, each a clip of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kinescale.motion import Motion, canonicalize


@dataclass(frozen=True, eq=False)
class Window:
    """Frames ``start`` to ``stop`` of a take, from the origin on; ``whole``: it is all of the take."""

    motion: Motion
    start: int
    stop: int
    whole: bool

    def name(self, take: str) -> str:
        """The clip's id: the take's, with the frames behind it where it is a part."""
        return take if self.whole else f"{take}@{self.start}-{self.stop}"


def windows(motion: Motion, longest: int) -> Iterator[Window]:
    """The motion itself where it has at most ``longest`` frames (or 0 is given), else windows of one length.

    They cover all of it, each overlaps the next by half, and they are as few and as long as ``longest`` allows. The
    floor stays the take's: who hangs on a bar in one window hangs there.
    """
    frames = len(motion)
    if not longest or frames <= longest:
        yield Window(motion, 0, frames, True)
        return
    count = -(-2 * frames // longest) - 1
    length = -(-2 * frames // (count + 1))
    for number in range(count):
        start = round(number * (frames - length) / (count - 1))
        part = canonicalize(motion.slice(start, start + length), floor=False)
        yield Window(part, start, start + length, False)
