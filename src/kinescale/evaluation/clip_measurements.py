"""Measurements of one clip without a network: motion metrics, feet and floor, peaks, course, fulfilled claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from kinescale.core.errors import SkeletonError
from kinescale.description import describe
from kinescale.description.claim_scores import score
from kinescale.description.claims import Claim
from kinescale.evaluation import motion_metrics
from kinescale.metrics import ground, peaks
from kinescale.motion import Motion, canonicalize

COURSE_FRAMES = 32
"""Frames of a course: motions of all lengths are resampled to this many for comparison."""


@dataclass(frozen=True, eq=False)
class ClipMeasurements:
    """Measurements of one motion.

    Parameters
    ----------
    results : results of the motion metrics.
    ground : planted feet and the floor; ``None`` where the skeleton's feet are not known.
    peaks : highest values of ``metrics.peaks``; empty likewise.
    course : joints about the root, from the canonical start, float32 [COURSE_FRAMES, J, 3], meters.
    kept : whether each claim is fulfilled.
    """

    results: motion_metrics.Results
    ground: ground.Ground | None
    peaks: dict[str, float]
    course: Float[np.ndarray, "S J 3"]
    kept: tuple[bool, ...]


def measure_clip(motion: Motion, claims: Sequence[Claim] = ()) -> ClipMeasurements:
    """Measure a motion of four frames or more; ``claims`` are those of its label or caption."""
    try:
        floor, tops = ground.ground(motion), peaks.peaks(motion)
        found = describe(motion) if claims else None
    except SkeletonError:
        floor, tops, found = None, {}, None
    kept = tuple(score(claim, found).fulfilled for claim in claims) if found is not None else ()
    return ClipMeasurements(motion_metrics.measured(motion), floor, tops, course(motion), kept)


def course(motion: Motion) -> Float[np.ndarray, "S J 3"]:
    """Joints about the root over the clip's whole length, resampled to ``COURSE_FRAMES``."""
    positions = canonicalize(motion).positions().detach().cpu().float()
    about = positions - positions[:, :1]
    at = torch.linspace(0, len(about) - 1, COURSE_FRAMES)
    low = at.floor().long()
    high = (low + 1).clamp(max=len(about) - 1)
    part = (at - low)[:, None, None]
    return ((1 - part) * about[low] + part * about[high]).numpy()


def variance(courses: Sequence[Float[np.ndarray, "S J 3"]]) -> float | None:
    """Variance of courses about their mean, summed over joints, mean over time, m2; ``None`` for fewer than two."""
    if len(courses) < 2:
        return None
    stacked = np.stack(courses).astype(np.float64)
    return float(stacked.var(axis=0, ddof=1).sum(axis=(-1, -2)).mean())


def apart_mm(one: Float[np.ndarray, "S J 3"], two: Float[np.ndarray, "S J 3"]) -> float:
    """Mean distance of the joints of two courses, mm."""
    return 1000.0 * float(np.linalg.norm(one.astype(np.float64) - two, axis=-1).mean())
