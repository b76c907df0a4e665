"""Change part of a motion: some frames, some parts of the body, or what it is about; the rest stays as it was."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from kinescale.cli.base.drawing import Changing, Many, check_drawing, drawing, read_source, report, write_all
from kinescale.cli.base.options import (
    Flag,
    MaybeFloat,
    MaybeInt,
    MaybeText,
    check_positive,
    parse,
)
from kinescale.cli.base.reading import check_source
from kinescale.core.errors import InputError
from kinescale.core.prompts import check_prompt

if TYPE_CHECKING:
    from kinescale.motion import Motion
    from kinescale.pipelines.editing import Span
    from kinescale.pipelines.editing.editor import Edited, Editor

EXAMPLES = (
    'kinescale edit walk.bvh --prompt "a person bows" --range 2:4 -o bow.bvh',
    'kinescale edit walk.bvh --prompt "a person waves" --frames 40:80 --parts right_arm -o wave.bvh',
    "kinescale edit --inbetween a.bvh b.bvh --seconds 1 -o joined.bvh",
)

Two = Annotated[tuple[Path, Path] | None, tyro.conf.arg(metavar="A B", help_behavior_hint="")]


@dataclass(frozen=True, kw_only=True)
class _What:
    """What is asked for; listed before how it is drawn."""

    clip: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Motion file to change (none with --inbetween)."""
    prompt: Many = ()
    """What the person does in the drawn part; may be left out where a task is named. Once for all frames, or once for
    each --frames."""
    frames: Many = ()
    """Which frames, such as 40:80, :80 or 40: (an open end is the clip's); may be said several times."""
    range: Many = ()
    """Which seconds, such as 1.3:2.7, :2 or 1:; may be said several times."""
    seconds: MaybeFloat = None
    """With --inbetween: how many seconds to draw between the two files."""
    parts: MaybeText = None
    """Which parts of the body, such as left_arm,right_arm; kinescale parts lists them."""
    strength: MaybeInt = None
    """How many of the coarsest scales stay; with more, the new motion follows the old one more."""
    inpaint: Flag = False
    """Draw the frames to fit what is around them; needs no prompt."""
    outpaint: Flag = False
    """Keep the frames, and draw all that is before and after them."""
    prefix: MaybeFloat = None
    """Keep so many seconds at the beginning, and draw how it goes on."""
    suffix: MaybeFloat = None
    """Keep so many seconds at the end, and draw how it comes to them."""
    inbetween: Two = None
    """Join two motion files by --seconds that are drawn."""
    rewrite: Flag = False
    """Change what the whole motion is about, and keep what the new prompt does not speak against."""
    source_prompt: MaybeText = None
    """With --rewrite: what the motion is about now."""
    threshold: MaybeFloat = None
    """With --rewrite: how much less likely the new prompt must make a bit for it to change; 0.1 when not given."""


@dataclass(frozen=True, kw_only=True)
class Options(Changing, _What):
    """Draw a part of a motion anew and leave the rest exactly as it was.

    Without a task named, the frames (or all) and parts (or all) given are drawn for the prompt. The clip keeps its own
    skeleton and frame rate. Frames count from 0 and end before the last number: 40:80 is frames 40 to 79.
    """


def run(argv: list[str]) -> int:
    """Parse ``argv``, check what is cheap to check, edit, write, say what was done."""
    start = time.perf_counter()
    options = parse(Options, argv, "edit")
    paths = _check(options)
    clips = [read_source(path, options.reading) for path in (options.inbetween or options.clip)]
    spans = _spans(options, clips[0])
    if options.parts is not None:
        from kinescale.pipelines.editing import part_joints, part_names, part_roles

        names = part_names(options.parts)
        part_joints(clips[0].skeleton, part_roles(names), names)

    from kinescale.pipelines.editing.editor import Editor

    made = _made(Editor.from_pretrained(options.bundle), clips, spans, options)
    write_all(made.motions, paths, options.force)
    report(made, paths, _task(options), options, time.perf_counter() - start)
    return 0


