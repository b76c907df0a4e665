"""The whole evaluation of a bundle on a split: motions made for its sentences, looked at in every way there is.

Nothing is selected: all settings asked for are shown. The same request gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import kinescale
from kinescale import bundle as bundle_room
from kinescale.bundle.bundle import Bundle
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.bundle.places import DEFAULT_EVALUATOR as DEFAULT_EVALUATOR_FOLDER
from kinescale.core.errors import BundleError, InputError
from kinescale.datasets.prepared import Prepared
from kinescale.evaluation import codes, physical
from kinescale.evaluation._about import about_bundle, about_data, about_evaluator, class_rows, notes
from kinescale.evaluation.clips import Chosen, Progress, check_evaluator, choose, generate, seen
from kinescale.evaluation.following import following
from kinescale.evaluation.plan import Repeat, plan
from kinescale.evaluation.record import Evaluation, Request, SettingResult
from kinescale.evaluation.report import GENERATED, REAL, Embedded, Space, evaluate
from kinescale.motion import Motion
from kinescale.pipeline import TextToMotion, onto_feature
from kinescale.tokens import TokenMap

DEFAULT_EVALUATOR = "default"
NO_EVALUATOR = "none"
CHUNK = 64
SHOWN = 6
"""Clips of the contact sheet."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A clip of the contact sheet: its sentence, its recording, and what was made of the sentence."""

    caption: str
    real: Motion
    made: Motion


@dataclass(frozen=True, eq=False)
class _Work:
    """What all steps share."""

    request: Request
    bundle: Bundle
    pipe: TextToMotion
    chosen: Chosen
    evaluator: EvaluatorBundle | None
    plans: tuple[Repeat, ...]
    progress: Progress

    def captions(self, repeat: int) -> list[str]:
        rows = self.plans[repeat].captions if self.plans else [0] * len(self.chosen)
        return [clip.captions[int(row)] for clip, row in zip(self.chosen.clips, rows, strict=True)]

    @property
    def repeats(self) -> int:
        return self.request.repeats or self.request.protocol.repeats


@dataclass(frozen=True, eq=False)
class _Real:
    """The recordings, looked at once."""

    space: Space | None
    measured: list[physical.Measured]
    level: float


def find_evaluator(name: str) -> tuple[EvaluatorBundle | None, str]:
    """The evaluator of a folder, or the one that comes with the package; else ``None`` and one sentence on that.

    Raises ``BundleError`` for a folder that holds none.
    """
    if name == NO_EVALUATOR:
        return None, "No evaluator was used, so there is no FID and no R-precision."
    if name != DEFAULT_EVALUATOR:
        if not Path(name).expanduser().is_dir():
            raise BundleError(f"there is no evaluator folder {name}; name one that exists, or 'default' or 'none'.")
        return EvaluatorBundle.from_pretrained(name), ""
    folder = Path(str(bundle_room.__file__)).parent / DEFAULT_EVALUATOR_FOLDER
    if not (folder / "config.json").is_file():
        return None, (
            "This installation has no evaluator, so there is no FID and no R-precision; train one with kinescale train "
            "evaluator.cpu and name its folder with --evaluator."
        )
    return EvaluatorBundle.from_pretrained(folder), ""


def run(
    bundle: Bundle,
    prepared: Prepared,
    request: Request,
    *,
    evaluator: EvaluatorBundle | None = None,
    note: str = "",
    progress: Progress = lambda task, done, total: None,
) -> tuple[Evaluation, list[Shown]]:
    """Evaluate, and pick the clips of the contact sheet.

    ``note``: why there is no evaluator. Raises ``BundleError`` for a bundle without text, ``DataError`` for a split
    with nothing to evaluate on, ``InputError`` for an evaluator that does not fit or too few clips for a pool.
    """
    if request.repeats is not None and request.repeats < 1:
        raise InputError(f"{request.repeats} repeats; expected at least 1.")
    pipe = TextToMotion(bundle)
    chosen = choose(prepared, request.split, bundle, evaluator, request.limit)
    plans: tuple[Repeat, ...] = ()
    if evaluator is not None:
        first = prepared.motion(chosen.rows[0])
        check_evaluator(evaluator, first, "the data's motions")
        check_evaluator(evaluator, onto_feature(first, bundle.feature), "the bundle's motions")
        said = [clip.captions for clip in chosen.clips]
        plans = plan(request.protocol, said, seed=request.seed, repeats=request.repeats)
    work = _Work(request, bundle, pipe, chosen, evaluator, plans, progress)
    real = _look_at_recordings(work)
    results: list[SettingResult] = []
    tokens: list[TokenMap] = []
    shown: list[Shown] = []
    for at, (name, sampling) in enumerate(request.settings.items()):
        first_one = at == 0
        results.append(
            _setting(work, real, name, sampling, tokens if first_one else None, shown if first_one else None)
        )
    own = next(iter(request.settings.values()))
    progress("reconstruction", 0, len(chosen))
    counter = iter(range(1, len(chosen) + 1))
    rows, encoded = codes.reconstruction(
        bundle,
        chosen.motions(),
        request.protocol,
        lambda: progress("reconstruction", next(counter), len(chosen)),
    )
    found = Evaluation(
        kinescale_version=kinescale.__version__,
        command=request.command,
        seed=request.seed,
        repeats=work.repeats,
        protocol=request.protocol,
        data=about_data(work.chosen, request.split),
        bundle=about_bundle(bundle, prepared),
        evaluator=None if evaluator is None else about_evaluator(evaluator),
        settings=results,
        reconstruction=rows,
        codebook=codes.usage(bundle, "real", encoded) + codes.usage(bundle, "generated", tokens),
        instructions=following(pipe, chosen, request.instructions, request.seed, own, progress)
        if request.instructions
        else [],
        notes=([note] if note else []) + notes(request, bundle, chosen, evaluator),
    )
    return found, shown


