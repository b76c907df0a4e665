"""Requirements that a format has on the motion to be written: ``Needs``."""

from __future__ import annotations

from dataclasses import dataclass

from kinescale.skeletons.base import Skeleton


@dataclass(frozen=True)
class Needs:
    """Requirements of a file on the motion written to it; ``None`` where any will do.

    ``notes``: what the file will not hold, a sentence each.
    """

    skeleton: Skeleton | None = None
    fps: float | None = None
    notes: tuple[str, ...] = ()
