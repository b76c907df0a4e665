"""Reproduce a table or figure of a paper: the paper's numbers beside ours, trained and measured on your data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from kinescale.cli.base.device import Device, check_device, pick_device
from kinescale.cli.base.options import Flag, MaybeFloat, MaybeInt, MaybePath, MaybeText, parse, print_json
from kinescale.core.errors import InputError

if TYPE_CHECKING:
    from kinescale.evaluation.record import Request
    from kinescale.experiments.base import Experiment
    from kinescale.experiments.base.trained import Options as RunOptions

EXAMPLES = (
    "kinescale reproduce moscale_ablation --data data/prepared -o moscale_ablation",
    "kinescale reproduce moscale_guidance --data data/prepared --bundle imported --evaluator guo",
    "kinescale reproduce mosa_levels --data data/prepared --size cpu --repeats 1",
)


MaybeOut = Annotated[Path | None, tyro.conf.arg(aliases=("-o",), metavar="PATH", help_behavior_hint="")]


@dataclass(frozen=True)
class Options:
    """Train what a table compares, measure it by its protocol, and print each row of the paper beside ours.

    A number that could not be read in the paper is "not known". The folder OUT gets result.json, table.md, plot.svg and
    the runs. A run that was stopped goes on when the same command is given again; rows that are done are kept. Any
    field of the recipes can be changed by its dotted name, as with kinescale train.
    """

    experiment: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="NAME")]]
    """Which table or figure; a wrong name lists all."""
    data: MaybePath = None
    """Prepared data: a folder made by kinescale prepare."""
    out: MaybeOut = None
    """Folder to write; reproduced/NAME when not given."""
    size: Literal["published", "small", "cpu", "debug"] = "published"
    """Which recipes: the paper's own, or smaller ones that say how the rows compare."""
    bundle: MaybeText = None
    """A trained system in place of every row that trains nothing of its own, such as one made by kinescale import."""
    evaluator: str = "default"
    """An evaluator's folder, "default" for the one that comes with the package, or "none"."""
    protocol: MaybeText = None
    """How the numbers are made, when not as in the paper."""
    split: str = "test"
    """train, val or test."""
    repeats: MaybeInt = None
    """How often all motions are made; the protocol's own number when not given."""
    limit: MaybeInt = None
    """Only so many clips, evenly spread over the split."""
    pool: MaybeInt = None
    """Motions a sentence chooses among; the protocol's when not given."""
    multimodality: Flag = False
    """Also make the protocol's many samples of some sentences (takes long)."""
    minutes: MaybeFloat = None
    """Wall-time budget of each stage of training; it stops with a checkpoint."""
    seed: int = 0
    device: Device = "cpu"
    json: Flag = False
    """Print result.json instead of the table."""


def run(argv: list[str]) -> int:
    """Parse ``argv``, check what is cheap to check, run the experiment, print its table. 1 where a row is missing."""
    from kinescale.cli.train import split_overrides

    rest, changes = split_overrides(argv)
    options = parse(Options, rest, "reproduce")
    name, experiment = _check(options)
    from kinescale.evaluation.run import find_evaluator
    from kinescale.experiments.base.report import table
    from kinescale.experiments.base.run import RESULT, reproduce

    evaluator, note = find_evaluator(options.evaluator)
    if evaluator is not None:
        evaluator.evaluator.to(pick_device(options.device))
    how = _how(options, name, changes)
    request = _request(options, experiment, argv)
    say = (lambda line: None) if options.json else (lambda line: print(line, flush=True))
    results = reproduce(name, experiment, how, request, evaluator=evaluator, say=say)
    if options.json:
        from kinescale.core.records import read_json

        found: Any = read_json(how.folder / RESULT, error=InputError)
        print_json(found)
    else:
        _print(experiment, table(experiment, results), results, note)
        print(f"{how.folder}: result.json, table.md, plot.svg")
    return int(any("problem" in record for record in results.values()))


def _check(options: Options) -> tuple[str, Experiment]:
    """The experiment's name and record; ``InputError`` for what cannot be, before anything is trained."""
    from kinescale.core.randomness import derive_seed
    from kinescale.evaluation import protocol
    from kinescale.experiments import FAMILY

    name = FAMILY.check(options.experiment)
    derive_seed(options.seed)
    check_device(options.device)
    if options.data is None:
        raise InputError(f"'{name}' needs prepared data: --data DIR, a folder made by kinescale prepare.")
    if not options.data.is_dir():
        raise InputError(
            f"{options.data}: there is no such folder; "
            f"make one with: kinescale prepare CORPUS SOURCE --out {options.data}."
        )
    for flag, value, least in (
        ("--repeats", options.repeats, 1),
        ("--limit", options.limit, 1),
        ("--pool", options.pool, 2),
    ):
        if value is not None and value < least:
            raise InputError(f"{flag} is {value}; expected at least {least}.")
    if options.protocol is not None:
        protocol.get(options.protocol)
    return name, FAMILY.get(name, "EXPERIMENT")


def _how(options: Options, name: str, changes: dict[str, str]) -> RunOptions:
    from kinescale.experiments.base.trained import Options as RunOptions

    assert options.data is not None
    return RunOptions(
        data=options.data,
        folder=options.out or Path("reproduced") / name,
        size=options.size,
        bundle=options.bundle,
        minutes=options.minutes,
        device=pick_device(options.device),
        changes=tuple(sorted(changes.items())),
    )


def _request(options: Options, experiment: Experiment, argv: list[str]) -> Request:
    from kinescale.evaluation import protocol
    from kinescale.evaluation.record import Request

    chosen = protocol.get(options.protocol or experiment.protocol)
    return Request(
        split=options.split,
        protocol=chosen if options.pool is None else chosen.but(pool=options.pool),
        repeats=options.repeats,
        limit=options.limit,
        seed=options.seed,
        multimodality=options.multimodality,
        instructions=0,
        command=" ".join(["kinescale reproduce", *(Path(word).name if "/" in word else word for word in argv)]),
    )


def _print(experiment: Experiment, lines: list[list[str]], results: dict[str, dict[str, Any]], note: str) -> None:
    print(f"{experiment.title}. {experiment.source}")
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  " + "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())
    for line in experiment.notes:
        print(f"note: {line}")
    for name, record in results.items():
        if "problem" in record:
            print(f"note: {name}: {record['problem']}")
    if note:
        print(f"note: {note}")
