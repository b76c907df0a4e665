"""Change part of a motion: some frames, some parts of the body, or what it is about; the rest stays as it was."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from kinescale.cli.base.device import pick_device
from kinescale.cli.base.drawing import (
    Changing,
    Many,
    check_clips,
    check_drawing,
    edit_options,
    read_source,
    report,
    write_all,
)
from kinescale.cli.base.editing import FAMILY, REGION, arguments, check_inputs, motion_count
from kinescale.cli.base.options import Flag, MaybeFloat, MaybeInt, MaybeText, check_positive, parse
from kinescale.core.errors import InputError
from kinescale.core.prompts import check_prompt
from kinescale.pipelines.editing.rules import EXACT
from kinescale.pipelines.editing.rules import FAMILY as RULES

EXAMPLES = (
    'kinescale edit walk.bvh --prompt "a person bows" --range 2:4 -o bow.bvh',
    'kinescale edit walk.bvh --prompt "a person waves" --frames 40:80 --parts right_arm -o wave.bvh',
    "kinescale edit --inbetween a.bvh b.bvh --seconds 1 -o joined.bvh",
)

Two = Annotated[tuple[Path, Path] | None, tyro.conf.arg(metavar="A B", help_behavior_hint="")]

STANDARD = "edit"
"""The task when none is named."""


@dataclass(frozen=True, kw_only=True)
class _What:
    """What to do; listed before how it is sampled."""

    clip: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Motion file to change; two for a task that joins two."""
    task: MaybeText = None
    """Edit task by name, such as inpaint; edit when neither this nor one of the short forms below is given."""
    prompt: Many = ()
    """What the person does in the resampled part; may be left out where a task is named. Once for all frames, or once
    for each --frames."""
    frames: Many = ()
    """Which frames, such as 40:80, :80 or 40: (an open end is the clip's); may be given several times."""
    range: Many = ()
    """Which seconds, such as 1.3:2.7, :2 or 1:; may be given several times."""
    seconds: MaybeFloat = None
    """For a task that adds or keeps time, such as --inbetween: how many seconds."""
    parts: MaybeText = None
    """Which parts of the body, such as left_arm,right_arm; kinescale parts lists them."""
    keep_scales: MaybeInt = None
    """How many of the coarsest scales are kept; with more, the new motion follows the old one more."""
    inpaint: Flag = False
    """Resample the frames to fit what is around them; needs no prompt."""
    outpaint: Flag = False
    """Keep the frames, and resample all that is before and after them."""
    prefix: MaybeFloat = None
    """Keep so many seconds at the beginning, and sample how it goes on."""
    suffix: MaybeFloat = None
    """Keep so many seconds at the end, and sample how it gets there."""
    inbetween: Two = None
    """Join two motion files by --seconds that are sampled."""
    rewrite: Flag = False
    """Change what the whole motion is about, and keep what the new prompt does not contradict."""
    source_prompt: MaybeText = None
    """With --rewrite or --rule: what the motion is about now."""
    threshold: MaybeFloat = None
    """With --rewrite or --rule: how much less likely the new prompt must make a bit for it to change; else 0.1."""
    rule: MaybeText = None
    """Edit as a paper does, for comparison: moscale, mosa or scalemogen, whichever is the bundle's system; the whole
    clip is then decoded anew. exact is our own editing, as without it."""
    negative_prompt: MaybeText = None
    """With --rule: what the motion shall not be; it takes the place of no prompt in classifier-free guidance."""
    greedy: Flag = False
    """With --rule: always the likeliest token."""


@dataclass(frozen=True, kw_only=True)
class Options(Changing, _What):
    """Resample a part of a motion and leave the rest exactly as it was.

    Without a task named, the frames (or all) and parts (or all) given are resampled for the prompt. The clip keeps its
    own skeleton and frame rate. Frames count from 0 and end before the last number: 40:80 is frames 40 to 79.
    """


def run(argv: list[str]) -> int:
    """Parse ``argv``, check what is cheap to check, edit, write, print what was done."""
    start = time.perf_counter()
    options = parse(Options, argv, "edit")
    task, files, inputs = _check(options)
    paths = check_drawing(options)
    clips = [read_source(path, options.reading) for path in files]
    inputs = arguments(task, clips[0], inputs)
    if options.parts is not None:
        from kinescale.rigging.body_parts import part_joints, part_names, part_roles

        names = part_names(options.parts)
        part_joints(clips[0].skeleton, part_roles(names), names)

    from kinescale.pipelines import Editor

    editor = Editor.from_pretrained(options.bundle, device=pick_device(options.device))
    made = FAMILY.get(task, "run")(editor, *clips, **inputs, options=edit_options(options))
    write_all(made.motions, paths, options.force)
    report(made, paths, task, options, time.perf_counter() - start)
    return 0


def _check(options: Options) -> tuple[str, tuple[Path, ...], dict[str, Any]]:
    """The task, the motion files and the task's inputs, checked before anything heavy is loaded."""
    task, short = _task(options)
    names = ("prompt", *REGION, "seconds", "source_prompt", "threshold", "negative_prompt")
    given = {name: getattr(options, name) for name in names} | {"greedy": options.greedy or None}
    if isinstance(short, float):
        check_positive(short, f"--{task}")
        if options.seconds is not None:
            raise InputError(f"--{task} says how many seconds; leave --seconds out.")
        given["seconds"] = short
    if isinstance(short, str):
        given["rule"] = RULES.check(short)
    if isinstance(short, tuple) and options.clip:
        raise InputError(f"--{task} names both of its motion files; leave the other one out.")
    files = short if isinstance(short, tuple) else options.clip
    check_clips(files, motion_count(task), options.reading)
    for prompt in (options.source_prompt, options.negative_prompt):
        if prompt is not None:
            check_prompt(prompt)
    return task, files, check_inputs(task, given)


def _task(options: Options) -> tuple[str, Any]:
    """The task, and the value of its short form: a flag, seconds, or two files."""
    short = {name: getattr(options, name, None) for name in FAMILY.names()}
    given = [name for name, value in short.items() if not (value is None or value is False or value == EXACT)]
    if options.task is not None:
        given = list(dict.fromkeys((FAMILY.check(options.task), *given)))
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} are two tasks; name one.")
    return (given[0], short[given[0]]) if given else (STANDARD, None)
