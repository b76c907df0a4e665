"""Results by corpus, by class and by kind of split, since one mean over everything hides rare classes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.data.prepared import PreparedClip
from kinescale.evaluation.clip_measurements import ClipMeasurements, variance
from kinescale.evaluation.clips import Chosen
from kinescale.evaluation.fid_band import FidBand, fid_band
from kinescale.evaluation.generated_motions import EvaluationJob, GeneratedClips, Recordings
from kinescale.evaluation.group_rows import FloorRow, GroupRow, PeakPair
from kinescale.evaluation.plan import Repeat
from kinescale.evaluation.report import GENERATED, REAL, Embedded
from kinescale.metrics import ground, peaks, r_precision

KNOWN = "pairs, actors and takes that training knows"
HELD: Mapping[str, str] = {
    "": KNOWN,
    "pair": "pairs of action and style kept from training",
    "actor": "actors kept from training",
    "take": "takes kept from training",
}
"""Why a clip is held out -> name of its row."""

LEAST_OF_CLASS = 3
"""Clips that a class needs for a variance."""


def held_kinds(chosen: Chosen) -> list[str]:
    """Row name of each chosen clip, by why it is held out.

    Where the data do not record it, a label of which no clip was trained on counts as a held-out pair.
    """
    trained = {(clip.corpus, clip.label) for clip in chosen.prepared.clips if clip.split == "train"}
    return [HELD.get(_held_by(clip, trained), _held_by(clip, trained)) for clip in chosen.clips]


def _held_by(clip: PreparedClip, trained: set[tuple[str, str]]) -> str:
    known = getattr(clip, "held_by", "") or ""
    return known or ("" if (clip.corpus, clip.label) in trained else "pair")


def group_rows(
    work: EvaluationJob, real: Recordings, made: GeneratedClips, names: Sequence[str], *, fid: bool = True
) -> list[GroupRow]:
    """A row for each name among ``names``, which has one for each clip; the commonest first."""
    members: dict[str, list[int]] = defaultdict(list)
    for at, name in enumerate(names):
        members[name].append(at)
    order = sorted(members, key=lambda name: (-len(members[name]), name))
    hits = _hits(work, made)
    return [_group(work, real, made, name, members[name], hits, fid) for name in order]


def _group(
    work: EvaluationJob,
    real: Recordings,
    made: GeneratedClips,
    name: str,
    rows: Sequence[int],
    hits: Mapping[str, Float[np.ndarray, " N"]],
    fid: bool,
) -> GroupRow:
    recorded = [real.measured[at] for at in rows]
    generated = [measurements[at] for measurements in made.measured for at in rows]
    claims = sum(len(work.claims[at]) for at in rows)
    labels = [work.chosen.clips[at] for at in rows]
    spaces = made.embedded[0] if fid and made.embedded else None
    return GroupRow(
        name=name,
        clips=len(rows),
        r1_real=_nanmean(hits[REAL][rows]) if hits else None,
        r1=_nanmean(hits[GENERATED][rows]) if hits else None,
        claims=claims,
        kept_real=_share(recorded) if claims else None,
        kept=_share(generated) if claims else None,
        variance_real=_variance(recorded, labels),
        variance=_variance([made.measured[0][at] for at in rows], labels),
        skate_real=_mean([one.ground.skate for one in recorded if one.ground]),
        skate=_mean([one.ground.skate for one in generated if one.ground]),
        peaks=peak_pairs(recorded, generated),
        fid=None if spaces is None else group_fid(work, spaces, rows),
    )


def peak_pairs(real: Sequence[ClipMeasurements], made: Sequence[ClipMeasurements]) -> dict[str, PeakPair]:
    """Medians of the peaks that at least half of the recordings have."""
    found = {}
    for measure, least in peaks.LEAST.items():
        here = [one.peaks[measure] for one in real if measure in one.peaks]
        there = [one.peaks[measure] for one in made if measure in one.peaks]
        if here and there and np.median(here) >= least:
            middle = float(np.median(here))
            found[measure] = PeakPair(
                real=middle, generated=float(np.median(there)), ratio=float(np.median(there)) / middle
            )
    return found


def floor_rows(work: EvaluationJob, real: Recordings, made: GeneratedClips) -> list[FloorRow]:
    """Feet and floor of walks, of clips that stand, and of all."""
    clips = work.chosen.clips
    groups = {
        "walk": [at for at, clip in enumerate(clips) if "walk" in clip.action],
        "standing": [at for at, one in enumerate(real.measured) if one.ground and one.ground.stands],
        "all": list(range(len(clips))),
    }
    found = []
    for name, rows in groups.items():
        here = [real.measured[at].ground for at in rows]
        there = [measurements[at].ground for measurements in made.measured for at in rows]
        one, two = [item for item in here if item], [item for item in there if item]
        if one and two:
            found.append(_floor(name, one, two))
    return found


def _floor(name: str, real: Sequence[ground.Ground], made: Sequence[ground.Ground]) -> FloorRow:
    def high_mm(values: Sequence[float]) -> float:
        return 1000.0 * float(np.percentile(values, 90))

    return FloorRow(
        name=name,
        clips=len(real),
        skate_real=_mean([one.skate for one in real]),
        skate=_mean([one.skate for one in made]),
        under_real=ground.share_under(np.array([one.under for one in real])),
        under=ground.share_under(np.array([one.under for one in made])),
        sinking_real_mm=high_mm([one.sinking for one in real]),
        sinking_mm=high_mm([one.sinking for one in made]),
        hips_sinking_real_mm=high_mm([one.hips_sinking for one in real]),
        hips_sinking_mm=high_mm([one.hips_sinking for one in made]),
    )


def _hits(work: EvaluationJob, made: GeneratedClips) -> dict[str, Float[np.ndarray, " N"]]:
    """Share of repeats in which each clip's sentence finds its own motion first; NaN for clips that never counted."""
    if not made.embedded or work.evaluator is None:
        return {}
    cosine, count = work.evaluator.evaluator.cosine, len(work.chosen)
    found = {whose: [] for whose in (REAL, GENERATED)}
    for part, item in zip(work.plans, made.embedded, strict=True):
        for whose, space in ((REAL, item.real), (GENERATED, item.generated)):
            assert space is not None
            row = np.full(count, np.nan)
            rows, first = _first(part, item.text, space.match, cosine)
            row[rows] = first
            found[whose].append(row)
    return {whose: _columns(rows) for whose, rows in found.items()}


