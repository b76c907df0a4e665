"""An evaluation as sections - a table each, some with a plot - for the terminal, for Markdown and for HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kinescale.evaluation import _plots
from kinescale.evaluation.physical import NAMES
from kinescale.evaluation.record import Evaluation, Row, SettingResult
from kinescale.evaluation.report import GENERATED, REAL, Figure

TITLES = {
    "top1": "R@1 ↑",
    "top2": "R@2 ↑",
    "top3": "R@3 ↑",
    "fid": "FID ↓",
    "fid_halves": "FID of halves",
    "matching": "matching ↓",
    "clip_score": "CLIP score ↑",
    "diversity": "diversity →",
    "multimodality": "multimodality",
    "foot_skate_m_s": "foot skate m/s ↓",
    "skid_share": "skidding share ↓",
    "jitter_m_s3": "jitter m/s³ →",
    "peak_jerk_m_s3": "peak jerk m/s³ →",
    "area_under_jerk_m_s2": "area under jerk m/s² ↓",
    "mpjpe_mm": "MPJPE mm ↓",
    "mpjpe_aligned_mm": "MPJPE, roots aligned, mm ↓",
}
GROUND_TRUTH = "ground truth"
MOST_CLASSES = 24


@dataclass(frozen=True)
class Section:
    """A titled table with a sentence above it; ``plot`` is SVG text, "" where there is none."""

    title: str
    text: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    plot: str = ""


def sections(found: Evaluation) -> list[Section]:
    """Everything measured, the ground truth first in each table."""
    made = [_metrics(found), _physical(found), _reconstruction(found), _codebook(found), _followed(found)]
    return [section for section in (*made, _classes(found)) if section is not None]


def about(found: Evaluation) -> list[tuple[str, str]]:
    """What was evaluated on what, with hashes and seeds."""
    data, bundle, judge = found.data, found.bundle, found.evaluator
    corpora = ", ".join(f"{name} {count}" for name, count in data.corpora.items())
    rows = [
        ("bundle", f"{bundle.title or 'untitled'} (SHA-256 {bundle.hash})"),
        ("weights chosen on", bundle.chosen_on or "not recorded"),
        ("trained on", bundle.trained_on or "not recorded"),
        ("data", f"split '{data.split}': {data.clips} clips ({corpora}); SHA-256 {data.hash}"),
    ]
    if judge is not None:
        held = f"; {judge.held_out_pairs:.0%} of pairs held out" if judge.held_out_pairs else ""
        rows.append(("evaluator", f"{judge.title or 'untitled'} on {judge.feature} (SHA-256 {judge.hash}){held}"))
        rows.append(("evaluator chosen on", judge.chosen_on or "not recorded"))
    protocol = found.protocol
    rows += [
        ("protocol", f"{protocol.name}, pools of {protocol.pool}, {found.repeats} repeats, seed {found.seed}"),
        ("made with", f"kinescale {found.kinescale_version}"),
        ("command", found.command),
    ]
    return [row for row in rows if row[1]]


def _metrics(found: Evaluation) -> Section | None:
    first = found.settings[0].report
    if first is None:
        return None
    rows = {GROUND_TRUTH: first.rows[REAL]}
    rows |= {one.name: one.report.rows[GENERATED] for one in found.settings if one.report is not None}
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    text = "Mean and 95 % interval over repeats, or over clips where repeats cannot differ (the ground truth)."
    if "fid_halves" in names:
        text += " FID of halves: between two random halves of the recordings, what FID reads where nothing is amiss."
    return Section("Text and motion", text, *_table(rows, names), plot=_sweep(found.settings))


def _sweep(settings: Sequence[SettingResult]) -> str:
    """FID against guidance, or against the sampler's passes, where several were asked for."""
    for key, across in (("guidance", "guidance"), ("steps", "passes of all scales together")):
        points = []
        for one in settings:
            value = one.sampling.get(key)
            if value is None or one.report is None:
                break
            fid = one.report.rows[GENERATED]["fid"]
            x = float(sum(value)) if isinstance(value, list) else float(value)
            points.append((x, fid.mean, fid.half))
        if len(points) == len(settings) > 1:
            return _plots.line(sorted(points), across, "FID (lower is better)")
    return ""


