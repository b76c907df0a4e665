"""Change part of a motion: some frames, some parts of the body, or what it is about; the rest stays as it was."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from kinescale.cli._options import (
    Flag,
    MaybeFloat,
    MaybeInt,
    MaybeRoles,
    MaybeText,
    Out,
    check_input,
    check_output,
    check_positive,
    parse,
    print_json,
    read_clip,
    roles_file,
)
from kinescale.cli.generate import MAX_SAMPLES, output_paths
from kinescale.core.errors import InputError
from kinescale.core.prompts import check_prompt

if TYPE_CHECKING:
    from kinescale.edits import Span
    from kinescale.motion import Motion
    from kinescale.pipeline.editing import Edited, Editor

Two = Annotated[tuple[Path, Path] | None, tyro.conf.arg(metavar="A B", help_behavior_hint="")]


@dataclass(frozen=True)
class Options:
    """Draw a part of a motion anew and leave the rest exactly as it was.

    Without a task named, the frames (or all) and parts (or all) given are drawn for the prompt. The clip keeps its own
    skeleton and frame rate. Frames count from 0 and end before the last number: 40:80 is frames 40 to 79.
    """

    out: Out
    """File to write; its suffix chooses the format."""
    clip: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Motion file to change (none with --inbetween)."""
    prompt: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """What the person does in the drawn part; may be left out where a task is named."""
    frames: MaybeText = None
    """Which frames, such as 40:80, :80 or 40: (an open end is the clip's)."""
    seconds: MaybeText = None
    """Which seconds, such as 1.3:2.7; with --inbetween how many."""
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
    blend: MaybeFloat = None
    """Seconds, inside the drawn frames, in which they meet the clip; 0.2, or more where joints would jerk."""
    anchor_end: Flag = False
    """Bend the drawn path so that what follows stays in its place; else what follows is moved to go on from it."""
    seed: int = 0
    """Another seed gives another motion."""
    samples: int = 1
    """How many different motions to make."""
    bundle: str = "default"
    """Trained system: a bundle's folder, a training run's folder, or the one that comes with the package."""
    guidance: MaybeFloat = None
    """How strictly the prompt is followed; the bundle's own when not given."""
    temperature: MaybeFloat = None
    """How freely is drawn: below 1 safer, above 1 more varied."""
    roles: MaybeRoles = None
    force: Flag = False
    """Replace existing files."""
    json: Flag = False
    """Print one JSON object instead of lines."""


def run(argv: list[str]) -> int:
    """Parse ``argv``, check what is cheap to check, edit, write, say what was done."""
    start = time.perf_counter()
    options = parse(Options, argv, "edit")
    paths = _check(options)
    clips = [_read(path, options) for path in (options.inbetween or options.clip)]
    span = _span(options, clips[0])
    if options.parts is not None:
        from kinescale.edits import part_joints, part_names, part_roles

        names = part_names(options.parts)
        part_joints(clips[0].skeleton, part_roles(names), names)

    from kinescale.formats import write_motion
    from kinescale.pipeline.editing import Editor

    editor = Editor.from_pretrained(options.bundle)
    made = _made(editor, clips, span, options)
    for motion, path in zip(made.motions, paths, strict=True):
        write_motion(motion, path, force=options.force)
    _report(editor, made, paths, options, time.perf_counter() - start)
    return 0


