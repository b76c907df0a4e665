"""Train a recipe on prepared data, or go on with a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from kinescale.cli.base.options import MaybeFloat, MaybeInt, MaybeText, Out, parse

if TYPE_CHECKING:
    from kinescale.training.config import RunConfig
    from kinescale.training.evaluator_config import EvaluatorRunConfig
    from kinescale.training.loop import Outcome

EXAMPLES = (
    "kinescale train moscale.debug --data data/prepared --run runs/debug",
    "kinescale train moscale.humanml3d --ablation no_temporal_refinement --data data/humanml3d --run runs/ablation",
    "kinescale train moscale.cpu --data data/prepared --run runs/mine --generator_training.steps 500",
)


@dataclass(frozen=True)
class Options:
    """Train the tokenizer, the generator and the length estimator of a recipe, or an evaluator. Any field of the recipe
    can be changed by its dotted name, e.g. --generator_training.steps 2000 --tokenizer.config.width 128.

    A run that was stopped, by Ctrl-C, SIGTERM, a time budget or a crash, goes on when the same command is given again.
    On several processes or machines: torchrun --nproc-per-node N -m kinescale train ...
    """

    recipe: tyro.conf.Positional[str]
    """Which run, e.g. moscale.small; a wrong name lists all."""
    data: Path
    """The folder that `kinescale prepare` wrote, or its URL (s3://..., gs://...)."""
    run: Out
    """The folder of the run: checkpoints, logs, and the bundle made of it."""
    ablation: MaybeText = None
    """What of the system is left out or exchanged, as in the papers' studies, e.g. no_temporal_refinement; several with
    commas between. A wrong name lists those of the system."""
    stage: Literal["tokenizer", "generator", "length", "all"] = "all"
    """Which stage to train; length is the small network that estimates a motion's length from its sentence."""
    start: MaybeText = None
    """A bundle whose weights a new run begins with: a folder, a hub name, or `default`."""
    minutes: MaybeFloat = None
    """Wall-time budget of each stage; it stops with a checkpoint."""
    device: MaybeText = None
    """auto, cpu, cuda or mps."""
    seed: MaybeInt = None
    """Names the whole run."""
    workers: MaybeInt = None
    """Processes that compute features."""
    timeout: MaybeFloat = None
    """Under torchrun: seconds after which a process that is not heard of is lost, and the job ends; 45 when not given.
    """
    validate: Literal["loss", "generation"] = "loss"
    """What validation looks at: the loss, or also the FID of motions generated for validation captions, as the authors
    of the systems choose their weights. generation needs --evaluator."""
    evaluator: MaybeText = None
    """With --validate generation: an evaluator's folder, or "default" for the one that comes with the package."""
    validate_clips: int = 64
    """With --validate generation: how many validation captions."""
    bundle: bool = True
    """Write RUN/bundle at the end."""
    weights: Literal["last", "best", "best_fid"] = "last"
    """Which generator (or evaluator) goes into the bundle: the last, that of the lowest validation loss, or with
    --validate generation that of the lowest FID."""


def run(argv: list[str]) -> int:
    """Parse ``argv``, train, say how it went. 130 when interrupted, 143 when ended by SIGTERM."""
    rest, changes = split_overrides(argv)
    options = parse(Options, rest, "train")

    config = configure(options, changes)
    _check_paths(options)
    from kinescale.training import distributed
    from kinescale.training.config import STAGES
    from kinescale.training.evaluator_config import EvaluatorRunConfig
    from kinescale.training.run import train

    if isinstance(config, EvaluatorRunConfig):
        return _evaluator(options, config, changes)
    stages = STAGES if options.stage == "all" else (options.stage,)
    more: dict[str, Any] = {"start": _start(options), "evaluator": _judge(options)}
    more["validate_clips"] = options.validate_clips
    with _watch() as watch:
        outcomes = train(config, _place(options.data), options.run, stages, watch=watch, **more)
    ended = max((outcome.exit_code for outcome in outcomes.values()), default=0)
    if not distributed.leads():
        return ended
    for stage, outcome in outcomes.items():
        _say(stage, outcome)
    if options.bundle:
        from kinescale.training.export import export

        print(f"bundle: {export(options.run, which=options.weights, command=_command(options, changes))}")
    return ended


def _start(options: Options) -> Any:
    """The bundle to begin with, if one is named."""
    if options.start is None:
        return None
    from kinescale.bundle import Bundle

    return Bundle.from_pretrained(options.start)


def _judge(options: Options) -> Any:
    """The evaluator that validates by generation, where that was asked for."""
    from kinescale.core.errors import InputError

    if options.validate != "generation":
        if options.evaluator is not None or options.weights == "best_fid":
            raise InputError("--evaluator and --weights best_fid are for --validate generation; give that as well.")
        return None
    if options.evaluator is None:
        raise InputError("--validate generation needs --evaluator: an evaluator's folder, or 'default'.")
    if options.validate_clips < 2:
        raise InputError(f"--validate-clips is {options.validate_clips}; expected 2 or more.")
    from kinescale.evaluation.run import find_evaluator

    found, reason = find_evaluator(options.evaluator)
    if found is None:
        raise InputError(f"--validate generation needs an evaluator. {reason}")
    return found


def _evaluator(options: Options, config: EvaluatorRunConfig, changes: dict[str, str]) -> int:
    """Train an evaluator: one stage, and a folder of its own kind."""
    from kinescale.core.errors import InputError
    from kinescale.training.evaluator_run import export_evaluator, train_evaluator

    if options.start is not None:
        raise InputError("an evaluator is trained from the beginning; leave --start out.")
    if options.stage != "all":
        raise InputError(
            f"'{config.name}' has no stage '{options.stage}'; an evaluator is one stage: leave --stage out."
        )
    with _watch() as watch:
        outcome = train_evaluator(config, options.data, options.run, watch=watch)
    _say("evaluator", outcome)
    if options.bundle:
        which = "last" if options.weights == "last" else "best"
        made = export_evaluator(options.run, which=which, command=_command(options, changes))
        print(f"evaluator: {made}")
    return outcome.exit_code


def _say(stage: str, outcome: Outcome) -> None:
    numbers = ", ".join(
        f"{key} {outcome.last[key]:.4g}" for key in ("loss", "val_loss") if outcome.last.get(key) is not None
    )
    print(f"{stage}: {outcome.reason} at step {outcome.step}{', ' + numbers if numbers else ''}")


def _command(options: Options, changes: dict[str, str]) -> str:
    switched = [f"--ablation {options.ablation}"] if options.ablation else []
    return " ".join(
        ["kinescale train", options.recipe, *switched, *(f"--{key} {value}" for key, value in changes.items())]
    )


def split_overrides(argv: list[str]) -> tuple[list[str], dict[str, str]]:
    """Options with a dotted name (``--a.b value`` or ``--a.b=value``) apart from all others."""
    from kinescale.core.errors import InputError

    rest: list[str] = []
    changes: dict[str, str] = {}
    items = iter(argv)
    for item in items:
        name, equals, value = item.partition("=")
        if not (name.startswith("--") and "." in name):
            rest.append(item)
            continue
        if not equals:
            value = next(items, None)
            if value is None:
                raise InputError(f"the option {name} has no value; give one, as in {name} VALUE.")
        changes[name[2:].replace("-", "_")] = value
    return rest, changes


def configure(options: Options, changes: dict[str, str]) -> RunConfig | EvaluatorRunConfig:
    """The recipe with the command line's changes."""
    from kinescale import recipes
    from kinescale.training.overrides import override

    recipe = recipes.get(options.recipe)
    short: dict[str, Any] = {"device": options.device, "seed": options.seed, "workers": options.workers}
    if options.timeout is not None:
        short["timeout_s"] = options.timeout
    if options.minutes is not None:
        stages = [name for name in type(recipe).model_fields if name.endswith("_training")]
        short |= {f"{stage}.minutes": options.minutes for stage in stages}
    given = {key: value for key, value in short.items() if value is not None}
    switched = recipes.ablation(options.recipe, options.ablation.split(",")) if options.ablation else {}
    return override(recipe, {**given, **switched, **changes})


def _place(data: Path) -> Path | str:
    """The data as a path, or the URL that was given: a path keeps one of its slashes only."""
    scheme, slash, rest = data.as_posix().partition(":/")
    return f"{scheme}://{rest}" if slash and len(scheme) > 1 and scheme.isalnum() else data


def _check_paths(options: Options) -> None:
    from kinescale.core.errors import DataError, InputError

    if isinstance(_place(options.data), Path) and not options.data.is_dir():
        raise DataError(
            f"{options.data}: there is no such folder; "
            f"make one with: kinescale prepare CORPUS SOURCE --out {options.data}."
        )
    if options.run.exists() and not options.run.is_dir():
        raise InputError(f"{options.run} is a file; name a folder for the run.")


def _watch() -> Any:
    """A watch that draws progress bars on a terminal and prints lines elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from kinescale.training.watch import Watch

    class Bars(Watch):
        def __init__(self) -> None:
            self.console = Console()
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[numbers]}"),
            )
            self.progress = Progress(*columns, console=self.console, disable=not self.console.is_terminal)
            self.tasks: dict[str, Any] = {}

        def __enter__(self) -> Bars:
            self.progress.start()
            return self

        def __exit__(self, *problem: object) -> None:
            self.progress.stop()

        def begin(self, task: str, start: int, total: int) -> None:
            self.tasks[task] = self.progress.add_task(task, total=total, completed=start, numbers="")

        def advance(self, task: str, done: int) -> None:
            self.progress.update(self.tasks[task], completed=done)

        def entry(self, task: str, entry: Any) -> None:
            numbers = " ".join(f"{key} {value:.4g}" for key, value in entry.items() if isinstance(value, float))
            if self.console.is_terminal and "loss" in entry:
                self.progress.update(self.tasks[task], numbers=f"loss {entry['loss']:.4g}")
            else:
                self.console.print(f"{task} {entry['step']}: {numbers}", highlight=False, soft_wrap=True)

        def note(self, text: str) -> None:
            self.console.print(text, highlight=False, soft_wrap=True, markup=False)

    return Bars()
