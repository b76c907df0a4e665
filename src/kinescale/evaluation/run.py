"""Evaluation of a bundle on a split, section by section.

Nothing is selected: all requested settings are reported. The same request gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import kinescale
from kinescale import bundle as bundle_room
from kinescale.bundle.bundle import Bundle
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.bundle.hub import DEFAULT_EVALUATOR as DEFAULT_EVALUATOR_FOLDER
from kinescale.core.errors import BundleError, InputError
from kinescale.data.prepared import Prepared
from kinescale.evaluation import motion_metrics, published
from kinescale.evaluation.bars import bars
from kinescale.evaluation.clips import Progress, check_evaluator, choose
from kinescale.evaluation.codebook_use import usage
from kinescale.evaluation.generated_motions import (
    EvaluationJob,
    GeneratedClips,
    Recordings,
    SheetClip,
    make,
    recordings,
)
from kinescale.evaluation.groups import floor_rows, group_fid, group_rows, held_kinds
from kinescale.evaluation.instruction_following import following
from kinescale.evaluation.plan import Repeat, plan, window_frames
from kinescale.evaluation.prompt_report import prompt_report
from kinescale.evaluation.provenance import about_bundle, about_data, about_evaluator, notes
from kinescale.evaluation.reconstruction import reconstruction
from kinescale.evaluation.record import Evaluation, Request, SettingResult
from kinescale.evaluation.report import GENERATED, REAL, evaluate
from kinescale.evaluation.section_names import WITHOUT_GENERATOR
from kinescale.evaluation.seed_spread import spread
from kinescale.evaluation.text_sensitivity import responses
from kinescale.evaluation.tokenizer_record import TokenizerReport
from kinescale.evaluation.tokenizer_samples import samples
from kinescale.evaluation.tokenizer_yardstick import TokenizerYardstick
from kinescale.pipelines import TextToMotion, onto_feature

DEFAULT_EVALUATOR = "default"
NO_EVALUATOR = "none"
HELD_OUT = ("val", "test")
"""Splits that the tokenizer is measured on together, since neither was trained on."""


def find_evaluator(name: str) -> tuple[EvaluatorBundle | None, str]:
    """The evaluator of a folder, or the one that comes with the package; else ``None`` and one sentence on why.

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
) -> tuple[Evaluation, list[SheetClip]]:
    """Evaluate, and pick the clips of the contact sheet.

    ``note``: why there is no evaluator. Raises ``BundleError`` for a bundle without text where a section needs one,
    ``DataError`` for a split with nothing to evaluate on, ``InputError`` for an evaluator that does not fit or too few
    clips for a pool.
    """
    if request.repeats is not None and request.repeats < 1:
        raise InputError(f"{request.repeats} repeats; expected at least 1.")
    if set(request.sections) <= set(WITHOUT_GENERATOR):
        return _without_generator(bundle, prepared, request, progress), []
    work = _work(bundle, prepared, request, evaluator, progress)
    direct = published.applies(request.protocol, prepared, evaluator)
    made, results = [], []
    if "motions" in request.sections:
        made, results = ([], published.results(work)) if direct else _motions(work)
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
        notes=[text for text in (note, published.note(request.protocol, work)) if text]
        + notes(request, bundle, work.chosen, evaluator),
    )
    parts = {name: value for name in request.sections for name, value in _section(name, work, made).items()}
    found = found.model_copy(update=parts)
    return found.model_copy(update={"bars": bars(found)}), made[0].shown if made else []


def _without_generator(bundle: Bundle, prepared: Prepared, request: Request, progress: Progress) -> Evaluation:
    """The sections that need no generator."""
    chosen = choose(prepared, request.split, bundle, None, request.limit, captions=False)
    found = Evaluation(
        kinescale_version=kinescale.__version__,
        command=request.command,
        seed=request.seed,
        repeats=1,
        protocol=request.protocol,
        data=about_data(chosen, request.split),
        bundle=about_bundle(bundle, prepared),
        tokenizer=measure_tokenizer(bundle, prepared, request, progress),
    )
    return found.model_copy(update={"bars": bars(found)})


def measure_tokenizer(bundle: Bundle, prepared: Prepared, request: Request, progress: Progress) -> TokenizerReport:
    """The tokenizer yardstick on the split; on validation and test clips together where it is one of them."""
    splits = HELD_OUT if request.split in HELD_OUT else (request.split,)
    stick = TokenizerYardstick(bundle.feature, samples(prepared, splits, request.per_class))
    progress("tokenizer", 0, stick.clips)
    return stick.measure(
        bundle.tokenizer, bundle.normalizer, progress=lambda done, total: progress("tokenizer", done, total)
    )


