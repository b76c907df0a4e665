"""Metrics: numbers from embeddings, joint positions or tokens; one module per metric, found by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from kinescale.core.family import Family
from kinescale.metrics.base import Column, Input, Value

FAMILY = Family(__name__, "metric")


def with_input(kind: Input) -> dict[str, ModuleType]:
    """Name -> module of the metrics that measure this kind of input, sorted by name."""
    modules = {name: FAMILY.load(name) for name in FAMILY.names()}
    return {name: module for name, module in modules.items() if kind == module.INPUT}


def columns(name: str) -> Mapping[str, Column]:
    """Column name -> heading of a metric's numbers."""
    module = FAMILY.load(name)
    own = {FAMILY.check(name): Column(module.TITLE, module.UNIT, module.BETTER)}
    return getattr(module, "COLUMNS", own)


def headings() -> dict[str, str]:
    """Column name -> heading, of all metrics."""
    return {column: entry.heading for name in FAMILY.names() for column, entry in columns(name).items()}


def values_of(name: str, result: Any) -> dict[str, Value]:
    """What a metric's ``measure`` returned, as a value per column."""
    numbers = result if isinstance(result, Mapping) else {next(iter(columns(name))): result}
    return {column: one if isinstance(one, Value) else Value(float(one)) for column, one in numbers.items()}


__all__ = ["FAMILY", "columns", "headings", "values_of", "with_input"]
