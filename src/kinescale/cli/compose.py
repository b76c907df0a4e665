"""Put two motions together: parts of one on the other, coarse scales with fine ones, or one after the other."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

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
    sampling,
    write_all,
)
from kinescale.cli.base.editing import FAMILY, check_inputs
from kinescale.cli.base.options import Flag, MaybeFloat, MaybeInt, MaybeText, parse
from kinescale.core.errors import InputError

EXAMPLES = (
    "kinescale compose wave.bvh walk.bvh --parts right_arm -o both.bvh",
    "kinescale compose a.bvh b.bvh --then --seconds 1 -o joined.bvh",
    "kinescale compose a.bvh b.bvh --coarse 2 -o mixed.bvh",
)

Way = Annotated[Literal["encoded", "drawn"] | None, tyro.conf.arg(metavar="{encoded,drawn}", help_behavior_hint="")]

TASKS = {"parts": "compose", "coarse": "compose_scales", "then": "then"}
"""Option that names a task -> edit task."""

INPUTS = ("parts", "tokens", "coarse", "seconds", "prompt")


@dataclass(frozen=True, kw_only=True)
class _What:
    """What to do; listed before how it is sampled."""

    clip: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Two motion files, A and B."""
    parts: MaybeText = None
    """Parts of the body to take from A, such as upper_body; the rest is B's. kinescale parts lists them."""
    tokens: Way = None
    """With --parts: encoded puts the composition through the bundle's tokens; drawn takes A's and B's own tokens, and
    samples those that hold both. Without it rotations are taken over as they are."""
    coarse: MaybeInt = None
    """Take so many of A's coarsest scales, and B's finer ones."""
    then: Flag = False
    """B after A, going over where both are most alike near the border; with --prompt, what is around it resampled."""
    seconds: MaybeFloat = None
    """With --then: the seconds around the border that may change; 1 when not given."""
    prompt: Many = ()
    """With --tokens drawn or --then: what the person does in what is sampled."""


@dataclass(frozen=True, kw_only=True)
class Options(Changing, _What):
    """Put two motions together: --parts, --coarse or --then says how.

    The result is on A's skeleton and at its frame rate. With --parts and --coarse it is as long as the shorter.
    """


def run(argv: list[str]) -> int:
    """Parse ``argv``, check what is cheap to check, compose, write, print what was done."""
    start = time.perf_counter()
    options = parse(Options, argv, "compose")
    flag, task = _task(options)
    check_clips(options.clip, 2, options.reading)
    inputs = check_inputs(task, {name: getattr(options, name) for name in INPUTS})
    paths = check_drawing(options)
    first, second = (read_source(path, options.reading) for path in options.clip)

    from kinescale.pipelines import Editor

    editor = Editor.from_pretrained(options.bundle, device=pick_device(options.device))
    exact = flag == "parts" and options.tokens is None
    how = {} if exact else {"options": edit_options(options)}
    made = FAMILY.get(task, "run")(editor, first, second, **inputs, **how)
    write_all(made.motions, paths, options.force)
    report(made, paths, flag, options, time.perf_counter() - start)
    return 0


def _task(options: Options) -> tuple[str, str]:
    """The option that names the task, and the task; ``InputError`` for none, several, or options of another."""
    given = [name for name in TASKS if getattr(options, name) not in (None, False)]
    if len(given) != 1:
        got = " and ".join(f"--{name}" for name in given) or "none of them"
        raise InputError(f"{got} given; name one of --parts, --coarse and --then.")
    flag = given[0]
    exact = flag == "parts" and options.tokens is None
    if exact and options.prompt:
        raise InputError("nothing is sampled here, so a prompt has no use; leave it out, or name --tokens drawn.")
    if exact and ((options.seed, options.samples) != (0, 1) or sampling(options)):
        raise InputError("rotations are taken over as they are; leave out how to draw, or name --tokens.")
    if not options.then and (options.blend is not None or options.anchor_end):
        raise InputError("--blend and --anchor-end belong to --then; leave them out.")
    return flag, TASKS[flag]
