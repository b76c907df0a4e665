"""Make motion files from a sentence."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from kinescale.cli.base.bulk import is_bulk, run_bulk
from kinescale.cli.base.delivery import deliver, is_stdout
from kinescale.cli.base.device import pick_device
from kinescale.cli.base.drawing import Drawing, check_drawing, sampling
from kinescale.cli.base.notes import hush, note
from kinescale.cli.base.options import (
    Flag,
    MaybeFloat,
    MaybeInt,
    MaybePath,
    MaybeText,
    check_fps,
    check_positive,
    parse,
    print_json,
)
from kinescale.cli.base.pictures import Watch, check_picture
from kinescale.core.conventions import MAX_CANDIDATES
from kinescale.core.errors import InputError
from kinescale.core.family import Family
from kinescale.core.files import read_text_bounded
from kinescale.core.prompts import check_prompt

if TYPE_CHECKING:
    from kinescale.motion import Motion
    from kinescale.pipelines import TextToMotion

EXAMPLES = (
    'kinescale generate "a person walks forward" -o walk.bvh',
    'kinescale generate "a person waves" -o wave.glb --seconds 5 --samples 4 --seed 1 --skeleton mixamo',
    'kinescale generate "a person walks in circles" -o long.bvh --seconds 60',
    "kinescale generate --prompts prompts.txt -o made.bvh",
    'kinescale generate "a person walks" -o walk.bvh --runtime onnx --bundle default-onnx',
    "kinescale generate --prompts prompts.jsonl -o made --formats bvh",
    'kinescale generate "a person runs" -o run.bvh --bundle runs/mine --device auto',
)

TORCH, EXPORTED = "torch", Family("kinescale.export", "runtime")
MAX_WATCHED = 16
"""Samples in one picture."""
MAX_PROMPTS, MAX_PROMPT_BYTES = 1000, 1 << 20
"""Lines and bytes of a file of prompts."""
MAX_SECONDS = 3600.0


@dataclass(frozen=True, kw_only=True)
class _What:
    """What is asked for; listed before how it is sampled."""

    words: tyro.conf.Positional[Annotated[tuple[str, ...], tyro.conf.arg(metavar="PROMPT")]] = ()
    """What the person does, a sentence in quotes."""
    prompt: MaybeText = None
    """The same as PROMPT."""
    prompts: MaybePath = None
    """File of prompts in place of PROMPT: text with one per line, whose motions are numbered as several samples are; or
    with a folder as OUT, any number of them as .txt, .jsonl or .parquet (prompt, seconds, seed, options, id)."""
    seconds: MaybeFloat = None
    """Length of the motion. When not given: what the bundle expects of the sentence, where it has learned that, else 4,
    or the bundle's longest where that is less. A motion longer than the bundle's longest is sampled window by window,
    as kinescale timeline does."""
    skeleton: MaybeText = None
    """Put the motion on this skeleton, such as mixamo; the bundle's own when not given."""
    fps: MaybeFloat = None
    """Frames per second of the file; the bundle's own when not given."""
    watch: MaybePath = None
    """A picture, best an .html page, that shows the motion as it stood after each scale, coarse to fine."""


@dataclass(frozen=True, kw_only=True)
class Options(Drawing, _What):
    """Make one motion or several from a sentence, such as "a person walks forward and turns to the left".

    The same sentence, seed and settings give the same motion. Several samples are written as OUT-0, OUT-1 and so on,
    before the suffix, each as soon as it is made; sample 0 is the one that is made alone. Prompt, seed and the training
    data's license stay with the file: inside it, or in OUT.json beside it. "-o -" prints BVH on stdout, "-o -.glb" GLB.
    """

    top_p: MaybeFloat = None
    """Sample among the likeliest tokens that make up this share of the probability."""
    steps: MaybeText = None
    """Passes for each scale, coarse to fine, such as 1,2,5,10."""
    scales: MaybeInt = None
    """Decode only the coarsest so many scales."""
    candidates: MaybeInt = None
    """Most rounds of draws per motion. A motion that misses what the sentence asks (sides, order, counts, amounts, as
    measured on it) is drawn again, put together from its parts, mirrored or adjusted, and a note says so; the bundle's
    own number by default, 1 for a single draw as it is."""
    runtime: str = "torch"
    """What runs the networks: torch, or the runtime to which the --bundle was exported, such as onnx."""
    formats: str = ""
    """Files that a folder of motions holds beside its tables, such as bvh,glb."""
    shard: int = 256
    """Rows of prompts that are made, and found again after an interruption, together."""
    engine: str = "local"
    """What makes a folder of motions: local, or ray."""
    workers: int = 0
    """Processes that make a folder of motions."""
    raw: Flag = False
    """Leave the motion as decoded; else it is smoothed where it trembles, standing feet are planted and
    joints lifted out of the floor."""


