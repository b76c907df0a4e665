"""Measure a trained system on a split: the recordings' own numbers first, then those of what it makes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from kinescale.cli.base.device import Device, check_device, pick_device
from kinescale.cli.base.options import Flag, MaybeInt, MaybeText, Out, parse, print_json
from kinescale.core.errors import DataError, InputError

if TYPE_CHECKING:
    from kinescale.bundle import Bundle
    from kinescale.evaluation.record import Evaluation, Request

EXAMPLES = (
    "kinescale evaluate default --data data/prepared -o evaluation",
    "kinescale evaluate runs/mine --data data/prepared --sections tokenizer --limit 50 -o tokenizer",
)

MOST_REPEATS, MOST_PROMPTS, MOST_SETTINGS, MOST_DRAWS = 1000, 5000, 16, 256


@dataclass(frozen=True)
class Options:
    """Generate for the sentences of a split, at the clips' own lengths, and measure what came out.

    R-precision, FID, matching and diversity as an evaluator network sees them, by corpus, class and kind of split;
    sliding feet, the floor, jerk and peaks; what the tokenizer loses, which codes are used, how often instructions and
    sentences from outside the phrase book are followed, and which words change anything. The folder OUT gets
    report.json, report.md, report.html and a contact sheet. The same command gives the same numbers. Nothing is
    selected here.
    """

    bundle: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="BUNDLE")]]
    """Trained system: a bundle's folder, a training run's folder, or "default"."""
    data: Path
    """Prepared data: a folder made by kinescale prepare."""
    split: str = "test"
    """train, val or test."""
    protocol: str = "fixed"
    """fixed, or as published tables are made: humanml3d-2022, kit-2022 or snapmogen. On published data with the
    evaluator of the table, published arrays and generated features then go straight to it."""
    evaluator: str = "default"
    """An evaluator's folder, "default" for the one that comes with the package, or "none"."""
    out: Out = Path("evaluation")
    """Folder to write."""
    repeats: MaybeInt = None
    """How often all motions are made; the protocol's own number when not given."""
    limit: MaybeInt = None
    """Only so many clips, evenly spread over the split."""
    pool: MaybeInt = None
    """Motions a sentence chooses among; the protocol's 32 when not given."""
    seed: int = 0
    guidance_scale: MaybeText = None
    """Classifier-free guidance scale (1: off), one value or several, such as 1,2.5,4: a row of the table each."""
    guidance: MaybeText = None
    """Former name and meaning of --guidance-scale, for one release: off at 0 for most bundles."""
    steps: MaybeText = None
    """Passes for each scale, coarse to fine, such as 1,2,5,10; several, parted by "/", are a row of the table each."""
    scales: MaybeText = None
    """Decode only the coarsest so many scales: one value or several, such as 1,2,4, a row of the table each."""
    multimodality: Flag = False
    """Also make the protocol's many samples of some sentences (takes long)."""
    instructions: int = 160
    """Prompts of the instruction following; 0 leaves it out."""
    sections: str = "all"
    """What to measure, comma between: motions, tokenizer, codes, instructions, phrases, sensitivity, spread. The
    tokenizer alone needs no generator, and takes a run that has only trained a tokenizer."""
    draws: int = 3
    """Motions of each sentence of phrases, sensitivity and spread."""
    per_class: int = 6
    """Recordings of each class that the tokenizer is measured on."""
    device: Device = "cpu"
    force: Flag = False
    """Replace an older evaluation in OUT."""
    json: Flag = False
    """Print the report as one JSON object instead of tables."""