def _work(
    bundle: Bundle, prepared: Prepared, request: Request, evaluator: EvaluatorBundle | None, progress: Progress
) -> EvaluationJob:
    pipe, protocol = TextToMotion(bundle), request.protocol
    direct = published.applies(protocol, prepared, evaluator)
    frames = partial(window_frames, protocol) if direct else None
    chosen = choose(prepared, request.split, bundle, evaluator, request.limit, frames=frames)
    plans: tuple[Repeat, ...] = ()
    if evaluator is not None and "motions" in request.sections:
        if not direct:
            first = prepared.motion(chosen.rows[0])
            check_evaluator(evaluator, first, "the data's motions")
            check_evaluator(evaluator, onto_feature(first, bundle.feature), "the bundle's motions")
        captions = [clip.captions for clip in chosen.clips]
        lengths = [clip.frames for clip in chosen.clips] if direct else []
        plans = plan(protocol, captions, seed=request.seed, repeats=request.repeats, lengths=lengths)
    return EvaluationJob(request, bundle, pipe, chosen, evaluator, plans, progress)


def _motions(work: EvaluationJob) -> tuple[list[GeneratedClips], list[SettingResult]]:
    """Generated motions of every setting; tokens and contact sheet of the first."""
    real = recordings(work)
    made, results = [], []
    for at, (name, sampling) in enumerate(work.request.settings.items()):
        made.append(make(work, real, name, sampling, sheet=at == 0))
        results.append(_result(work, real, made[-1]))
    return made, results


def _result(work: EvaluationJob, real: Recordings, made: GeneratedClips) -> SettingResult:
    protocol = work.request.protocol
    report, band = None, None
    if work.evaluator is not None:
        cosine = work.evaluator.evaluator.cosine
        report = evaluate(protocol, work.plans, made.embedded, seed=work.request.seed, cosine=cosine)
        band = group_fid(work, made.embedded[0], range(len(work.chosen)))
    measured = [[one.results for one in measurements] for measurements in made.measured]
    student = protocol.but(spread="student")
    rows = {
        REAL: motion_metrics.summary(student, [[one.results for one in real.measured]], real.levels),
        GENERATED: motion_metrics.summary(student, measured, real.levels),
    }
    clips = work.chosen.clips
    return SettingResult(
        name=made.name,
        sampling={key: list(value) if isinstance(value, tuple) else value for key, value in made.sampling.items()},
        report=report,
        physical=rows,
        fid=band,
        splits=group_rows(work, real, made, held_kinds(work.chosen)),
        corpora=group_rows(work, real, made, [clip.corpus for clip in clips]),
        classes=group_rows(work, real, made, [f"{clip.corpus}/{clip.action}" for clip in clips], fid=False),
        floor=floor_rows(work, real, made),
    )


def _section(name: str, work: EvaluationJob, made: list[GeneratedClips]) -> dict[str, Any]:
    """Fields of the evaluation from one section."""
    fill: Callable[[EvaluationJob, list[GeneratedClips]], dict[str, Any]] | None = _FILL.get(name)
    return {} if fill is None else fill(work, made)


def _own(work: EvaluationJob) -> dict[str, Any]:
    """The first setting of the sampler, used for everything but the table."""
    return next(iter(work.request.settings.values()))


def _codes(work: EvaluationJob, made: list[GeneratedClips]) -> dict[str, Any]:
    total = len(work.chosen)
    work.progress("reconstruction", 0, total)
    counter = iter(range(1, total + 1))
    rows, encoded = reconstruction(
        work.bundle,
        work.chosen.motions(),
        work.request.protocol,
        lambda: work.progress("reconstruction", next(counter), total),
    )
    used = usage(work.bundle, "real", encoded)
    used += usage(work.bundle, "generated", made[0].tokens) if made else []
    return {"reconstruction": rows, "codebook": used}


def _tokenizer(work: EvaluationJob, made: list[GeneratedClips]) -> dict[str, Any]:
    return {"tokenizer": measure_tokenizer(work.bundle, work.chosen.prepared, work.request, work.progress)}


def _instructions(work: EvaluationJob, made: list[GeneratedClips]) -> dict[str, Any]:
    count = work.request.instructions
    if not count:
        return {}
    rows = following(work.pipe, work.chosen, count, work.request.seed, _own(work), work.progress)
    return {"instructions": rows}


def _phrases(work: EvaluationJob, made: list[GeneratedClips]) -> dict[str, Any]:
    request = work.request
    prepared = work.chosen.prepared
    return {"phrases": prompt_report(work.pipe, prepared, request.draws, request.seed, _own(work), work.progress)}


def _sensitivity(work: EvaluationJob, made: list[GeneratedClips]) -> dict[str, Any]:
    return {"sensitivity": responses(work.pipe, work.request.draws, work.request.seed, _own(work), work.progress)}


def _spread(work: EvaluationJob, made: list[GeneratedClips]) -> dict[str, Any]:
    request = work.request
    draws = max(2, request.draws)
    return {"spread": spread(work.pipe, work.chosen, draws, request.seed, _own(work), work.progress)}


_FILL = {
    "tokenizer": _tokenizer,
    "codes": _codes,
    "instructions": _instructions,
    "phrases": _phrases,
    "sensitivity": _sensitivity,
    "spread": _spread,
}
"""Section -> function that fills its fields; the motions are generated first."""