@dataclass
class _Made:
    """What a run has made so far."""

    motions: list[Motion] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)


def run(argv: list[str]) -> int:
    """Parse ``argv``, check what is cheap to check, then make and write one motion after another."""
    start = time.perf_counter()
    options = parse(Options, argv, "generate")
    if is_bulk(options):
        return run_bulk(options, parse_steps(options.steps))
    prompts = _prompts(options)
    paths, steps = _check(options, len(prompts))

    pipe = _pipeline(options)
    watch, made = Watch(), _Made()
    for path, (motion, notes) in zip(paths, _motions(pipe, prompts, steps, options, watch, made), strict=True):
        more = deliver(motion, path, force=options.force, skeleton=options.skeleton, fps=options.fps)
        made.motions.append(motion)
        made.notes += [line for line in (*notes, *more) if line not in made.notes]
        if len(paths) > 1:
            print(f"{len(made.motions)} of {len(paths)}: {path}", file=sys.stderr, flush=True)
    _draw(made, watch, options)
    _report(pipe, made, paths, options, time.perf_counter() - start)
    return 0


def _pipeline(options: Options) -> TextToMotion:
    """The bundle in the runtime that is asked for."""
    from kinescale.pipelines import TextToMotion

    if options.runtime == TORCH:
        return TextToMotion.from_pretrained(options.bundle, device=pick_device(options.device))
    from kinescale.bundle import resolve

    return TextToMotion(EXPORTED.get(options.runtime, "load")(resolve(options.bundle)))


def _prompts(options: Options) -> list[str]:
    """The prompts, checked; ``InputError`` for none, or for a sentence without its quotes."""
    given = [name for name in ("words", "prompt", "prompts") if getattr(options, name)]
    if len(given) > 1:
        raise InputError("the prompt is given twice; give PROMPT, --prompt or --prompts, one of them.")
    if len(options.words) > 1:
        whole = shlex.quote(" ".join(options.words)).replace("'", '"')
        raise InputError(f"the prompt is {len(options.words)} words; put the sentence in quotes: {whole}.")
    if options.prompts is not None:
        lines = read_text_bounded(options.prompts, MAX_PROMPT_BYTES).splitlines()
        found = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if not 1 <= len(found) <= MAX_PROMPTS:
            raise InputError(f"{options.prompts}: {len(found)} prompts; expected 1 to {MAX_PROMPTS}, one per line.")
        return [check_prompt(line) for line in found]
    if not given:
        missing = options.prompt is None and not options.words
        said = "there is no prompt" if missing else "the prompt is ''"
        raise InputError(f'{said}; give a sentence in quotes: kinescale generate "a person walks" -o walk.bvh.')
    return [check_prompt(options.words[0] if options.words else str(options.prompt))]


def _check(options: Options, prompts: int) -> tuple[list[Path], tuple[int, ...] | None]:
    """Refuse bad input before torch is loaded; the files to write and the parsed ``--steps``."""
    check_positive(options.seconds, "--seconds")
    if options.runtime != TORCH:
        EXPORTED.check(options.runtime)
        if options.device != "cpu":
            raise InputError(f"--runtime {options.runtime} runs on the processor; leave --device out.")
    check_fps(options.fps)
    if options.candidates is not None and not 1 <= options.candidates <= MAX_CANDIDATES:
        raise InputError(f"--candidates is {options.candidates}; expected 1 to {MAX_CANDIDATES}.")
    if options.skeleton is not None:
        Family("kinescale.skeletons", "skeleton").check(options.skeleton)
    if options.watch is not None:
        check_picture(options.watch, options.force)
        if options.samples * prompts > MAX_WATCHED:
            raise InputError(f"{options.samples * prompts} motions; with --watch expected at most {MAX_WATCHED}.")
    steps = parse_steps(options.steps)
    paths = check_drawing(options, prompts)
    if is_stdout(options.out):
        if len(paths) > 1 or options.json:
            raise InputError("-o - prints one motion and nothing else; leave --json out and make one sample.")
        hush(output=True, notes=False)
    return paths, steps


