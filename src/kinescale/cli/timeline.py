"""Make one motion of any length from a timeline: prompts in a row, or at once on different parts of the body."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from kinescale.cli.base.device import pick_device
from kinescale.cli.base.drawing import Drawing, check_drawing, sampling, write_all
from kinescale.cli.base.options import MaybeFloat, parse, print_json
from kinescale.core.errors import InputError

if TYPE_CHECKING:
    from kinescale.pipelines import Timeline, TimelineResult

EXAMPLES = (
    "kinescale timeline story.txt -o story.bvh",
    "kinescale timeline story.json -o story.glb --seed 3",
)


@dataclass(frozen=True, kw_only=True)
class _What:
    """What to do; listed before how it is sampled."""

    timeline: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="TIMELINE")]]
    """The timeline: a .json file of segments, or a .txt file of lines: text # start # end # parts."""


@dataclass(frozen=True, kw_only=True)
class Options(Drawing, _What):
    """Make one motion from a timeline of prompts, as long as it takes.

    A .json timeline is {"segments": [{"text": "a person walks", "seconds": 3}, {"text": "a person waves", "start": 1,
    "end": 2.5, "parts": ["right_arm"]}]}; a .txt timeline has a line for each: text # start # end # parts. Segments may
    overlap: parts are resampled in the body, and of whole bodies the one that began last leads.
    """

    blend: MaybeFloat = None
    """Seconds over which a stretch is blended with the one before; 0.2, or more where joints would jerk."""


def run(argv: list[str]) -> int:
    """Parse ``argv``, check what is cheap to check, sample, write, print what was done."""
    start = time.perf_counter()
    options = parse(Options, argv, "timeline")
    if not options.timeline.is_file():
        kind = "is a folder" if options.timeline.is_dir() else "there is no such file"
        raise InputError(f"{options.timeline}: {kind}; name a timeline to read.")
    paths = check_drawing(options)

    from kinescale.pipelines.segments import read_timeline

    timeline = read_timeline(options.timeline)

    from kinescale.core.randomness import derive_seed
    from kinescale.pipelines import EditOptions, TimelinePipeline

    pipe = TimelinePipeline.from_pretrained(options.bundle, device=pick_device(options.device))
    blend = EditOptions.blend if options.blend is None else options.blend
    seeds = [options.seed, *(derive_seed(options.seed, "sample", i) for i in range(1, options.samples))]
    made = [pipe(timeline, options=EditOptions(seed=seed, sampling=sampling(options), blend=blend)) for seed in seeds]
    meta = {"seed": options.seed, "source": options.timeline.name}
    write_all([one.motion.with_meta(**meta, sample=i) for i, one in enumerate(made)], paths, options.force)
    _report(timeline, made, paths, options, time.perf_counter() - start)
    return 0


def _report(
    timeline: Timeline, made: list[TimelineResult], paths: list[Path], options: Options, elapsed_s: float
) -> None:
    first = made[0].motion
    notes = [note for one in made for note in one.notes]
    if options.json:
        transitions = [
            [{"frame": j.frame, "blend_frames": j.blend, "peak_m_s2": j.peak_m_s2, "parts": list(j.parts)} for j in one]
            for one in (result.transitions for result in made)
        ]
        lines = [{"text": s.text, "start": s.start, "end": s.end, "parts": list(s.parts)} for s in timeline.segments]
        print_json(
            {
                "files": [str(path) for path in paths],
                "task": "timeline",
                "segments": lines,
                "seconds": first.duration_s,
                "fps": first.fps,
                "seams": transitions,
                "notes": notes,
                "meta": dict(first.meta),
                "process_s": elapsed_s,
            }
        )
        return
    for path in paths:
        print(f"{path}: {first.duration_s:.2f} s of motion")
    for segment in timeline.segments:
        parts = f" ({', '.join(segment.parts)})" if segment.parts else ""
        print(f"  {segment.start:.2f} to {segment.end:.2f} s{parts}: {segment.text or 'no prompt'}")
    for note in notes:
        print(f"note: {note}")
    print(f"took {elapsed_s:.1f} s")
    print(f"license of the training data: {first.meta.get('license') or 'not recorded'}")
