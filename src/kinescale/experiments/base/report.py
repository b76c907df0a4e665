"""The table of an experiment: the paper's number beside ours, as text and Markdown, and its plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kinescale import metrics
from kinescale.evaluation import plots
from kinescale.experiments.base import HEADINGS, Experiment, Row

UNKNOWN, NOT_RUN = "not known", "not run"

Results = Mapping[str, Mapping[str, Any]]
"""Name of a row -> its record: ``measured``, or ``problem``."""


def columns_of(experiment: Experiment, results: Results) -> list[str]:
    """The experiment's columns, but for those that neither the paper nor a row has a number of."""
    known = {name for row in experiment.rows for name in row.paper}
    known |= {name for record in results.values() for name in record.get("measured", {})}
    return [name for name in experiment.columns if name in known]


def table(experiment: Experiment, results: Results) -> list[list[str]]:
    """Headings, then two lines a row: the paper's, and ours."""
    columns = columns_of(experiment, results)
    lines = [["row", "whose", *(heading(name) for name in columns)]]
    for row in experiment.rows:
        lines.append([row.name, "paper", *(_paper(row, name) for name in columns)])
        if not row.cited:
            lines.append(["", "ours", *(_ours(results.get(row.name, {}), name) for name in columns)])
    return lines


def heading(column: str) -> str:
    """What stands above a column."""
    return HEADINGS.get(column) or metrics.headings().get(column, column)


def _paper(row: Row, column: str) -> str:
    return f"{row.paper[column]:g}" if column in row.paper else UNKNOWN


def _ours(record: Mapping[str, Any], column: str) -> str:
    found = record.get("measured", {}).get(column)
    if found is None:
        return NOT_RUN if "measured" not in record else ""
    mean, half = found
    return f"{mean:.3f}" + ("" if half is None else f"±{half:.3f}")


def markdown(experiment: Experiment, results: Results, about: Sequence[str]) -> str:
    """The page of an experiment."""
    first, *rest = table(experiment, results)
    lines = [f"# {experiment.title}", "", experiment.source, ""]
    lines += ["| " + " | ".join(first) + " |", "|" + " --- |" * len(first)]
    lines += ["| " + " | ".join(line) + " |" for line in rest]
    problems = [f"{name}: {record['problem']}" for name, record in results.items() if "problem" in record]
    notes = [*experiment.notes, *problems, *about]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)]) + "\n"


def plot(experiment: Experiment, results: Results) -> str:
    """The figure as SVG: a line of ours over ``x``, or bars of paper and ours."""
    across, column = experiment.plot
    points = []
    for row in experiment.rows:
        found = results.get(row.name, {}).get("measured", {}).get(column)
        if row.x is not None and found is not None:
            points.append((row.x, found[0], found[1]))
    if points and across:
        return plots.line(sorted(points), across, heading(column))
    groups, top = [], 0.0
    for row in experiment.rows:
        ours = results.get(row.name, {}).get("measured", {}).get(column)
        paper, mean = row.paper.get(column), None if ours is None else ours[0]
        top = max([top, *(value for value in (paper, mean) if value is not None)])
        groups.append((row.name, (paper, _paper(row, column)), (mean, _ours(results.get(row.name, {}), column))))
    return plots.bars(groups, ("paper", "ours"), top=top or 1.0)