def parse_steps(text: str | None) -> tuple[int, ...] | None:
    """``"1,2,5,10"`` as whole numbers; ``InputError`` for anything else."""
    if text is None:
        return None
    words = text.replace(",", " ").split()
    if not words or not all(word.isdecimal() and 1 <= int(word) <= 1000 for word in words):
        raise InputError(f"--steps is '{text}'; expected whole numbers from 1, one per scale, such as 1,2,5,10.")
    return tuple(int(word) for word in words)


def _motions(
    pipe: TextToMotion,
    prompts: list[str],
    steps: tuple[int, ...] | None,
    options: Options,
    watch: Watch,
    made: _Made,
) -> Iterator[tuple[Motion, list[str]]]:
    """Each motion with the notes on it, prompt by prompt and sample by sample."""
    from kinescale.pipelines import FINISH, RAW

    longest = pipe.seconds_range[1]
    if options.seconds is not None and options.seconds > longest + 0.5 / pipe.bundle.feature.fps:
        yield from _long(pipe, prompts, options.seconds, steps, options)
        return
    for prompt in prompts:
        seconds, estimated = _length(pipe, prompt, options)
        for sample in range(options.samples):
            one = pipe(
                prompt,
                seconds,
                [sample],
                options.seed,
                scales=options.scales,
                on_scale=None if options.watch is None else watch.on_scale,
                sampling={**sampling(options), "top_p": options.top_p, "steps": steps},
                post_process=RAW if options.raw else FINISH,
                candidates=options.candidates,
            )
            for name, value in one.timings.items():
                made.timings[name] = made.timings.get(name, 0.0) + value
            motion = one.motions[0]
            notes = [*_outside(pipe, motion, prompt), *_changed(motion, sample), *_missed(motion, sample)]
            yield motion, [*estimated, *notes]


def _length(pipe: TextToMotion, prompt: str, options: Options) -> tuple[float, list[str]]:
    """The length of a prompt's motion, and a note where it was estimated."""
    if options.seconds is not None:
        return options.seconds, []
    seconds = pipe.default_seconds(prompt)
    if pipe.bundle.length_estimator() is None:
        return seconds, []
    return seconds, [f"{seconds:.2f} s is how long such a motion usually lasts in the training data; --seconds sets it"]


_CHANGES = {
    "turn_deg": "a turn of {:+g} degrees added",
    "tempo": "played {:g} times as fast",
    "step_length": "steps {:g} times as long",
    "stopped_s": "stopped after {:g} s",
}


def _changed(motion: Motion, sample: int) -> list[str]:
    """What was changed of the motion that was drawn, to keep what the prompt asks."""
    done = ["mirrored"] if motion.meta.get("mirrored") else []
    if parts := motion.meta.get("assembled_from"):
        done.append(f"put together from draws of {'; '.join(parts)}")
    report = motion.meta.get("adjusted", {})
    done += [words.format(report[name]) for name, words in _CHANGES.items() if report.get(name, 1.0) != 1.0]
    return [f"to keep what the prompt asks, sample {sample} was {', '.join(done)}"] if done else []


def _missed(motion: Motion, sample: int) -> list[str]:
    """What of its prompt the motion misses, as measured."""
    missed = motion.meta.get("claims_missed")
    if not missed:
        return []
    return [
        f"measured on sample {sample}, not as the prompt asks: {', '.join(missed)}; "
        "another --seed or more --candidates may do"
    ]


