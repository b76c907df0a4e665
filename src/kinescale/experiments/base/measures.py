"""What experiments measure of a row's bundle: column -> number with the half width of its 95 % interval, if any."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from kinescale.bundle import Bundle
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.core.errors import DataError
from kinescale.core.randomness import derive_seed
from kinescale.data.prepared import Prepared
from kinescale.evaluation.clips import Chosen, choose
from kinescale.evaluation.codebook_use import usage
from kinescale.evaluation.generated_motions import embed
from kinescale.evaluation.plan import plan
from kinescale.evaluation.reconstruction import reconstruction as measured_reconstruction
from kinescale.evaluation.record import Request
from kinescale.evaluation.report import GENERATED, Embedded, evaluate
from kinescale.evaluation.run import run as run_evaluation
from kinescale.experiments.base import Experiment, Row
from kinescale.experiments.base.edits import QUARTERS
from kinescale.metrics.fid import fid
from kinescale.motion import Motion
from kinescale.pipelines import (
    EditOptions,
    Editor,
    EditRegion,
    Segment,
    TextToMotion,
    Timeline,
    TimelinePipeline,
    onto_feature,
    reconstruct,
)

Measured = dict[str, list[float | None]]
"""Column -> [mean, half width of the interval or None]."""

TIMED = 8
"""Motions whose sampling is timed."""
SENTENCES, STORIES = 4, 4
"""Sentences of a long sequence, and how many are made."""
BORDER_S = 0.5
"""Seconds around a border of two sentences."""


@dataclass(frozen=True, eq=False)
class Job:
    """What a row is measured with."""

    bundle: Bundle
    prepared: Prepared
    evaluator: EvaluatorBundle | None
    request: Request
    log: Sequence[dict[str, Any]] = ()

    def chosen(self) -> Chosen:
        """The clips that count."""
        return choose(self.prepared, self.request.split, self.bundle, self.evaluator, self.request.limit)


def generation(experiment: Experiment, row: Row, job: Job) -> Measured:
    """The protocol's table, the time of a motion, and the generator's size."""
    sampling = dict(row.sampling) | ({} if row.scales is None else {"decoded_scales": row.scales})
    request = dataclasses.replace(job.request, settings={row.name: sampling}, sections=("motions",))
    found = run_evaluation(job.bundle, job.prepared, request, evaluator=job.evaluator)[0].settings[0]
    made: Measured = {}
    if found.report is not None:
        made = {name: [one.mean, one.half] for name, one in found.report.rows[GENERATED].items()}
    made |= {name: [one.mean, one.half] for name, one in found.physical.get(GENERATED, {}).items()}
    made["parameters_m"] = [job.bundle.parameters["generator"] / 1e6, None]
    made["seconds_a_motion"] = [_time_of_a_motion(row, job), None]
    return made


def _time_of_a_motion(row: Row, job: Job) -> float:
    """Seconds that sampling and decoding of one motion take: the median over some clips, after one not counted."""
    pipe, chosen, taken = TextToMotion(job.bundle), job.chosen(), []
    for i in range(min(TIMED, len(chosen)) + 1):
        clip = chosen.clips[i % len(chosen)]
        seconds = chosen.seconds(i % len(chosen))
        made = pipe(clip.captions[0], seconds, sampling=row.sampling, scales=row.scales, candidates=1)
        taken.append(made.timings["sampling"] + made.timings["decoding"])
    return statistics.median(taken[1:])


def reconstruction(experiment: Experiment, row: Row, job: Job) -> Measured:
    """Joint error and FID of recordings through the tokenizer and back, and the share of codes in use."""
    chosen = choose(job.prepared, job.request.split, job.bundle, job.evaluator, job.request.limit, captions=False)
    figures, tokens = measured_reconstruction(job.bundle, chosen.motions(), job.request.protocol, lambda: None)
    made: Measured = {name: [one.mean, one.half] for name, one in figures.items()}
    used = usage(job.bundle, "real", tokens)
    made["codes_used"] = [sum(one.used * one.codes for one in used) / sum(one.codes for one in used), None]
    if job.evaluator is not None and len(chosen) > 1:
        real = [onto_feature(motion, job.bundle.feature) for motion in chosen.motions()]
        spaces = [embed(job.evaluator, some) for some in (real, [reconstruct(job.bundle, one) for one in real])]
        made["reconstruction_fid"] = [fid(spaces[0].fid, spaces[1].fid), None]
    return made


def training(experiment: Experiment, row: Row, job: Job) -> Measured:
    """Steps a second of the generator's stage, its hours so far, and its size."""
    if not job.log:
        raise DataError("the run has no log; experiments on training need a run of their own, not --bundle.")
    speeds = [entry["samples_per_s"] for entry in job.log if entry.get("samples_per_s")]
    hours = job.log[-1]["elapsed_s"] / 3600
    return {
        "samples_a_second": [statistics.median(speeds) if speeds else 0.0, None],
        "steps_a_second": [job.log[-1]["step"] / max(job.log[-1]["elapsed_s"], 1e-9), None],
        "hours": [hours, None],
        "parameters_m": [job.bundle.parameters["generator"] / 1e6, None],
    }


