"""A section of a report: a titled table; and how figures are written in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kinescale.evaluation.record import Row
from kinescale.evaluation.report import Figure
from kinescale.metrics import headings

GROUND_TRUTH = "ground truth"


@dataclass(frozen=True)
class Section:
    """A titled table with a sentence above it; ``plot`` is SVG text, "" where there is none."""

    title: str
    text: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    plot: str = ""


def table(rows: dict[str, Row], names: Sequence[str]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    titles = headings()
    head = ("", *(titles.get(name, name) for name in names))
    return head, tuple((title, *(shown(row.get(name)) for name in names)) for title, row in rows.items())


def shown(figure: Figure | None) -> str:
    """A figure, with more digits after the point the smaller it is."""
    if figure is None:
        return ""
    digits = 0 if abs(figure.mean) >= 100 else 1 if abs(figure.mean) >= 10 else 3
    half = "" if figure.half is None else f"±{figure.half:.{digits}f}"
    return f"{figure.mean:.{digits}f}{half}"


def share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def number(value: float | None, digits: int = 2) -> str:
    """A number, or a dash where nothing was measured."""
    return "–" if value is None else f"{value:.{digits}f}"