def run(argv: list[str]) -> int:
    """Parse ``argv``, check what is cheap to check, evaluate, write the folder, print the tables."""
    options = parse(Options, argv, "evaluate")
    settings = _check(options)
    device = pick_device(options.device)

    from kinescale.data.prepared import open_prepared
    from kinescale.evaluation.pages import save
    from kinescale.evaluation.run import find_evaluator
    from kinescale.evaluation.run import run as evaluate

    evaluator, note = (None, "") if _without_generator(options) else find_evaluator(options.evaluator)
    bundle = _bundle(options, device)
    if evaluator is not None:
        evaluator.evaluator.to(device)
    prepared = open_prepared(options.data)
    request = _request(options, settings, argv)
    with _bars() as progress:
        found, shown = evaluate(bundle, prepared, request, evaluator=evaluator, note=note, progress=progress)
    folder = save(found, shown, options.out, force=options.force)
    _report(found, folder, options.json)
    return 0


def _check(options: Options) -> dict[str, dict[str, Any]]:
    """Refuse bad input before torch is loaded; the sampler's settings by name."""
    from kinescale.bundle import read_manifest, resolve
    from kinescale.core.randomness import derive_seed
    from kinescale.evaluation import protocol
    from kinescale.evaluation.report_folder import check_folder
    from kinescale.evaluation.section_names import WITHOUT_GENERATOR, parse_sections

    derive_seed(options.seed)
    check_device(options.device)
    sections = parse_sections(options.sections)
    protocol.get(options.protocol)
    limits = {
        "--repeats": (options.repeats, 1, MOST_REPEATS),
        "--limit": (options.limit, 1, 10**9),
        "--pool": (options.pool, 2, 10**6),
        "--instructions": (options.instructions, 0, MOST_PROMPTS),
        "--draws": (options.draws, 1, MOST_DRAWS),
        "--per-class": (options.per_class, 1, 10**6),
    }
    for name, (value, least, most) in limits.items():
        if value is not None and not least <= value <= most:
            raise InputError(f"{name} is {value}; expected {least} to {most}.")
    settings = parse_settings(options.guidance_scale, options.steps, former=options.guidance, scales=options.scales)
    check_folder(options.out, options.force)
    if not options.data.is_dir():
        raise DataError(
            f"{options.data}: there is no such folder; "
            f"make one with: kinescale prepare CORPUS SOURCE --out {options.data}."
        )
    if set(sections) <= set(WITHOUT_GENERATOR):
        return settings
    manifest = read_manifest(resolve(options.bundle))
    if manifest.generator is None or manifest.text is None:
        raise InputError(
            f"the bundle {options.bundle} makes no motion from text, so there is nothing to evaluate; "
            "--sections tokenizer measures what its tokens keep."
        )
    return settings


def parse_settings(
    guidance_scale: str | None, steps: str | None, *, former: str | None = None, scales: str | None = None
) -> dict[str, dict[str, Any]]:
    """Name -> the sampler's settings, one for each value; only one of the options may have several.

    ``former``: values of ``--guidance``, which is passed on under that name.
    """
    from itertools import product

    from kinescale.cli.generate import parse_steps

    if guidance_scale is not None and former is not None:
        raise InputError("--guidance is the former name of --guidance-scale; give --guidance-scale alone.")
    name, given = ("guidance_scale", guidance_scale) if former is None else ("guidance", former)
    values: dict[str, list[Any]] = {
        name: [None] if given is None else [_guidance(word, name, given) for word in given.split(",")],
        "steps": [None] if steps is None else [parse_steps(part) for part in steps.split("/")],
        SCALES: [None] if scales is None else _scales(scales),
    }
    several = [_option(key) for key, found in values.items() if len(found) > 1]
    if len(several) > 1:
        raise InputError(f"both {several[0]} and {several[1]} have several values; vary one at a time.")
    count = max(len(found) for found in values.values())
    if count > MOST_SETTINGS:
        raise InputError(f"{count} settings; expected at most {MOST_SETTINGS}.")
    found: dict[str, dict[str, Any]] = {}
    for each in product(*values.values()):
        chosen = {key: item for key, item in zip(values, each, strict=True) if item is not None}
        words = [f"{key.removeprefix('decoded_')} {_shown(item)}" for key, item in chosen.items()]
        found[", ".join(words) or "the bundle's own"] = chosen
    return found


