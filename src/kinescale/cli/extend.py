"""Carry a motion on: some seconds more after it, or before it; the motion itself stays as it is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import tyro

from kinescale.cli.base.device import pick_device
from kinescale.cli.base.drawing import (
    Changing,
    Many,
    check_clips,
    check_drawing,
    edit_options,
    one_prompt,
    read_source,
    report,
    write_all,
)
from kinescale.cli.base.options import Flag, check_positive, parse

EXAMPLES = (
    'kinescale extend walk.bvh --seconds 4 --prompt "a person bows" -o longer.bvh',
    "kinescale extend walk.bvh --seconds 1 --before -o earlier.bvh",
)


@dataclass(frozen=True, kw_only=True)
class _What:
    """What to do; listed before how it is sampled."""

    clip: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Motion file to carry on."""
    seconds: float
    """How many seconds more."""
    prompt: Many = ()
    """What the person does then; sampled to fit the motion when not given."""
    before: Flag = False
    """Sample what comes before the motion instead of what follows."""


@dataclass(frozen=True, kw_only=True)
class Options(Changing, _What):
    """Carry a motion on by some seconds.

    The motion's own frames stay as they are, to the bit; any length may be sampled, window by window. For several
    prompts, see kinescale timeline.
    """


def run(argv: list[str]) -> int:
    """Parse ``argv``, check what is cheap to check, extend, write, print what was done."""
    start = time.perf_counter()
    options = parse(Options, argv, "extend")
    check_clips(options.clip, 1, options.reading)
    prompt = one_prompt(options.prompt)
    check_positive(options.seconds, "--seconds")
    paths = check_drawing(options)
    motion = read_source(options.clip[0], options.reading)

    from kinescale.pipelines import Editor

    editor = Editor.from_pretrained(options.bundle, device=pick_device(options.device))
    made = editor.extend(motion, options.seconds, prompt, before=options.before, options=edit_options(options))
    write_all(made.motions, paths, options.force)
    report(made, paths, "extend", options, time.perf_counter() - start)
    return 0
