"""Sections of instructions, free prompts, and text sensitivity."""

from __future__ import annotations

from collections.abc import Iterable

from kinescale.evaluation import plots as _plots
from kinescale.evaluation.record import Evaluation
from kinescale.evaluation.report import GENERATED
from kinescale.evaluation.sections.base import Section, number, share

MOST_FAILED = 40


def instructions(found: Evaluation) -> Section | None:
    """Share of instructions fulfilled, by kind."""
    if not found.instructions:
        return None
    head = ("kind", "done", "95 % interval", "prompts", "recordings do what their labels say", "claims of labels")
    rows, groups = [], []
    for one in found.instructions:
        span = "" if one.low is None or one.high is None else f"{one.low:.0%} to {one.high:.0%}"
        made, real = share(one.rate), share(one.real_rate)
        rows.append((one.kind.replace("_", " "), made, span, str(one.count), real, str(one.real_count)))
        if one.count or one.real_count:
            groups.append(
                (
                    one.kind.replace("_", " "),
                    (one.real_rate, f"{real} of {one.real_count}" if one.real_count else "no such label"),
                    (one.rate, f"{made} of {one.count}" if one.count else "no prompt"),
                )
            )
    text = (
        "Prompts that can be measured, done or not by kinematics alone. The recordings' share shows the ruler's own "
        "limits and those of the labels."
    )
    plot = _plots.bars(groups, ("recordings", GENERATED)) if groups else ""
    return Section("Instructions followed", text, head, tuple(rows), plot)


def phrases(found: Evaluation) -> Iterable[Section]:
    """Sentences from outside the phrase book."""
    report = found.phrases
    if report is None:
        return
    head = ("kind", "sentences", "claims kept", "draws that keep all", "95 % interval", "recordings keep", "of claims")
    rows = tuple(
        (
            *(row.name, str(row.sentences), share(row.kept), share(row.whole), f"{row.low:.0%} to {row.high:.0%}"),
            *(share(row.real), str(row.real_claims)),
        )
        for row in (*report.kinds, *report.tags, report.all)
    )
    text = (
        f"{report.all.sentences} sentences, {report.draws} draws each; {report.known} of them are captions of training "
        "clips, word for word."
    )
    yield Section("Sentences from outside the phrase book", text, head, rows)
    failed = sorted(report.results, key=lambda one: (one.whole / one.draws, one.text))[:MOST_FAILED]
    lines = tuple(
        (one.text, one.kind, "; ".join(f"{claim}: {done}/{one.draws}" for claim, done in one.claims.items()))
        for one in failed
        if one.whole < one.draws
    )
    if lines:
        yield Section(
            "Sentences that fail", f"The first {len(lines)}, worst first.", ("sentence", "kind", "kept"), lines
        )


def sensitivity(found: Evaluation) -> Iterable[Section]:
    """Response curves of prompts that differ in one word."""
    if not found.sensitivity:
        return
    head = ("ladder", "sentence", "rank correlation", "last less first", "near the value named", "unit")
    rows = tuple(
        (one.name, one.sentence, number(one.rank), number(one.range), share(one.within), one.unit)
        for one in found.sensitivity
    )
    text = "Only the word in braces changes; the seeds are the same. Rank correlation 1: every word is heard; 0: none."
    yield Section("Text sensitivity", text, head, rows)
    curves = tuple(
        (
            one.name,
            ", ".join(f"{rung.word}: {rung.mean:.2f}±{rung.deviation:.2f}" for rung in one.rungs),
        )
        for one in found.sensitivity
    )
    yield Section("Response curves", "Mean and deviation of the draws of each word.", ("ladder", "measured"), curves)