SCALES = "decoded_scales"


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else f"{value:g}"


def _scales(text: str) -> list[int]:
    words = text.replace(" ", "").split(",")
    if not all(word.isdecimal() and 1 <= int(word) <= 1000 for word in words):
        raise InputError(f"--scales is '{text}'; expected whole numbers from 1, such as 2 or 1,2,4.")
    return [int(word) for word in words]


def _option(name: str) -> str:
    return f"--{name.removeprefix('decoded_').replace('_', '-')}"


def _guidance(word: str, name: str, whole: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise InputError(f"{_option(name)} is '{whole}'; expected numbers from 0, such as 2 or 1,2,4.")
    return value


def _request(options: Options, settings: dict[str, dict[str, Any]], argv: list[str]) -> Request:
    from kinescale.evaluation import protocol
    from kinescale.evaluation.record import Request
    from kinescale.evaluation.section_names import parse_sections

    chosen = protocol.get(options.protocol)
    return Request(
        split=options.split,
        protocol=chosen if options.pool is None else chosen.but(pool=options.pool),
        repeats=options.repeats,
        limit=options.limit,
        seed=options.seed,
        settings=settings,
        multimodality=options.multimodality,
        instructions=options.instructions,
        sections=parse_sections(options.sections),
        draws=options.draws,
        per_class=options.per_class,
        command=" ".join(["kinescale evaluate", *_without_places(argv)]),
    )


def _without_generator(options: Options) -> bool:
    """Whether no requested section needs a generator."""
    from kinescale.evaluation.section_names import WITHOUT_GENERATOR, parse_sections

    return set(parse_sections(options.sections)) <= set(WITHOUT_GENERATOR)


def _bundle(options: Options, device: str) -> Bundle:
    """The bundle, or that of a run that has only trained its tokenizer so far."""
    from kinescale.bundle import Bundle

    place = Path(options.bundle)
    if _without_generator(options) and (place / "run.json").is_file() and not (place / "bundle").is_dir():
        from kinescale.training.export import build_bundle

        return build_bundle(place).to(device)
    return Bundle.from_pretrained(options.bundle, device=device)


def _without_places(argv: list[str]) -> list[str]:
    """The arguments as typed; of an absolute path only the last name, and nothing of where and how it is shown."""
    kept: list[str] = []
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        if name in ("--out", "-o"):
            # its value, where it is a word of its own
            _ = None if equals else next(words, None)
        elif name not in ("--force", "--json"):
            path = Path(value if equals else word)
            short = path.name if path.is_absolute() else str(value if equals else word)
            kept.append(f"{name}={short}" if equals else short)
    return [f'"{word}"' if " " in word else word for word in kept]


def _report(found: Evaluation, folder: Path, as_json: bool) -> None:
    if as_json:
        print_json({"folder": str(folder), **found.to_json()})
        return
    from kinescale.evaluation.pages import text_table
    from kinescale.evaluation.sections import sections

    for section in sections(found):
        print(section.title)
        for line in text_table(section):
            # a bundle's title must not steer the terminal
            print("  " + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line))
    for note in found.notes:
        print(f"note: {note}")
    names = ("report.html", "report.md", "report.json", "sheet.png")
    print(f"{folder}: {', '.join(name for name in names if (folder / name).is_file())}")


class _bars:
    """Progress bars on a terminal's standard error; nothing elsewhere."""

    def __enter__(self) -> Any:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        console = Console(stderr=True)
        self.progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self.tasks: dict[str, Any] = {}
        self.progress.start()
        return self.advance

    def __exit__(self, *problem: object) -> None:
        self.progress.stop()

    def advance(self, task: str, done: int, total: int) -> None:
        if task not in self.tasks:
            self.tasks[task] = self.progress.add_task(task, total=total)
        self.progress.update(self.tasks[task], completed=done)