def editing(experiment: Experiment, row: Row, job: Job) -> Measured:
    """Clips edited for their own captions, by a rule, as an evaluator sees them: the mean over four kinds of edits."""
    if job.evaluator is None:
        raise DataError("edits are compared by an evaluator; name one with --evaluator.")
    kinds = [_edited(kind, row, job) for kind in QUARTERS]
    columns = set.intersection(*(set(one) for one in kinds))
    made: Measured = {name: [statistics.mean(one[name] for one in kinds), None] for name in sorted(columns)}
    for kind, one in zip(QUARTERS, kinds, strict=True):
        made |= {f"{kind} {name}": [one[name], None] for name in ("fid", "top3") if name in one}
    return made


def _edited(kind: str, row: Row, job: Job) -> dict[str, float]:
    """The protocol's numbers of one kind of edit, one repeat."""
    chosen, protocol = job.chosen(), job.request.protocol
    plans = plan(protocol, [clip.captions for clip in chosen.clips], seed=job.request.seed, repeats=1)
    captions = [clip.captions[int(i)] for clip, i in zip(chosen.clips, plans[0].captions, strict=True)]
    editor, real, made = Editor(job.bundle), [], []
    for i, motion in enumerate(chosen.motions()):
        clip = onto_feature(motion, job.bundle.feature)
        seed = derive_seed(job.request.seed, "edit", kind, chosen.clips[i].id)
        made.append(_edit(editor, clip, captions[i], kind, row, seed))
        real.append(clip)
    assert job.evaluator is not None
    spaces = [embed(job.evaluator, motions) for motions in (real, made)]
    embedded = Embedded(job.evaluator.embed_text(captions), spaces[0], spaces[1])
    report = evaluate(protocol, plans, [embedded], seed=job.request.seed, cosine=job.evaluator.evaluator.cosine)
    return {name: one.mean for name, one in report.rows[GENERATED].items()}


def _edit(editor: Editor, clip: Motion, caption: str, kind: str, row: Row, seed: int) -> Motion:
    frames = len(clip)
    spans = [(a * frames // 4, b * frames // 4) for a, b in QUARTERS[kind]]
    region = EditRegion.of(clip, frames=[span for span in spans if span[0] < span[1]])
    options = EditOptions(seed=seed, sampling=row.sampling)
    if row.rule == "exact":
        return editor.edit(clip, caption, region, options=options).motions[0]
    return editor.rule(clip, caption, region, rule=row.rule, options=options).motions[0]


def sequences(experiment: Experiment, row: Row, job: Job) -> Measured:
    """Long motions of several sentences: jerk where one goes on as the next, and elsewhere, and the time they take."""
    chosen = job.chosen()
    pipe = TimelinePipeline(job.bundle)
    at_borders, elsewhere, spent, long = [], [], 0.0, 0.0
    for story in range(min(STORIES, len(chosen))):
        segments, start = [], 0.0
        for i in range(SENTENCES):
            at = (story * SENTENCES + i) % len(chosen)
            seconds = max(1.0, chosen.seconds(at))
            segments.append(Segment(chosen.clips[at].captions[0], start, start + seconds))
            start += seconds
        begun = time.perf_counter()
        options = EditOptions(seed=derive_seed(job.request.seed, "story", story), sampling=row.sampling)
        motion = pipe(Timeline(tuple(segments)), options=options).motion
        spent, long = spent + time.perf_counter() - begun, long + motion.duration_s
        near, far = _jerk(motion, [segment.end for segment in segments[:-1]])
        at_borders.append(near)
        elsewhere.append(far)
    return {
        "border_jerk": [statistics.mean(at_borders), None],
        "inner_jerk": [statistics.mean(elsewhere), None],
        "seconds_a_second": [spent / long, None],
    }


def _jerk(motion: Motion, borders: Sequence[float]) -> tuple[float, float]:
    """Mean size of the joints' third difference over time, m/s3, near the borders (seconds) and elsewhere."""
    jerk = motion.positions().diff(n=3, dim=0).norm(dim=-1).mean(1) * motion.fps**3
    times = (torch.arange(len(jerk)) + 1.5) / motion.fps
    near = torch.zeros(len(jerk), dtype=torch.bool)
    for border in borders:
        near |= (times - border).abs() < BORDER_S
    return float(jerk[near].mean()), float(jerk[~near].mean())


MEASURES: dict[str, Callable[[Experiment, Row, Job], Measured]] = {
    "generation": generation,
    "reconstruction": reconstruction,
    "training": training,
    "editing": editing,
    "sequences": sequences,
}
