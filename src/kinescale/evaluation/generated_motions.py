"""Motions of a split: measured recordings, and generated motions for their captions at a setting of the sampler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from kinescale.bundle.bundle import Bundle
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.data.datasets import label_claims
from kinescale.description.claims import Claim
from kinescale.evaluation import motion_metrics
from kinescale.evaluation.clip_measurements import ClipMeasurements, measure_clip
from kinescale.evaluation.clips import Chosen, Progress, generate, seen
from kinescale.evaluation.plan import Repeat
from kinescale.evaluation.record import Request
from kinescale.evaluation.report import Embedded, Space
from kinescale.motion import Motion
from kinescale.pipelines import TextToMotion, onto_feature
from kinescale.tokens import TokenMap

CHUNK = 64
SHEET_CLIPS = 6
"""Clips of the contact sheet."""


@dataclass(frozen=True, eq=False)
class SheetClip:
    """A clip of the contact sheet: caption, recording, and generated motion."""

    caption: str
    real: Motion
    made: Motion


@dataclass(frozen=True, eq=False)
class EvaluationJob:
    """Inputs that all steps of one evaluation share."""

    request: Request
    bundle: Bundle
    pipe: TextToMotion
    chosen: Chosen
    evaluator: EvaluatorBundle | None
    plans: tuple[Repeat, ...]
    progress: Progress

    def captions(self, repeat: int) -> list[str]:
        """The caption that each clip is generated from."""
        rows = self.plans[repeat].captions if self.plans else [0] * len(self.chosen)
        return [clip.captions[int(row)] for clip, row in zip(self.chosen.clips, rows, strict=True)]

    @property
    def repeats(self) -> int:
        """Number of times every motion is generated."""
        return self.request.repeats or self.request.protocol.repeats

    @cached_property
    def claims(self) -> list[tuple[Claim, ...]]:
        """Claims of each clip's label."""
        return [label_claims(clip.corpus, clip.action, clip.id.partition("/")[2]) for clip in self.chosen.clips]


@dataclass(frozen=True, eq=False)
class Recordings:
    """Recordings with their measurements; ``levels``: metric -> its level on them (``motion_metrics.calibrated``)."""

    space: Space | None
    measured: list[ClipMeasurements]
    levels: dict[str, Any]


@dataclass(frozen=True, eq=False)
class GeneratedClips:
    """Generated motions of one setting of the sampler.

    Parameters
    ----------
    measured : measurements of each repeat's clips.
    embedded : embeddings of each repeat, where there is an evaluator.
    tokens : of every motion.
    shown : clips of the contact sheet, from the first repeat.
    """

    name: str
    sampling: dict[str, Any]
    measured: list[list[ClipMeasurements]] = field(default_factory=list)
    embedded: list[Embedded] = field(default_factory=list)
    tokens: list[TokenMap] = field(default_factory=list)
    shown: list[SheetClip] = field(default_factory=list)


def recordings(work: EvaluationJob) -> Recordings:
    """Measure and embed every recording."""
    work.progress("recordings", 0, len(work.chosen))
    spaces, measured, held = [], [], []
    for at, motion in enumerate(work.chosen.motions()):
        here = onto_feature(motion, work.bundle.feature).to(torch.float32)
        measured.append(measure_clip(here, work.claims[at]))
        held.append(motion)
        if len(held) == CHUNK or at == len(work.chosen) - 1:
            spaces += [embed(work.evaluator, held)] if work.evaluator else []
            held = []
        work.progress("recordings", at + 1, len(work.chosen))
    return Recordings(_joined(spaces), measured, motion_metrics.calibrated([one.results for one in measured]))


def make(work: EvaluationJob, real: Recordings, name: str, sampling: dict[str, Any], *, sheet: bool) -> GeneratedClips:
    """Generate all motions of a setting, repeat by repeat; ``sheet``: keep tokens and clips of the contact sheet."""
    clips, task = len(work.chosen), f"motions, {name}"
    made = GeneratedClips(name, sampling)
    shown = set(_spread(work.chosen)) if sheet else set()
    work.progress(task, 0, clips * work.repeats)
    for repeat in range(work.repeats):
        captions = work.captions(repeat)
        spaces, measured, held = [], [], []
        options = {"seed": work.request.seed, "samples": [repeat], "index": range(clips), "sampling": sampling}
        for at, one in enumerate(generate(work.pipe, work.chosen, captions, **options)):
            motion = one.motions[0]
            measured.append(measure_clip(motion, work.claims[at]))
            held.append(motion)
            if sheet:
                made.tokens.extend(one.tokens)
            if repeat == 0 and at in shown:
                made.shown.append(_shown(work, at, captions[at], motion))
            if len(held) == CHUNK or at == clips - 1:
                spaces += [embed(work.evaluator, held)] if work.evaluator else []
                held = []
            work.progress(task, repeat * clips + at + 1, clips * work.repeats)
        made.measured.append(measured)
        if work.evaluator is not None and real.space is not None:
            space = _joined(spaces)
            text = work.evaluator.embed_text(captions)
            samples = _samples(work, repeat, captions, sampling) if work.request.multimodality else None
            made.embedded.append(Embedded(text, real.space, space, samples))
    return made


def embed(evaluator: EvaluatorBundle | None, motions: Sequence[Motion]) -> Space:
    """Embeddings of motions, real or generated, by the evaluator's feature."""
    assert evaluator is not None
    match, for_fid = evaluator.embed_motions([seen(motion, evaluator.feature) for motion in motions])
    return Space(match, for_fid)


def _shown(work: EvaluationJob, at: int, caption: str, motion: Motion) -> SheetClip:
    recorded = work.chosen.prepared.motion(work.chosen.rows[at])
    return SheetClip(caption, onto_feature(recorded, work.bundle.feature), motion)


def _samples(work: EvaluationJob, repeat: int, captions: Sequence[str], sampling: dict[str, Any]) -> Space:
    """Many motions of each of the plan's prompts, [P, S, D]; other draws than those of the table."""
    prompts, count = work.plans[repeat].prompts.tolist(), work.request.protocol.samples
    task, spaces = f"samples for multimodality, repeat {repeat + 1}", []
    start = work.repeats + repeat * count
    drawn = range(start, start + count)
    options = {"seed": work.request.seed, "samples": drawn, "index": prompts, "sampling": sampling}
    for at, one in enumerate(generate(work.pipe, work.chosen, captions, **options)):
        work.progress(task, at, len(prompts))
        spaces.append(embed(work.evaluator, one.motions))
    work.progress(task, len(prompts), len(prompts))
    return Space(torch.stack([one.match for one in spaces]), torch.stack([one.fid for one in spaces]))


def _joined(spaces: Sequence[Space]) -> Space | None:
    if not spaces:
        return None
    return Space(torch.cat([one.match for one in spaces]), torch.cat([one.fid for one in spaces]))


def _spread(chosen: Chosen) -> list[int]:
    """Clips for the sheet: the first of each label, evenly spread over labels."""
    first: dict[str, int] = {}
    for at, clip in enumerate(chosen.clips):
        first.setdefault(f"{clip.corpus}/{clip.action}", at)
    rows = list(first.values())
    count = min(SHEET_CLIPS, len(rows))
    return [rows[i * len(rows) // count] for i in range(count)]
