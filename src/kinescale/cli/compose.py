"""Put two motions together: parts of one on the other, coarse scales with fine ones, or one after the other."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from kinescale.cli.base.drawing import (
    Changing,
    Many,
    check_clips,
    check_drawing,
    drawing,
    one_prompt,
    read_source,
    report,
    sampling,
    write_all,
)
from kinescale.cli.base.options import Flag, MaybeFloat, MaybeInt, MaybeText, check_positive, parse
from kinescale.core.errors import InputError

if TYPE_CHECKING:
    from kinescale.motion import Motion
    from kinescale.pipelines.editing.editor import Edited, Editor

EXAMPLES = (
    "kinescale compose wave.bvh walk.bvh --parts right_arm -o both.bvh",
    "kinescale compose a.bvh b.bvh --then --seconds 1 -o joined.bvh",
    "kinescale compose a.bvh b.bvh --coarse 2 -o mixed.bvh",
)

Way = Annotated[Literal["encoded", "drawn"] | None, tyro.conf.arg(metavar="{encoded,drawn}", help_behavior_hint="")]

SEAM_S = 1.0
"""Seconds drawn anew where one motion follows the other, when not given."""


@dataclass(frozen=True, kw_only=True)
class _What:
    """What is asked for; listed before how it is drawn."""

    clip: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Two motion files, A and B."""
    parts: MaybeText = None
    """Parts of the body to take from A, such as upper_body; the rest is B's. kinescale parts lists them."""
    tokens: Way = None
    """With --parts: encoded puts the composition through the bundle's tokens; drawn takes A's and B's own tokens, and
    draws what holds both. Without it rotations are taken over as they are."""
    coarse: MaybeInt = None
    """Take so many of A's coarsest scales, and B's finer ones."""
    then: Flag = False
    """B after A, with what is around the seam drawn anew."""
    seconds: MaybeFloat = None
    """With --then: how many seconds around the seam are drawn; 1 when not given."""
    prompt: Many = ()
    """With --tokens drawn or --then: what the person does in what is drawn."""


@dataclass(frozen=True, kw_only=True)
class Options(Changing, _What):
    """Put two motions together: --parts, --coarse or --then says how.

    The result is on A's skeleton and at its frame rate. With --parts and --coarse it is as long as the shorter.
    """


def run(argv: list[str]) -> int:
    """Parse ``argv``, check what is cheap to check, compose, write, say what was done."""
    start = time.perf_counter()
    options = parse(Options, argv, "compose")
    task = _task(options)
    check_clips(options.clip, 2, options.reading)
    prompt = one_prompt(options.prompt)
    check_positive(options.seconds, "--seconds")
    paths = check_drawing(options)
    names: tuple[str, ...] = ()
    if options.parts is not None:
        from kinescale.pipelines.editing import part_names

        names = part_names(options.parts)
    first, second = (read_source(path, options.reading) for path in options.clip)

    from kinescale.pipelines.editing.editor import Editor

    made = _made(Editor.from_pretrained(options.bundle), (first, second), names, prompt, options)
    write_all(made.motions, paths, options.force)
    report(made, paths, task, options, time.perf_counter() - start)
    return 0


def _task(options: Options) -> str:
    """Which of the three; ``InputError`` for none, several, or options of another."""
    named = {"parts": options.parts is not None, "coarse": options.coarse is not None, "then": options.then}
    tasks = [name for name, given in named.items() if given]
    if len(tasks) != 1:
        got = " and ".join(f"--{name}" for name in tasks) or "none of them"
        raise InputError(f"{got} given; say --parts, --coarse or --then, one of them.")
    task = tasks[0]
    if options.tokens is not None and task != "parts":
        raise InputError("--tokens belongs to --parts; leave it out.")
    if options.seconds is not None and task != "then":
        raise InputError("--seconds belongs to --then; leave it out.")
    if options.prompt and not (options.tokens == "drawn" or task == "then"):
        raise InputError("nothing is drawn here, so a prompt has no use; leave it out, or name --tokens drawn.")
    exact = task == "parts" and options.tokens is None
    drawn = (options.seed, options.samples) != (0, 1) or bool(sampling(options))
    if exact and drawn:
        raise InputError("rotations are taken over as they are; leave out how to draw, or name --tokens.")
    if task != "then" and (options.blend is not None or options.anchor_end):
        raise InputError("--blend and --anchor-end belong to --then; leave them out.")
    return task


def _made(
    editor: Editor, clips: tuple[Motion, Motion], names: tuple[str, ...], prompt: str | None, options: Options
) -> Edited:
    first, second = clips
    if options.then:
        return editor.then(first, second, options.seconds or SEAM_S, prompt, **drawing(options))
    if options.coarse is not None:
        return editor.compose_scales(first, second, options.coarse, **drawing(options))
    more = {} if options.tokens is None else drawing(options)
    return editor.compose(first, second, names, tokens=options.tokens, prompt=prompt, **more)