def _check(options: Options) -> list[Path]:
    """Refuse bad input before anything heavy is loaded; the files to write."""
    from kinescale.bundle import read_manifest, resolve
    from kinescale.core.randomness import derive_seed

    task = _task(options)
    files = options.inbetween or options.clip
    if task == "inbetween" and options.clip:
        raise InputError("--inbetween names both of its motion files; leave the other one out.")
    if task != "inbetween" and len(files) != 1:
        raise InputError(f"{len(files)} motion files to change; name one, or join two with --inbetween A B.")
    for path in files:
        check_input(path)
        roles_file(path, options.roles)
    if len(options.prompt) > 1:
        raise InputError(f"{len(options.prompt)} prompts; an edit takes one.")
    for prompt in (*options.prompt, *([] if options.source_prompt is None else [options.source_prompt])):
        check_prompt(prompt)
    if task in ("edit", "rewrite") and not options.prompt:
        raise InputError(
            f"{'--rewrite' if task == 'rewrite' else 'an edit'} needs --prompt, or name --inpaint instead."
        )
    _check_region(options, task)
    derive_seed(options.seed)
    check_positive(options.temperature, "--temperature")
    for name, value in (("--prefix", options.prefix), ("--suffix", options.suffix)):
        check_positive(value, name)
    if not 1 <= options.samples <= MAX_SAMPLES:
        raise InputError(f"--samples is {options.samples}; expected 1 to {MAX_SAMPLES}.")
    read_manifest(resolve(options.bundle))
    return [check_output(path, options.force) for path in output_paths(options.out, options.samples)]


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
    from_to = options.frames is not None or options.seconds is not None
    if options.frames is not None and options.seconds is not None:
        raise InputError("--frames and --seconds say the same twice; name one.")
    if task in ("inpaint", "outpaint") and not from_to:
        raise InputError(f"--{task} needs to know where: --frames 40:80 or --seconds 1.3:2.7.")
    if task in ("prefix", "suffix", "rewrite") and from_to:
        raise InputError(f"--{task} is about the whole clip; leave --frames and --seconds out.")
    if task != "rewrite" and (options.source_prompt is not None or options.threshold is not None):
        raise InputError("--source-prompt and --threshold belong to --rewrite; name that, too.")
    if task == "rewrite" and options.parts is not None:
        raise InputError("--rewrite is about the whole body; leave --parts out, or leave out --rewrite.")
    if task == "inbetween":
        if options.parts is not None or options.frames is not None or options.seconds is None:
            raise InputError("--inbetween takes --seconds, such as --seconds 2, and neither --frames nor --parts.")
        if not _number(options.seconds) > 0:
            raise InputError(f"--seconds is {options.seconds}; with --inbetween expected a number above 0.")


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _read(path: Path, options: Options) -> Motion:
    motion = read_clip(path, options.roles)
    return motion if motion.meta.get("source") else motion.with_meta(source=path.name)


def _span(options: Options, clip: Motion) -> Span | None:
    """The frames asked for, checked against the clip before a bundle is loaded."""
    from kinescale.edits import Wish, parse_frames, parse_seconds

    span = None
    if options.frames is not None:
        span = parse_frames(options.frames, len(clip))
    elif options.seconds is not None and options.inbetween is None:
        span = parse_seconds(options.seconds, clip.fps, len(clip))
    return span if span is None else Wish(len(clip), (span,)).spans[0]


def _made(editor: Editor, clips: list[Motion], span: Span | None, options: Options) -> Edited:
    from kinescale.edits import part_names

    prompt = options.prompt[0] if options.prompt else None
    shared: dict[str, Any] = {
        "seed": options.seed,
        "samples": options.samples,
        "anchor_end": options.anchor_end,
        "guidance": options.guidance,
        "temperature": options.temperature,
    }
    given = {"blend": options.blend, "strength": options.strength, "parts": options.parts}
    shared |= {name: value for name, value in given.items() if value is not None}
    if "parts" in shared:
        shared["parts"] = part_names(shared["parts"])
    task, clip = _task(options), clips[0]
    if task == "rewrite":
        threshold = {} if options.threshold is None else {"threshold": options.threshold}
        return editor.rewrite(clip, str(prompt), options.source_prompt, **threshold, **shared)
    if task == "inbetween":
        return editor.inbetween(clip, clips[1], _number(str(options.seconds)), prompt, **shared)
    if task in ("prefix", "suffix"):
        kept = options.prefix if task == "prefix" else options.suffix
        return getattr(editor, task)(clip, kept, prompt, **shared)
    return getattr(editor, task)(clip, prompt, frames=span, **shared)


def _report(editor: Editor, made: Edited, paths: list[Path], options: Options, elapsed_s: float) -> None:
    first = made.motions[0]
    if options.json:
        seams = [[{"blend_frames": s.blend, "peak_m_s2": s.peak_m_s2} for s in clip] for clip in made.seams]
        print_json(
            {
                "files": [str(path) for path in paths],
                "task": _task(options),
                "frames": [list(span) for span in made.spans],
                "parts": first.meta["edited_parts"],
                "fps": first.fps,
                "seams": seams,
                "kept_share": made.kept_share,
                "notes": list(made.notes),
                "meta": dict(first.meta),
                "process_s": elapsed_s,
            }
        )
        return
    for path in paths:
        print(f"{path}: {first.duration_s:.2f} s of motion")
    drawn = ", ".join(f"{start}:{stop}" for start, stop in made.spans)
    blends = ", ".join(f"{done.blend / first.fps:.2f}" for done in made.seams[0])
    print(f"drawn: frames {drawn}, {first.meta['edited_parts']}; blended over {blends} s inside them")
    for note in made.notes:
        print(f"note: {note}")
    print(f"took {elapsed_s:.1f} s")
    print(f"licence of the clip and of the training data: {first.meta.get('licence') or 'not recorded'}")
