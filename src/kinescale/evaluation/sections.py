"""An evaluation as sections - a table each, some with a plot - for the terminal, for Markdown and for HTML."""

from __future__ import annotations

from collections.abc import Sequence

from kinescale.evaluation import plots as _plots
from kinescale.evaluation.more_sections import bars, fid, floor, groups, kept, phrases, sensitivity, spread
from kinescale.evaluation.physical import NAMES
from kinescale.evaluation.record import Evaluation, SettingResult
from kinescale.evaluation.report import GENERATED, REAL
from kinescale.evaluation.section import GROUND_TRUTH, Section, share, table


def sections(found: Evaluation) -> list[Section]:
    """Everything measured, the ground truth first in each table."""
    made = [
        *((_metrics(found), fid(found), _physical(found), floor(found)) if found.settings else ()),
        *groups(found),
        spread(found),
        *kept(found),
        _reconstruction(found),
        _codebook(found),
        _followed(found),
        *phrases(found),
        *sensitivity(found),
        bars(found),
    ]
    return [section for section in made if section is not None]


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
        text += (
            " FID of halves: between two random halves of the recordings; it is of half as many motions, so that it "
            "must not be held against the FID beside it: see FID at one size."
        )
    return Section("Text and motion", text, *table(rows, names), plot=_sweep(found.settings))


def _sweep(settings: Sequence[SettingResult]) -> str:
    """FID against the guidance scale, or against the sampler's passes, where several were asked for."""
    axes = {"guidance_scale": "guidance scale", "guidance": "guidance", "steps": "passes of all scales together"}
    for key, across in axes.items():
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
    return Section("Feet and smoothness", text, *table(rows, names))


def _reconstruction(found: Evaluation) -> Section | None:
    if not found.reconstruction:
        return None
    names = list(found.reconstruction)
    text = "Recordings through the tokenizer, all scales; mean over clips."
    return Section("Reconstruction", text, *table({"tokenizer": found.reconstruction}, names))


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
        made, real = share(one.rate), share(one.real_rate)
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
