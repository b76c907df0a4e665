"""Sections by corpus, class and kind of split, and of the distance between seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kinescale.evaluation import plots as _plots
from kinescale.evaluation.group_rows import GroupRow
from kinescale.evaluation.record import Evaluation
from kinescale.evaluation.report import GENERATED
from kinescale.evaluation.sections.base import Section, number, share

MOST_CLASSES = 24
RECORDED_AND_MADE = ("recordings", GENERATED)


def groups(found: Evaluation) -> Iterable[Section]:
    """By kind of split, by corpus and by class."""
    if not found.settings:
        return
    one = found.settings[0]
    yield _groups("By kind of split", "Clips whose pair, actor or take training knows nothing of, apart.", one.splits)
    yield _groups("By corpus", "No mean over corpora: the largest would decide it.", one.corpora)
    text = "R@1: how often a sentence finds its own motion first in its pool. Peaks: medians of highest values."
    plot = ""
    if any(row.r1 is not None for row in one.classes):
        shown = one.classes[:MOST_CLASSES]
        plot = _plots.bars([_pair(row) for row in shown], RECORDED_AND_MADE)
        text += f" The plot shows R@1 of the {len(shown)} largest classes." if len(one.classes) > len(shown) else ""
    yield _groups("By class", text, one.classes, plot)


def _pair(row: GroupRow) -> tuple[str, _plots.Pair, _plots.Pair]:
    return f"{row.name} ({row.clips})", (row.r1_real, share(row.r1_real)), (row.r1, share(row.r1))


def _groups(title: str, text: str, rows: Sequence[GroupRow], plot: str = "") -> Section:
    head = (
        *("", "clips", "R@1, recordings", GENERATED, "claims kept, recordings", GENERATED),
        *("variance m², recordings", GENERATED, "skate m/s, recordings", GENERATED, "peaks, generated over recordings"),
    )
    lines = tuple(
        (
            *(row.name, str(row.clips), share(row.r1_real), share(row.r1), share(row.kept_real), share(row.kept)),
            *(number(row.variance_real), number(row.variance)),
            *(number(row.skate_real), number(row.skate)),
            ", ".join(
                f"{measure.replace('_', ' ')} {pair.ratio:.2f} ({pair.real:.2f})" for measure, pair in row.peaks.items()
            ),
        )
        for row in rows
    )
    return Section(title, text, head, lines, plot)


def spread(found: Evaluation) -> Section | None:
    """Distance between seeds, beside recordings."""
    if not found.spread:
        return None
    head = ("class", "sentence", "seeds", "recordings", "recordings apart, mm", "seeds apart, mm")
    rows = tuple(
        (row.name, row.prompt, str(row.seeds), str(row.recordings), number(row.real_mm, 0), number(row.mm, 0))
        for row in found.spread
    )
    text = (
        "Mean distance of joints about the root, between motions of one sentence, and between recordings of one action "
        "and style, stretched to one length."
    )
    return Section("Seeds apart", text, head, rows)
