"""Choice among generated candidates: the motion that keeps most of what its prompt claims, measured on the motion.

A draw may miss a side, an order or an action. The prompt's claims (``description.prompts``) are checked on each
candidate; drawing stops at the first one that keeps all of them. Prompts that make no claim that is understood are
drawn once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from kinescale.core.errors import SkeletonError
from kinescale.description.claim_language import MeasuredMotion, claim_holds
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
    verb, *words = claim.split()
    if verb not in _MEASURED:
        return 0.0
    low, high = _bounds(words)
    value = _MEASURED[verb](words, seen)
    off = max(low - value, value - high, 0.0)
    return float(np.clip(1.0 - off / max(abs(high if np.isfinite(high) else low), 1.0), 0.0, 1.0))


def _bounds(words: list[str]) -> tuple[float, float]:
    if len(words) == 1:
        return float(words[0]), float(words[0])
    low, high = words[-2:]
    return (-np.inf if low == "-" else float(low)), (np.inf if high == "-" else float(high))


def _turn(words: list[str], seen: MeasuredMotion) -> float:
    turned = seen.description.path.turn_deg
    return {"left": turned, "right": -turned}.get(words[0], abs(turned))


def _path(name: str, words: list[str], seen: MeasuredMotion) -> float:
    return float(getattr(seen.description.path, name))


_MEASURED: dict[str, Callable[[list[str], MeasuredMotion], float]] = {
    "turns": _turn,
    "way": partial(_path, "distance_m"),
    "speed": partial(_path, "speed_m_s"),
    "steps": lambda words, seen: float(seen.description.steps),
}
"""Claims of numbers that a candidate may be near to."""
