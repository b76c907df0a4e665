"""Choice among generated candidates: the motion that keeps most of what its prompt claims, measured on the motion.

A draw may miss a side, an order or an action. The prompt's claims (``description.prompts``) are checked on each
candidate; drawing stops at the first one that keeps all of them. Prompts that make no claim that is understood are
drawn once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinescale.core.errors import SkeletonError
from kinescale.description.claim_language import MeasuredMotion, claim_holds, measured_number
from kinescale.description.prompts import Request
from kinescale.metrics import peaks
from kinescale.motion.motion import Motion

MAIN_WEIGHT = 2.0
NEARNESS = 0.9
"""Most that a missed number counts for: less than any claim that is kept."""


@dataclass(frozen=True)
class Verdict:
    """Claims that a motion keeps and misses, and a score that ranks motions of one prompt."""

    kept: tuple[str, ...]
    missed: tuple[str, ...]
    score: float

    @property
    def complete(self) -> bool:
        """Whether every main claim is kept."""
        return not self.missed


def judge(motion: Motion, request: Request) -> Verdict | None:
    """The claims of a prompt checked on a motion; ``None`` for a skeleton on which they cannot be measured."""
    seen = MeasuredMotion(motion, peaks.peaks)
    try:
        kept = tuple(claim for claim in request.main if claim_holds(claim, seen))
        minor = sum(claim_holds(claim, seen) for claim in request.minor)
    except SkeletonError:
        return None
    missed = tuple(claim for claim in request.main if claim not in kept)
    near = sum(_nearness(claim, seen) for claim in missed) / max(1, len(missed))
    return Verdict(kept, missed, MAIN_WEIGHT * len(kept) + minor + NEARNESS * near)


def _nearness(claim: str, seen: MeasuredMotion) -> float:
    """How near a missed number is to its bounds: 1 at them, 0 from a bound's own size away; 0 for other claims."""
    measured = measured_number(claim, seen)
    if measured is None:
        return 0.0
    value, low, high = measured
    off = max(low - value, value - high, 0.0)
    return float(np.clip(1.0 - off / max(abs(high if np.isfinite(high) else low), 1.0), 0.0, 1.0))