def _physical(found: Evaluation) -> Section:
    rows = {GROUND_TRUTH: found.settings[0].physical[REAL]}
    rows |= {one.name: one.physical[GENERATED] for one in found.settings}
    names = [name for name in NAMES if name in rows[GROUND_TRUTH]]
    text = "Jitter and jerk are best where they are nearest the recordings' own (→)."
    return Section("Feet and smoothness", text, *_table(rows, names))


def _reconstruction(found: Evaluation) -> Section | None:
    if not found.reconstruction:
        return None
    names = list(found.reconstruction)
    text = "Recordings through the tokenizer, all scales; mean over clips."
    return Section("Reconstruction", text, *_table({"tokenizer": found.reconstruction}, names))


def _codebook(found: Evaluation) -> Section | None:
    if not found.codebook:
        return None
    head = ("scale", "tokens of", "codes", "used", "perplexity", "tokens")
    rows = []
    for one in sorted(found.codebook, key=lambda row: (row.scale, row.source != REAL)):
        codes = f"{one.bits} bits" if one.bits else str(one.codes)
        source = "recordings" if one.source == REAL else GENERATED
        cells = (str(one.scale), source, codes, f"{one.used:.1%}", f"{one.perplexity:.1f}", str(one.tokens))
        rows.append(cells)
    return Section("Codes used", "Few tokens cannot use many codes: compare rows of one scale.", head, tuple(rows))


def _followed(found: Evaluation) -> Section | None:
    if not found.instructions:
        return None
    head = ("kind", "done", "95 % interval", "prompts", "recordings do what their labels say", "claims of labels")
    rows, groups = [], []
    for one in found.instructions:
        span = "" if one.low is None or one.high is None else f"{one.low:.0%} to {one.high:.0%}"
        made, real = _share(one.rate), _share(one.real_rate)
        rows.append((one.kind.replace("_", " "), made, span, str(one.count), real, str(one.real_count)))
        if one.count or one.real_count:
            groups.append(
                (
                    one.kind.replace("_", " "),
                    (one.real_rate, f"{real} of {one.real_count}" if one.real_count else "no such label"),
                    (one.rate, f"{made} of {one.count}" if one.count else "not asked"),
                )
            )
    text = (
        "Prompts that can be measured, done or not by kinematics alone. The recordings' share shows the ruler's own "
        "limits and those of the labels."
    )
    plot = _plots.bars(groups, ("recordings", GENERATED)) if groups else ""
    return Section("Instructions followed", text, head, tuple(rows), plot)


def _classes(found: Evaluation) -> Section | None:
    classes = found.settings[0].classes
    if not classes:
        return None
    head = ("class", "clips", "recordings R@1", "generated R@1")
    rows = tuple((one.name, str(one.clips), _share(one.real), _share(one.generated)) for one in classes)
    groups = [
        (f"{one.name} ({one.clips})", (one.real, _share(one.real)), (one.generated, _share(one.generated)))
        for one in classes[:MOST_CLASSES]
    ]
    text = "How often a sentence finds its own motion first in its pool, by class."
    if len(classes) > MOST_CLASSES:
        text += f" The plot shows the {MOST_CLASSES} largest classes."
    return Section("By class", text, head, rows, _plots.bars(groups, ("recordings", GENERATED)))


def _table(rows: dict[str, Row], names: Sequence[str]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    head = ("", *(TITLES.get(name, name) for name in names))
    return head, tuple((title, *(_said(row.get(name)) for name in names)) for title, row in rows.items())


def _said(figure: Figure | None) -> str:
    """A figure with as many digits after the point as its size deserves."""
    if figure is None:
        return ""
    digits = 0 if abs(figure.mean) >= 100 else 1 if abs(figure.mean) >= 10 else 3
    half = "" if figure.half is None else f"±{figure.half:.{digits}f}"
    return f"{figure.mean:.{digits}f}{half}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
