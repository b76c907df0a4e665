"""Make a cycle of a motion: fill what leads from its end to its beginning, or cut out its best cycle."""

from __future__ import annotations

import math
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
from kinescale.cli.base.options import Flag, MaybeInt, check_positive, parse
from kinescale.core.errors import InputError

EXAMPLES = (
    "kinescale loop walk.bvh --cut --in-place -o cycle.bvh",
    "kinescale loop wave.bvh --seconds 0.5 --rounds 3 -o waves.bvh",
)


@dataclass(frozen=True, kw_only=True)
class _What:
    """What to do; listed before how it is sampled."""

    clip: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Motion file to loop."""
    seconds: float = 0.5
    """Seconds filled between the motion's end and its beginning, about so many without --prompt; with --cut at most,
    inside the cycle, and only with --prompt or --keep-scales."""
    cut: Flag = False
    """Take the stretch of the motion that closes best, such as one stride, instead of all of it; what its end and its
    beginning differ by is spread over it."""
    in_place: Flag = False
    """Subtract the steady part of the path: the cycle ends where it began."""
    rounds: int = 1
    """How many cycles to write one after another."""
    keep_scales: MaybeInt = None
    """How many of the coarsest scales are kept in what is resampled; with --cut half of them when not given."""
    prompt: Many = ()
    """What the person does in what is sampled; sampled to fit the motion when not given."""


@dataclass(frozen=True, kw_only=True)
class Options(Changing, _What):
    """Make a clean cycle of a motion.

    After the last frame comes frame 0 again, moved over the ground and turned by what is printed. Without --cut the
    motion's own frames stay as they are.
    """


def run(argv: list[str]) -> int:
    """Parse ``argv``, check what is cheap to check, loop, write, print what was done."""
    start = time.perf_counter()
    options = parse(Options, argv, "loop")
    check_clips(options.clip, 1, options.reading)
    prompt = one_prompt(options.prompt)
    check_positive(options.seconds, "--seconds")
    if options.rounds < 1:
        raise InputError(f"--rounds is {options.rounds}; expected 1 or more.")
    if options.anchor_end:
        raise InputError("--anchor-end has no meaning for a loop: nothing follows it; leave it out.")
    paths = check_drawing(options)
    motion = read_source(options.clip[0], options.reading)

    from kinescale.pipelines import Editor
    from kinescale.pipelines.editing.tasks.loop import LoopOptions

    loop = LoopOptions(options.seconds, options.cut, options.in_place, options.rounds, options.keep_scales)
    editor = Editor.from_pretrained(options.bundle, device=pick_device(options.device))
    made = editor.loop(motion, prompt, loop=loop, options=edit_options(options))
    write_all(made.motions, paths, options.force)
    rounds = [{"turn_deg": math.degrees(one.yaw), "shift_m": list(one.shift)} for one in made.offsets]
    report(made, paths, "loop", options, time.perf_counter() - start, rounds=rounds)
    if not options.json:
        first = made.offsets[0]
        print(
            f"a round of {made.motions[0].meta['loop_frames']} frames moves {first.step_m:.2f} m and turns "
            f"{math.degrees(first.yaw):.1f} degrees"
        )
    return 0
