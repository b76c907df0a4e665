"""Constrain a motion: joint positions, poses at key frames, a path over the ground, a facing."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from kinescale.cli.base.device import pick_device
from kinescale.cli.base.drawing import Drawing, check_drawing, read_source, sampling, write_all
from kinescale.cli.base.options import (
    MaybeFloat,
    MaybeText,
    check_positive,
    parse,
    print_json,
)
from kinescale.cli.base.reading import AS_IT_IS, Source, check_source
from kinescale.core.errors import InputError
from kinescale.core.prompts import check_prompt

if TYPE_CHECKING:
    from kinescale.motion import Motion
    from kinescale.pipelines import Controlled, Controller
    from kinescale.pipelines.editing.region import Span

EXAMPLES = (
    'kinescale control --constraints path.json --prompt "a person walks" --seconds 5 -o there.bvh',
    "kinescale control clip.bvh --constraints reach.json --frames 40:80 -o reach.bvh",
)

SECONDS = 4.0
MAX_LINES = 40


@dataclass(frozen=True, kw_only=True)
class _What:
    """What to do; listed before how it is sampled."""

    clip: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Motion file to change; none to sample one."""
    constraints: Path
    """JSON file of the constraints."""
    prompt: MaybeText = None
    """What the person does."""
    seconds: MaybeFloat = None
    """Length of a motion that is sampled; 4 when not given."""
    frames: MaybeText = None
    """Which frames of the motion file may change, such as 40:80; all when not given."""
    steps: str = "fast"
    """Steps of the optimization: fast (100), accurate (600) or a number."""


@dataclass(frozen=True, kw_only=True)
class Options(Drawing, _What):
    """Make motions for a prompt that keep constraints, or make your own motion keep them.

    The constraints are a JSON file (docs/control.md has its format): joints held at places, whole poses at key frames,
    a path over the ground and a facing. How far each was missed is printed. Without a motion file one is sampled for
    the prompt; with one and no prompt the clip is changed as little as that takes; with both its frames are resampled.
    """

    reading: Source = AS_IT_IS


def run(argv: list[str]) -> int:
    """Parse ``argv``, check what is cheap to check, control, write, print what was met and what was missed."""
    start = time.perf_counter()
    options = parse(Options, argv, "control")
    paths = _check(options)
    clip = None if not options.clip else read_source(options.clip[0], options.reading)
    if clip is not None:
        _wanted(options, clip)

    from kinescale.pipelines import Controller

    made = _made(Controller.from_pretrained(options.bundle, device=pick_device(options.device)), clip, options)
    write_all(made.motions, paths, options.force)
    _report(made, paths, options, time.perf_counter() - start)
    return 0


def _check(options: Options) -> list[Path]:
    """Refuse bad input before anything heavy is loaded; the files to write."""
    from kinescale.core.records import read_json

    if len(options.clip) > 1:
        raise InputError(f"{len(options.clip)} motion files to control; name one, or none to sample one.")
    for path in options.clip:
        check_source(path, options.reading)
    if options.prompt is not None:
        check_prompt(options.prompt)
    elif not options.clip:
        raise InputError("there is neither a motion file nor --prompt; name what is to be controlled.")
    elif options.samples != 1 or sampling(options):
        raise InputError("--samples, --guidance-scale and --temperature are about what is sampled; give --prompt, too.")
    if options.clip and options.seconds is not None:
        raise InputError("--seconds is the length of a motion that is sampled; for a motion file name --frames.")
    if not options.clip and options.frames is not None:
        raise InputError("--frames are those of a motion file that may change; name the file, or leave them out.")
    check_positive(options.seconds, "--seconds")
    read_json(options.constraints, error=InputError)
    return check_drawing(options)


def _span(options: Options, clip: Motion) -> Span:
    from kinescale.pipelines.editing.region import EditRegion, parse_frames

    span = None if options.frames is None else parse_frames(options.frames, len(clip))
    return EditRegion.of(clip, frames=span).spans[0]


def _wanted(options: Options, clip: Motion) -> None:
    """The constraints checked against the clip before a bundle is loaded."""
    from kinescale.pipelines.control.constraints import read_constraints
    from kinescale.pipelines.control.controller import step_count

    step_count(options.steps)
    read_constraints(options.constraints, clip.fps, len(clip)).check_frames(*_span(options, clip))


def _made(controller: Controller, clip: Motion | None, options: Options) -> Controlled:
    from kinescale.pipelines import ControlOptions

    how = ControlOptions(options.samples, options.seed, options.steps, sampling=sampling(options))
    if clip is None:
        seconds = SECONDS if options.seconds is None else options.seconds
        return controller.generate(str(options.prompt), options.constraints, seconds, options=how)
    return controller.control(clip, options.constraints, options.prompt, frames=_span(options, clip), options=how)


def _report(made: Controlled, paths: list[Path], options: Options, elapsed_s: float) -> None:
    first = made.motions[0]
    if options.json:
        print_json(
            {
                "files": [str(path) for path in paths],
                "frames": list(made.span),
                "fps": first.fps,
                "constraints": [[asdict(one) for one in clip.errors] for clip in made.clips],
                "missed": [[one.name for one in clip.missed] for clip in made.clips],
                "curves": [[asdict(point) for point in clip.curve] for clip in made.clips],
                "steps": [clip.steps for clip in made.clips],
                "why": [clip.why for clip in made.clips],
                "corrected_turn_rad": [clip.turned_rad for clip in made.clips],
                "corrected_root_m": [clip.moved_m for clip in made.clips],
                "notes": list(made.notes),
                "meta": dict(first.meta),
                "process_s": elapsed_s,
            }
        )
        return
    for path, clip in zip(paths, made.clips, strict=True):
        print(f"{path}: {first.duration_s:.2f} s of motion; {clip.steps} steps, {clip.why}")
        errors = sorted(clip.errors, key=lambda one: one.met)
        for one in errors[:MAX_LINES]:
            print(f"  {'met' if one.met else 'MISSED'}: {one.summary()}")
        if len(errors) > MAX_LINES:
            missed = sum(not one.met for one in errors[MAX_LINES:])
            print(f"  and {len(errors) - MAX_LINES} more, {missed} of them missed")
    for note in made.notes:
        if not note.startswith("missed: "):
            print(f"note: {note}")
    print(f"took {elapsed_s:.1f} s")
    print(f"license of the clip and of the training data: {first.meta.get('license') or 'not recorded'}")
