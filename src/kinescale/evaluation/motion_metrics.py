"""Motion metrics over clips: every metric with ``INPUT = "motion"``, for generated motion and for recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from kinescale import metrics
from kinescale.core.errors import SkeletonError
from kinescale.evaluation.protocol import Protocol
from kinescale.evaluation.report import Figure, figure
from kinescale.metrics.base import Value
from kinescale.motion import Motion

Results = dict[str, Any]
"""Metric -> what its ``measure`` returned for one clip."""


def measured(motion: Motion) -> Results:
    """Results of a motion of four frames or more; metrics that do not apply to its skeleton are left out."""
    found = {}
    for name, metric in metrics.with_input("motion").items():
        try:
            found[name] = metric.measure(motion)
        except SkeletonError:
            continue
    return found


def calibrated(real: Sequence[Results]) -> dict[str, Any]:
    """Metric -> its level on the recordings, for metrics that need one."""
    found = {}
    for name, metric in metrics.with_input("motion").items():
        results = [one[name] for one in real if name in one]
        if hasattr(metric, "calibrate") and results:
            found[name] = metric.calibrate(results)
    return found


def numbers(results: Results, levels: Mapping[str, Any]) -> dict[str, float]:
    """Column -> number of one clip."""
    found = {}
    for name, result in results.items():
        if name in levels:
            result = metrics.FAMILY.get(name, "numbers")(result, levels[name])
        found |= {column: one.value for column, one in metrics.values_of(name, result).items()}
    return found


def summary(protocol: Protocol, repeats: Sequence[Sequence[Results]], levels: Mapping[str, Any]) -> dict[str, Figure]:
    """Column -> mean over clips with its interval, over repeats or over clips."""
    rows = [[numbers(one, levels) for one in clips] for clips in repeats]
    found = {}
    for column in dict.fromkeys(name for clips in rows for row in clips for name in row):
        values = [[row[column] for row in clips if column in row] for clips in rows]
        if all(values):
            means = [Value.mean_of(torch.tensor(known, dtype=torch.float64)) for known in values]
            found[column] = figure(protocol, means)
    return found
