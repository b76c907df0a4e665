"""Bars of a system that makes motions: what a model worth using has to reach, with what it reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from kinescale.evaluation.group_rows import GroupRow
from kinescale.evaluation.prompt_report import PromptReport, PromptRow
from kinescale.evaluation.record import Evaluation, InstructionRow, SettingResult
from kinescale.evaluation.seed_spread import SeedSpreadRow
from kinescale.evaluation.tokenizer_record import Bar

FID_TIMES = 2.0
VARIANCE_SHARE = 0.6
SEEDS_MM = 40.0
WALK_SKATE, STANDING_SKATE = 0.25, 0.02
CLEAR_SHARE = 0.98
FOLLOWED: Mapping[str, float] = {
    **dict.fromkeys(("direction", "turn_side", "limb_side"), 0.9),
    **dict.fromkeys(("speed", "turn_angle", "distance", "repetition", "order"), 0.7),
}
PHRASES: Mapping[str, float] = {"all": 0.85, "compound": 0.7, "paraphrase": 0.8, "side": 1.0}
PEAK_LEAST = 0.85


def bars(found: Evaluation) -> list[Bar]:
    """Every bar of the sections that were measured, the first setting's where there are several."""
    rows: list[Bar] = [] if found.tokenizer is None else list(found.tokenizer.bars)
    if found.settings:
        rows += _setting(found.settings[0])
    rows += _seeds(found.spread)
    rows += _followed(found.instructions)
    if found.phrases is not None:
        rows += _phrases(found.phrases)
    return rows


def _setting(one: SettingResult) -> Iterable[Bar]:
    if one.fid is not None:
        yield _at_most("FID over that of recordings of one size", one.fid.ratio.median, FID_TIMES)
    yield from _variance(one.classes)
    yield from _peaks(one.classes)
    floor = {row.name: row for row in one.floor}
    for name, most in (("walk", WALK_SKATE), ("standing", STANDING_SKATE)):
        row = floor.get(name)
        if row is not None and row.skate is not None:
            yield _at_most(f"planted feet, {name}, m/s", row.skate, most)
    if "all" in floor:
        yield _at_least("clips with no joint 3 cm under the floor", 1 - floor["all"].under, CLEAR_SHARE)


def _variance(classes: Sequence[GroupRow]) -> Iterable[Bar]:
    shares = [row.variance / row.variance_real for row in classes if row.variance is not None and row.variance_real]
    if shares:
        name = "variance within an action over that of recordings, median of classes"
        yield _at_least(name, float(np.median(shares)), VARIANCE_SHARE)


def _peaks(classes: Sequence[GroupRow]) -> Iterable[Bar]:
    shares = [pair.ratio for row in classes for pair in row.peaks.values()]
    if shares:
        yield _at_least("peaks over those of recordings, 10th percentile", float(np.percentile(shares, 10)), PEAK_LEAST)


def _seeds(rows: Sequence[SeedSpreadRow]) -> Iterable[Bar]:
    if rows:
        yield _at_least("seeds of one sentence apart, mm", float(np.mean([row.mm for row in rows])), SEEDS_MM)


def _followed(rows: Sequence[InstructionRow]) -> Iterable[Bar]:
    for row in rows:
        if row.rate is not None:
            yield _at_least(f"instructions, {row.kind.replace('_', ' ')}", row.rate, FOLLOWED[row.kind])


def _phrases(found: PromptReport) -> Iterable[Bar]:
    rows: list[PromptRow] = [*found.kinds, found.all]
    for row in rows:
        if row.name in PHRASES:
            yield _at_least(f"phrases, {row.name}, claims kept", row.kept, PHRASES[row.name])


def _at_most(name: str, value: float, most: float) -> Bar:
    return Bar(name=name, value=value, limit=f"at most {most:g}", held=value <= most)


def _at_least(name: str, value: float, least: float) -> Bar:
    return Bar(name=name, value=value, limit=f"at least {least:g}", held=value >= least)
