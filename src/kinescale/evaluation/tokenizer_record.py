"""Records of the tokenizer report: rows by corpus, class and kind of motion, and the bars to reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kinescale.core.records import Record
from kinescale.evaluation.peak_kinds import PEAK_KINDS

ALIGNED_MM: Mapping[str, float] = {"bandai_namco": 20.0, "hdm05": 35.0, "cmu": 50.0}
WORLD_MM = 100.0
JERK_WITHIN = 0.2
PEAK_LEAST = 0.85


class Bar(Record):
    """One bar: what was reached, what is asked for, and whether it holds; ``value`` is ``None`` where nothing was
    measured, and the bar is then not held.
    """

    name: str
    value: float | None
    limit: str
    held: bool


class PeakRow(Record):
    """Peaks of one measure over the ``clips`` that have one.

    real : median of the recordings' highest values, in the measure's unit. median, low : of the shares kept, and its
    10th percentile.
    """

    clips: int
    real: float
    median: float
    low: float


class TokenizerRow(Record):
    """One corpus, class or kind of motion.

    Parameters
    ----------
    aligned_mm, aligned_median_mm, aligned_high_mm : error with each frame's root at the origin; mean, median and 90th
        percentile of the clips. facing_deg : mean error of the facing, part of that error.
    world_mm : error at the end of stretches of 4 s that are laid upon each other at their start, mean; ``None`` where
        no clip is as long, ``world_clips`` of them are.
    jerk_ratio : median of the copies' mean jerk over the recordings'.
    skate_real, skate : mean speed of planted feet, m/s, of recordings and copies.
    under_real, under : share of clips with a joint more than 3 cm under the floor.
    peaks : measure -> what is kept of it.
    """

    name: str
    clips: int
    aligned_mm: float
    aligned_median_mm: float
    aligned_high_mm: float
    facing_deg: float
    world_mm: float | None = None
    world_clips: int = 0
    jerk_ratio: float
    skate_real: float | None = None
    skate: float | None = None
    under_real: float
    under: float
    peaks: dict[str, PeakRow]


class TokenizerReport(Record):
    """All rows, and the bars with what was reached."""

    clips: int
    cut: int
    scales: int
    smoothing: float
    corpora: list[TokenizerRow]
    kinds: list[TokenizerRow]
    classes: list[TokenizerRow]
    bars: list[Bar]


def bars_of(corpora: Sequence[TokenizerRow], kinds: Sequence[TokenizerRow]) -> list[Bar]:
    """The bars of a tokenizer: errors and jerk by corpus, peaks by kind of motion."""
    return [*_errors(corpora), *_peaks({row.name: row for row in kinds})]


def _errors(corpora: Iterable[TokenizerRow]) -> Iterable[Bar]:
    for row in corpora:
        if row.name in ALIGNED_MM:
            yield _at_most(f"{row.name}: root-aligned error, mm", row.aligned_mm, ALIGNED_MM[row.name])
        if row.world_mm is not None:
            yield _at_most(f"{row.name}: world error after 4 s, mm", row.world_mm, WORLD_MM)
        within = abs(row.jerk_ratio - 1) <= JERK_WITHIN
        limit = f"{1 - JERK_WITHIN:g} to {1 + JERK_WITHIN:g}"
        yield Bar(name=f"{row.name}: jerk over the recordings'", value=row.jerk_ratio, limit=limit, held=within)


def _peaks(kinds: Mapping[str, TokenizerRow]) -> Iterable[Bar]:
    for kind, (_, measures) in PEAK_KINDS.items():
        for measure in measures:
            row = kinds.get(kind)
            peak = None if row is None else row.peaks.get(measure)
            value = None if peak is None else peak.median
            held = value is not None and value >= PEAK_LEAST
            words = measure.replace("_", " ")
            yield Bar(name=f"{kind}: {words} kept", value=value, limit=f"at least {PEAK_LEAST:g}", held=held)


def _at_most(name: str, value: float, most: float) -> Bar:
    return Bar(name=name, value=value, limit=f"at most {most:g}", held=value <= most)
