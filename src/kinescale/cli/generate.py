"""Make motion files from a sentence."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from kinescale.cli.base.drawing import Drawing, check_drawing, sampling
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
from kinescale.core.errors import InputError
from kinescale.core.prompts import check_prompt

if TYPE_CHECKING:
    from kinescale.pipelines import Generated, TextToMotion

EXAMPLES = (
    'kinescale generate "a person walks forward" -o walk.bvh',
    'kinescale generate "a person waves" -o wave.glb --seconds 5 --samples 4 --seed 1',
    'kinescale generate "a person runs" -o run.bvh --bundle runs/mine',
)

MAX_WATCHED = 16
"""Samples in one picture."""


@dataclass(frozen=True, kw_only=True)
class _What:
    """What is asked for; listed before how it is drawn."""

    prompt: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="PROMPT")]]
    """What the person does."""
    seconds: float = 4.0
    """Length of the motion."""
    fps: MaybeFloat = None
    """Frames a second of the file; the bundle's own when not given."""
    watch: MaybePath = None
    """A picture, best an .html page, that shows the motion as it stood after each scale, coarse to fine."""


@dataclass(frozen=True, kw_only=True)
class Options(Drawing, _What):
    """Make one motion or several from a sentence, such as "a person walks forward and turns to the left".

    The same sentence, seed and settings give the same motion. Several samples are written as OUT-0, OUT-1 and
    so on, before the suffix; sample 0 is the one that is made alone. Prompt, seed and the training data's license
    stay with the file: inside it, or in OUT.json beside it.
    """

    top_p: MaybeFloat = None
    """Draw among the likeliest tokens that make up this share."""
    steps: MaybeText = None
    """Passes for each scale, coarse to fine, such as 1,2,5,10."""
    scales: MaybeInt = None
    """Decode only the coarsest so many scales."""
    raw: Flag = False
    """Leave the motion as decoded; else it is smoothed where it trembles, standing feet are planted and
    joints lifted out of the floor."""


def run(argv: list[str]) -> int:
    """Parse ``argv``, check what is cheap to check, generate, write, say what was made."""
    start = time.perf_counter()
    options = parse(Options, argv, "generate")
    paths, steps = _check(options)

    from kinescale.pipelines import FINISH, RAW, TextToMotion

    pipe = TextToMotion.from_pretrained(options.bundle)
    watch = Watch()
    made = pipe(
        options.prompt,
        options.seconds,
        options.samples,
        options.seed,
        scales=options.scales,
        on_scale=None if options.watch is None else watch.on_scale,
        sampling={**sampling(options), "top_p": options.top_p, "steps": steps},
        post_process=RAW if options.raw else FINISH,
    )
    _write(made, paths, options)
    _draw(made, watch, options)
    _report(pipe, made, paths, options, time.perf_counter() - start)
    return 0


def _check(options: Options) -> tuple[list[Path], tuple[int, ...] | None]:
    """Refuse bad input before torch is loaded; the files to write and the parsed ``--steps``."""
    check_prompt(options.prompt)
    check_positive(options.seconds, "--seconds")
    check_fps(options.fps)
    if options.watch is not None:
        check_picture(options.watch, options.force)
        if options.samples > MAX_WATCHED:
            raise InputError(f"--samples is {options.samples}; with --watch expected at most {MAX_WATCHED}.")
    steps = parse_steps(options.steps)
    return check_drawing(options), steps


def parse_steps(text: str | None) -> tuple[int, ...] | None:
    """``"1,2,5,10"`` as whole numbers; ``InputError`` for anything else."""
    if text is None:
        return None
    words = text.replace(",", " ").split()
    if not words or not all(word.isdecimal() and 1 <= int(word) <= 1000 for word in words):
        raise InputError(f"--steps is '{text}'; expected whole numbers from 1, one a scale, such as 1,2,5,10.")
    return tuple(int(word) for word in words)


def _write(made: Generated, paths: list[Path], options: Options) -> None:
    from kinescale.formats import write_motion
    from kinescale.motion.resample import resample

    for motion, path in zip(made.motions, paths, strict=True):
        ready = motion if options.fps is None else resample(motion, options.fps)
        write_motion(ready, path, force=options.force)


def _draw(made: Generated, watch: Watch, options: Options) -> None:
    if options.watch is None:
        return
    from kinescale.render import render

    titles = [f"{options.prompt} ({i})" if options.samples > 1 else options.prompt for i in range(options.samples)]
    render(watch.stages(made.motions, options.scales), options.watch, titles=titles)


def _report(pipe: TextToMotion, made: Generated, paths: list[Path], options: Options, elapsed_s: float) -> None:
    notes = _notes(pipe, made, options.prompt)
    if options.json:
        print_json({**_summary(pipe, made, paths, options, elapsed_s), "notes": notes})
        return
    length = made.motions[0].duration_s
    for path in paths:
        print(f"{path}: {length:.2f} s of motion")
    if options.watch is not None:
        print(f"{options.watch}: coarse to fine")
    clock = made.timings
    print(f"took {elapsed_s:.1f} s, of which sampling {clock['sampling'] + clock['decoding']:.2f} s")
    print(f"license of the training data: {pipe.bundle.license or 'not recorded'}")
    for note in notes:
        # a prompt must not steer the terminal
        print("note: " + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in note))


def _notes(pipe: TextToMotion, made: Generated, prompt: str) -> list[str]:
    """What in the prompt lies outside what was trained on, and what was made in its place."""
    from kinescale.core.errors import SkeletonError
    from kinescale.data.captions.scope import scope_notes
    from kinescale.description import caption, describe

    notes = scope_notes(prompt, pipe.bundle.provenance.words)
    if not notes:
        return []
    try:
        nearest = f"; the nearest thing made: {caption(describe(made.motions[0]), 'brief')}"
    except SkeletonError:
        nearest = ""
    return [f"{'; '.join(notes)}{nearest}. kinescale info lists what the bundle knows."]


def _summary(
    pipe: TextToMotion, made: Generated, paths: list[Path], options: Options, elapsed_s: float
) -> dict[str, Any]:
    first = made.motions[0]
    return {
        "files": [str(path) for path in paths],
        "watch": None if options.watch is None else str(options.watch),
        "prompt": first.meta["prompt"],
        "seed": options.seed,
        "seconds": first.duration_s,
        "fps": options.fps or first.fps,
        "bundle": pipe.bundle.content_hash,
        "generator": first.meta["generator"],
        "license": pipe.bundle.license,
        "timings_s": {
            **{name: round(value, 4) for name, value in made.timings.items()},
            "process": elapsed_s,
        },
    }