def _long(
    pipe: TextToMotion, prompts: list[str], seconds: float, steps: tuple[int, ...] | None, options: Options
) -> Iterator[tuple[Motion, list[str]]]:
    """Motions longer than the bundle's longest clip, sampled window by window as a timeline of one prompt."""
    from kinescale.core.randomness import derive_seed
    from kinescale.pipelines import FINISH, RAW, EditOptions, Segment, Timeline, TimelinePipeline

    longest = pipe.seconds_range[1]
    if seconds > MAX_SECONDS:
        raise InputError(f"--seconds is {seconds:g}; expected at most {MAX_SECONDS:g}.")
    if options.watch is not None or options.scales is not None:
        raise InputError(f"--watch and --scales are for motions of one window, at most {longest:.2f} seconds.")
    timeline = TimelinePipeline(pipe.bundle)
    chained = f"{seconds:g} s is longer than the bundle's {longest:.2f} s; sampled window by window, as a timeline"
    for prompt in prompts:
        for sample in range(options.samples):
            seed = options.seed if sample == 0 else derive_seed(options.seed, "sample", sample)
            how = EditOptions(
                seed=seed,
                sampling={**sampling(options), "top_p": options.top_p, "steps": steps},
                post_process=RAW if options.raw else FINISH,
            )
            told = timeline(Timeline((Segment(prompt, 0.0, seconds),)), options=how)
            motion = told.motion.with_meta(prompt=prompt, seed=options.seed, sample=sample)
            yield motion, [chained, *told.notes, *_outside(pipe, motion, prompt)]


def _outside(pipe: TextToMotion, motion: Motion, prompt: str) -> list[str]:
    """What in the prompt lies outside the training data, and what was made in its place."""
    from kinescale.core.errors import SkeletonError
    from kinescale.data.scope import scope_notes
    from kinescale.description import caption, describe
    from kinescale.description.prompts import parse_prompt

    notes, request = scope_notes(prompt, pipe.bundle.provenance.words), parse_prompt(prompt)
    if not notes and request.plain + "".join(request.main + request.minor):
        return []
    if request.plain:
        notes = (*notes, f"read as '{request.plain}'")
    if not request.main + request.minor:
        notes = (*notes, "no action in the prompt that could be measured")
    try:
        nearest = f"; the nearest thing made: {caption(describe(motion), 'brief')}"
    except SkeletonError:
        nearest = ""
    return [f"{'; '.join(notes)}{nearest}. kinescale info lists what the bundle knows."]


def _draw(made: _Made, watch: Watch, options: Options) -> None:
    if options.watch is None:
        return
    from kinescale.motion.titles import titles
    from kinescale.render import render

    named = titles(made.motions, [str(motion.meta["prompt"]) for motion in made.motions])
    render(watch.stages(made.motions, options.scales), options.watch, titles=named)


def _report(pipe: TextToMotion, made: _Made, paths: list[Path], options: Options, elapsed_s: float) -> None:
    if options.json:
        print_json({**_summary(pipe, made, paths, options, elapsed_s), "notes": made.notes})
        return
    for path, motion in zip(paths, made.motions, strict=True):
        print(f"{path}: {motion.duration_s:.2f} s of motion")
    if options.watch is not None:
        print(f"{options.watch}: coarse to fine")
    sampled = made.timings.get("sampling", 0.0) + made.timings.get("decoding", 0.0)
    print(f"took {elapsed_s:.1f} s" + (f", of which sampling {sampled:.2f} s" if sampled else ""))
    print(f"license of the training data: {pipe.bundle.license or 'not recorded'}")
    for line in made.notes:
        if is_stdout(options.out):
            note(f"note: {line}")
        # a prompt must not steer the terminal
        print("note: " + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line))


def _summary(pipe: TextToMotion, made: _Made, paths: list[Path], options: Options, elapsed_s: float) -> dict[str, Any]:
    first = made.motions[0]
    prompts = list(dict.fromkeys(str(motion.meta["prompt"]) for motion in made.motions))
    return {
        "files": [str(path) for path in paths],
        "watch": None if options.watch is None else str(options.watch),
        "prompt": prompts[0],
        "prompts": prompts,
        "seed": options.seed,
        "seconds": first.duration_s,
        "fps": options.fps or first.fps,
        "bundle": pipe.bundle.content_hash,
        "generator": first.meta["generator"],
        "license": pipe.bundle.license,
        "timings_s": {**{name: round(value, 4) for name, value in made.timings.items()}, "process": elapsed_s},
    }
