"""Sections of what was measured by corpus, class and kind of split, of the tokenizer, of sentences, and of all bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kinescale.evaluation import plots as _plots
from kinescale.evaluation.fid_band import Band, FidBand
from kinescale.evaluation.group_record import GroupRow
from kinescale.evaluation.kept_record import KeptRow
from kinescale.evaluation.record import Evaluation
from kinescale.evaluation.report import GENERATED
from kinescale.evaluation.section import Section, number, share

MOST_CLASSES = 24
MOST_FAILED = 40
RECORDED_AND_MADE = ("recordings", GENERATED)


def bars(found: Evaluation) -> Section | None:
    """Every bar, with what was reached."""
    if not found.bars:
        return None
    rows = tuple((bar.name, number(bar.value), bar.limit, "yes" if bar.held else "NO") for bar in found.bars)
    held = sum(bar.held for bar in found.bars)
    text = f"{held} of {len(rows)} hold. What could not be measured is not held."
    return Section("Bars", text, ("bar", "reached", "asked", "held"), rows)


def fid(found: Evaluation) -> Section | None:
    """FID of recordings and of generated motions at one size, with bands."""
    named = [(one.name, one.fid) for one in found.settings if one.fid is not None]
    named += [(f"{found.settings[0].name}: {row.name}", row.fid) for row in found.settings[0].splits if row.fid]
    named += [(f"{found.settings[0].name}: {row.name}", row.fid) for row in found.settings[0].corpora if row.fid]
    if not named:
        return None
    head = ("", "motions", "recordings", "generated", "generated over recordings", "generated less recordings")
    rows = tuple(
        (name, str(one.size), *(_band(each) for each in (one.real, one.generated, one.ratio, one.excess)))
        for name, one in named
        if isinstance(one, FidBand)
    )
    text = (
        "The recordings are cut in two at random, again and again: one half, and the motions made for its sentences, "
        "are both measured against the other half. Median and the band that holds 95 % of the cuts. Values of other "
        "sizes do not compare, and the quotient falls towards 1 where motions are few; the difference does not."
    )
    return Section("FID at one size", text, head, rows)


def floor(found: Evaluation) -> Section | None:
    """Feet and floor."""
    rows = found.settings[0].floor
    if not rows:
        return None
    head = (
        *("", "clips", "skate m/s, recordings", GENERATED, "joint > 3 cm under the floor, recordings", GENERATED),
        *("sinking mm, recordings", GENERATED, "hips sinking mm, recordings", GENERATED),
    )
    lines = tuple(
        (
            *(row.name, str(row.clips), number(row.skate_real, 3), number(row.skate, 3)),
            *(share(row.under_real), share(row.under)),
            *(number(row.sinking_real_mm, 0), number(row.sinking_mm, 0)),
            *(number(row.hips_sinking_real_mm, 0), number(row.hips_sinking_mm, 0)),
        )
        for row in rows
    )
    text = (
        "Skate: mean speed of toes that are down, by height alone, so that a slide cannot hide itself. "
        "Sinking: 90th percentile of how far the level of the feet, or the hips, falls below its start."
    )
    return Section("Feet and floor", text, head, lines)


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


def kept(found: Evaluation) -> Iterable[Section]:
    """What the tokenizer keeps."""
    report = found.tokenizer
    if report is None:
        return
    shown = f"{report.clips} recordings, evenly over classes; {report.cut} are the middles of long takes."
    for title, rows in (("by corpus", report.corpora), ("by kind", report.kinds), ("by class", report.classes)):
        if rows:
            yield _kept(f"Tokenizer, {title}", shown, rows)


def _kept(title: str, text: str, rows: Sequence[KeptRow]) -> Section:
    head = (
        *("", "clips", "roots aligned mm, mean", "median", "90 %", "facing °", "world after 4 s mm", "jerk ratio"),
        *(
            "skate m/s, recordings",
            "copies",
            "under the floor, recordings",
            "copies",
            "peaks kept: median, 10 % (real)",
        ),
    )
    lines = tuple(
        (
            *(row.name, str(row.clips), number(row.aligned_mm, 1), number(row.aligned_median_mm, 1)),
            *(number(row.aligned_high_mm, 0), number(row.facing_deg, 1), number(row.world_mm, 0)),
            *(number(row.jerk_ratio), number(row.skate_real), number(row.skate)),
            *(share(row.under_real), share(row.under)),
            ", ".join(
                f"{measure.replace('_', ' ')} {peak.median:.2f}, {peak.low:.2f} ({peak.real:.2f}; {peak.clips})"
                for measure, peak in row.peaks.items()
            ),
        )
        for row in rows
    )
    return Section(title, text, head, lines)


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


def _band(one: Band) -> str:
    return f"{one.median:.3f} ({one.low:.3f} to {one.high:.3f})"
