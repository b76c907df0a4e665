"""Sections of the metrics of text and motion, of motion alone, of FID at one size, and of feet and floor."""

from __future__ import annotations

from collections.abc import Sequence

from kinescale.evaluation import plots as _plots
from kinescale.evaluation.fid_band import Band, FidBand
from kinescale.evaluation.record import Evaluation, SettingResult
from kinescale.evaluation.report import GENERATED, REAL
from kinescale.evaluation.sections.base import GROUND_TRUTH, Section, number, share, table


def text_and_motion(found: Evaluation) -> Section | None:
    """Embedding metrics of the protocol."""
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
    """FID against the guidance scale, or against the sampler's passes, where several were requested."""
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


def motion_metrics(found: Evaluation) -> Section | None:
    """Metrics of the motions themselves; ``None`` where features went straight to the evaluator."""
    if not found.settings[0].physical:
        return None
    rows = {GROUND_TRUTH: found.settings[0].physical[REAL]}
    rows |= {one.name: one.physical[GENERATED] for one in found.settings}
    names = list(rows[GROUND_TRUTH])
    text = "Jitter and jerk are best where they are nearest the recordings' own (→)."
    return Section("Feet and smoothness", text, *table(rows, names))


def fid_at_one_size(found: Evaluation) -> Section | None:
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


def _band(one: Band) -> str:
    return f"{one.median:.3f} ({one.low:.3f} to {one.high:.3f})"


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
