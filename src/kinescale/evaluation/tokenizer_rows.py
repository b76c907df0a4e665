"""Rows of the tokenizer report by corpus, class and kind of motion, from the numbers of single clips."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kinescale.evaluation.tokenizer_record import PeakRow, TokenizerReport, TokenizerRow, bars_of
from kinescale.metrics import ground, peaks

LOW = 10
"""Percentile of the clips that lose most."""


@dataclass(frozen=True)
class ClipNumbers:
    """One clip's numbers."""

    corpus: str
    label: str
    kind: str
    aligned_mm: float
    facing_deg: float
    world_mm: float | None
    jerk_ratio: float
    skate_real: float | None
    skate: float | None
    under_real: float
    under: float
    real_peaks: dict[str, float]
    kept: dict[str, float]


def tokenizer_report(found: Sequence[ClipNumbers], cut: int, scales: int, smoothing: float) -> TokenizerReport:
    corpora, kinds, classes = (_grouped(found, key) for key in ("corpus", "kind", "label"))
    return TokenizerReport(
        clips=len(found),
        cut=cut,
        scales=scales,
        smoothing=smoothing,
        corpora=corpora,
        kinds=kinds,
        classes=classes,
        bars=bars_of(corpora, kinds),
    )


def _grouped(found: Sequence[ClipNumbers], key: str) -> list[TokenizerRow]:
    groups: dict[str, list[ClipNumbers]] = defaultdict(list)
    for one in found:
        groups[getattr(one, key)].append(one)
    return [_row(name, groups[name]) for name in sorted(groups) if name]


def _row(name: str, found: Sequence[ClipNumbers]) -> TokenizerRow:
    world = [one.world_mm for one in found if one.world_mm is not None]
    rows = {}
    for measure in peaks.LEAST:
        shares = [one.kept[measure] for one in found if measure in one.kept]
        if shares:
            real = [one.real_peaks[measure] for one in found if measure in one.kept]
            rows[measure] = PeakRow(
                clips=len(shares),
                real=float(np.median(real)),
                median=float(np.median(shares)),
                low=float(np.percentile(shares, LOW)),
            )
    aligned = [one.aligned_mm for one in found]
    return TokenizerRow(
        name=name,
        clips=len(found),
        aligned_mm=float(np.mean(aligned)),
        aligned_median_mm=float(np.median(aligned)),
        aligned_high_mm=float(np.percentile(aligned, 100 - LOW)),
        facing_deg=float(np.mean([one.facing_deg for one in found])),
        world_mm=float(np.mean(world)) if world else None,
        world_clips=len(world),
        jerk_ratio=float(np.median([one.jerk_ratio for one in found])),
        skate_real=_mean(one.skate_real for one in found),
        skate=_mean(one.skate for one in found),
        under_real=ground.share_under(np.array([one.under_real for one in found])),
        under=ground.share_under(np.array([one.under for one in found])),
        peaks=rows,
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