def _first(part: Repeat, text: Tensor, motion: Tensor, cosine: bool) -> tuple[list[int], np.ndarray]:
    pools = torch.from_numpy(part.pools)
    if part.own_pools:
        hits = r_precision.hits_against(text, motion, pools[:, 1:], cosine=cosine)
        return part.counted.tolist(), hits[:, 0].double().numpy()
    hits = r_precision.hits_in_turn(text, motion, pools, cosine=cosine)
    return part.pools[part.pools >= 0].tolist(), hits[:, 0].double().numpy()


def group_fid(work: EvaluationJob, item: Embedded, rows: Sequence[int]) -> FidBand | None:
    """FID at one size of some of the chosen clips."""
    assert item.generated is not None
    at = torch.tensor(list(rows))
    takes = [_take(work.chosen.clips[row]) for row in rows]
    return fid_band(item.real.fid[at], item.generated.fid[at], seed=work.request.seed, takes=takes)


def _take(clip: PreparedClip) -> str:
    return getattr(clip, "take", "") or clip.id


def _variance(measurements: Sequence[ClipMeasurements], clips: Sequence[PreparedClip]) -> float | None:
    """Mean over classes of the variance of their courses."""
    counts = Counter((clip.corpus, clip.action) for clip in clips)
    classes = defaultdict(list)
    for one, clip in zip(measurements, clips, strict=True):
        if counts[clip.corpus, clip.action] >= LEAST_OF_CLASS:
            classes[clip.corpus, clip.action].append(one.course)
    values = [variance(courses) for courses in classes.values()]
    return _mean(values)


def _share(measurements: Sequence[ClipMeasurements]) -> float | None:
    kept = [done for one in measurements for done in one.kept]
    return float(np.mean(kept)) if kept else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _nanmean(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _columns(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Mean of each column over the rows that have it."""
    means = [_nanmean(column) for column in np.stack(rows).T]
    return np.array([np.nan if value is None else value for value in means])