def _check(options: Options) -> list[Path]:
    """Refuse bad input before anything heavy is loaded; the files to write."""
    task = _task(options)
    files = options.inbetween or options.clip
    if task == "inbetween" and options.clip:
        raise InputError("--inbetween names both of its motion files; leave the other one out.")
    if task != "inbetween" and len(files) != 1:
        raise InputError(f"{len(files)} motion files to change; name one, or join two with --inbetween A B.")
    for path in files:
        check_source(path, options.reading)
    places = len(options.frames) or len(options.range) or 1
    if len(options.prompt) > 1 and (len(options.prompt) != places or task not in ("edit", "inpaint")):
        raise InputError(
            f"{len(options.prompt)} prompts for {places} stretch{'es' if places > 1 else ''} of frames; give one, or "
            "one for each --frames."
        )
    for prompt in (*options.prompt, *([] if options.source_prompt is None else [options.source_prompt])):
        check_prompt(prompt)
    if task in ("edit", "rewrite") and not options.prompt:
        raise InputError(
            f"{'--rewrite' if task == 'rewrite' else 'an edit'} needs --prompt, or name --inpaint instead."
        )
    _check_region(options, task)
    for name, value in (("--prefix", options.prefix), ("--suffix", options.suffix)):
        check_positive(value, name)
    return check_drawing(options)


def _task(options: Options) -> str:
    named = {
        "inpaint": options.inpaint,
        "outpaint": options.outpaint,
        "prefix": options.prefix is not None,
        "suffix": options.suffix is not None,
        "inbetween": options.inbetween is not None,
        "rewrite": options.rewrite,
    }
    tasks = [name for name, given in named.items() if given]
    if len(tasks) > 1:
        raise InputError(f"--{tasks[0]} and --{tasks[1]} are two tasks; name one.")
    return tasks[0] if tasks else "edit"


def _check_region(options: Options, task: str) -> None:
    """Frames and seconds where the task has a use for them, and only there."""
    from_to = bool(options.frames or options.range)
    if options.frames and options.range:
        raise InputError("--frames and --range say the same twice; name one.")
    if options.seconds is not None and task != "inbetween":
        raise InputError(f"--seconds is a length and belongs to --inbetween; a span is --range 0:{options.seconds:g}.")
    if task in ("inpaint", "outpaint") and not from_to:
        raise InputError(f"--{task} needs to know where: --frames 40:80 or --range 1.3:2.7.")
    if task in ("prefix", "suffix", "rewrite") and from_to:
        raise InputError(f"--{task} is about the whole clip; leave --frames and --range out.")
    if task != "rewrite" and (options.source_prompt is not None or options.threshold is not None):
        raise InputError("--source-prompt and --threshold belong to --rewrite; name that, too.")
    if task == "rewrite" and options.parts is not None:
        raise InputError("--rewrite is about the whole body; leave --parts out, or leave out --rewrite.")
    if task == "inbetween":
        if options.parts is not None or from_to or options.seconds is None:
            raise InputError("--inbetween takes --seconds, such as --seconds 2, and neither a span nor --parts.")
        check_positive(options.seconds, "--seconds")


def _spans(options: Options, clip: Motion) -> list[Span] | None:
    """The frames asked for, checked against the clip before a bundle is loaded."""
    from kinescale.pipelines.editing import Wish, parse_frames, parse_seconds

    spans = [parse_frames(text, len(clip)) for text in options.frames]
    spans += [parse_seconds(text, clip.fps, len(clip)) for text in options.range]
    for span in spans:
        Wish(len(clip), (span,))
    return spans or None


def _made(editor: Editor, clips: list[Motion], spans: list[Span] | None, options: Options) -> Edited:
    from kinescale.pipelines.editing import part_names

    prompt = options.prompt[0] if options.prompt else None
    shared = drawing(options)
    if options.strength is not None:
        shared["strength"] = options.strength
    if options.parts is not None:
        shared["parts"] = part_names(options.parts)
    task, clip = _task(options), clips[0]
    if task == "rewrite":
        threshold = {} if options.threshold is None else {"threshold": options.threshold}
        return editor.rewrite(clip, str(prompt), options.source_prompt, **threshold, **shared)
    if task == "inbetween":
        return editor.inbetween(clip, clips[1], options.seconds or 0.0, prompt, **shared)
    if task in ("prefix", "suffix"):
        kept = options.prefix if task == "prefix" else options.suffix
        return getattr(editor, task)(clip, kept, prompt, **shared)
    if task == "outpaint":
        return editor.outpaint(clip, prompt, frames=spans or (), **shared)
    return getattr(editor, task)(clip, options.prompt or None, frames=spans, **shared)