def _look_at_recordings(work: _Work) -> _Real:
    work.progress("recordings", 0, len(work.chosen))
    spaces, measured, held = [], [], []
    for at, motion in enumerate(work.chosen.motions()):
        here = onto_feature(motion, work.bundle.feature).to(torch.float32)
        measured.append(physical.measured(here))
        held.append(motion)
        if len(held) == CHUNK or at == len(work.chosen) - 1:
            spaces += [_embed(work.evaluator, held)] if work.evaluator else []
            held = []
        work.progress("recordings", at + 1, len(work.chosen))
    return _Real(_joined(spaces), measured, physical.jerk_level(measured))


def _setting(
    work: _Work,
    real: _Real,
    name: str,
    sampling: dict[str, Any],
    tokens: list[TokenMap] | None,
    shown: list[Shown] | None,
) -> SettingResult:
    """Make all motions of a setting, repeat by repeat; tokens and clips of the sheet go where they are asked for."""
    clips, task = len(work.chosen), f"motions, {name}"
    embedded: list[Embedded] = []
    measured: list[list[physical.Measured]] = []
    sheet = set(_spread(work.chosen)) if shown is not None else set()
    work.progress(task, 0, clips * work.repeats)
    for repeat in range(work.repeats):
        captions = work.captions(repeat)
        spaces, numbers, held = [], [], []
        made = generate(
            work.pipe,
            work.chosen,
            captions,
            seed=work.request.seed,
            samples=[repeat],
            index=range(clips),
            sampling=sampling,
        )
        for at, one in enumerate(made):
            motion = one.motions[0]
            numbers.append(physical.measured(motion))
            held.append(motion)
            if tokens is not None:
                tokens += one.tokens
            if shown is not None and repeat == 0 and at in sheet:
                recorded = work.chosen.prepared.motion(work.chosen.rows[at])
                shown.append(Shown(captions[at], onto_feature(recorded, work.bundle.feature), motion))
            if len(held) == CHUNK or at == clips - 1:
                spaces += [_embed(work.evaluator, held)] if work.evaluator else []
                held = []
            work.progress(task, repeat * clips + at + 1, clips * work.repeats)
        measured.append(numbers)
        if work.evaluator is not None and real.space is not None:
            space = _joined(spaces)
            assert space is not None
            text = work.evaluator.embed_text(captions)
            samples = _samples(work, repeat, captions, sampling) if work.request.multimodality else None
            embedded.append(Embedded(text, real.space, space, samples))
    return _result(work, real, name, sampling, embedded, measured)


def _result(
    work: _Work,
    real: _Real,
    name: str,
    sampling: dict[str, Any],
    embedded: list[Embedded],
    measured: list[list[physical.Measured]],
) -> SettingResult:
    protocol = work.request.protocol
    report, classes = None, []
    if work.evaluator is not None:
        cosine = work.evaluator.evaluator.cosine
        report = evaluate(protocol, work.plans, embedded, seed=work.request.seed, cosine=cosine)
        classes = class_rows(work.chosen, work.plans, embedded, cosine)
    rows = {
        REAL: physical.summary(protocol.but(spread="student"), [real.measured], real.level),
        GENERATED: physical.summary(protocol.but(spread="student"), measured, real.level),
    }
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in sampling.items()}
    return SettingResult(name=name, sampling=plain, report=report, physical=rows, classes=classes)


def _samples(work: _Work, repeat: int, captions: Sequence[str], sampling: dict[str, Any]) -> Space:
    """Many motions of each of the plan's prompts, [P, S, D]; other draws than those of the table."""
    prompts, count = work.plans[repeat].prompts.tolist(), work.request.protocol.samples
    task, spaces = f"samples for multimodality, repeat {repeat + 1}", []
    start = work.repeats + repeat * count
    assert work.evaluator is not None
    made = generate(
        work.pipe,
        work.chosen,
        captions,
        seed=work.request.seed,
        samples=range(start, start + count),
        index=prompts,
        sampling=sampling,
    )
    for at, one in enumerate(made):
        work.progress(task, at, len(prompts))
        spaces.append(_embed(work.evaluator, one.motions))
    work.progress(task, len(prompts), len(prompts))
    return Space(torch.stack([one.match for one in spaces]), torch.stack([one.fid for one in spaces]))


def _embed(evaluator: EvaluatorBundle | None, motions: Sequence[Motion]) -> Space:
    """Motions, real and generated alike, through the evaluator's own feature."""
    assert evaluator is not None
    match, for_fid = evaluator.embed_motions([seen(motion, evaluator.feature) for motion in motions])
    return Space(match, for_fid)


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
    count = min(SHOWN, len(rows))
    return [rows[i * len(rows) // count] for i in range(count)]
