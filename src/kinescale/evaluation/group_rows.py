"""Results by corpus, class and kind of split, as data."""

from __future__ import annotations

from kinescale.core.records import Record
from kinescale.evaluation.fid_band import FidBand


class PeakPair(Record):
    """Median of the highest values of recordings and of generated motions, and the second over the first."""

    real: float
    generated: float
    ratio: float


class GroupRow(Record):
    """One corpus, class or kind of split.

    Parameters
    ----------
    r1_real, r1 : R@1 of recordings and of generated motions.
    kept_real, kept : share of the labels' claims that recordings and motions fulfill, of ``claims``.
    variance_real, variance : variance of courses within classes (m2, ``clip_measurements.variance``), mean over
        the classes that have enough clips.
    skate_real, skate : planted feet, m/s.
    peaks : measure -> medians, where the recordings have such peaks.
    fid : FID of halves of the group.
    """

    name: str
    clips: int
    r1_real: float | None = None
    r1: float | None = None
    claims: int = 0
    kept_real: float | None = None
    kept: float | None = None
    variance_real: float | None = None
    variance: float | None = None
    skate_real: float | None = None
    skate: float | None = None
    peaks: dict[str, PeakPair]
    fid: FidBand | None = None


class FloorRow(Record):
    """Feet and floor of one group: of recordings, and of what was made for their sentences.

    skate : mean speed of planted feet, m/s. under : share of clips with a joint more than 3 cm under the floor.
    sinking_mm, hips_sinking_mm : 90th percentile over clips.
    """

    name: str
    clips: int
    skate_real: float | None
    skate: float | None
    under_real: float
    under: float
    sinking_real_mm: float
    sinking_mm: float
    hips_sinking_real_mm: float
    hips_sinking_mm: float
