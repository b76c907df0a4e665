"""Tell a story: sentences one after another, or at once on different parts of the body, as one motion of any length."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from kinescale.cli.base.drawing import Drawing, check_drawing, write_all
from kinescale.cli.base.options import MaybeFloat, parse, print_json
from kinescale.core.errors import InputError

if TYPE_CHECKING:
    from kinescale.pipelines.segments import Story
    from kinescale.pipelines.timeline import Narrated


@dataclass(frozen=True, kw_only=True)
class _What:
    """What is asked for; listed before how it is drawn."""

    story: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="STORY")]]
    """The story: a .json file of segments, or a .txt file of lines: text # start # end # parts."""


@dataclass(frozen=True, kw_only=True)
class Options(Drawing, _What):
    """Tell a story as one motion, as long as it takes.

    A .json story is {"segments": [{"text": "a person walks", "seconds": 3}, {"text": "a person waves", "start": 1,
    "end": 2.5, "parts": ["right_arm"]}]}; a .txt story has a line for each: text # start # end # parts. Segments may
    overlap: parts are drawn over the body, and of whole bodies the one that began last leads.
    """

    blend: MaybeFloat = None
    """Seconds in which a stretch goes over from the one before; 0.2, or more where joints would jerk."""


def run(argv: list[str]) -> int:
    """Parse ``argv``, check what is cheap to check, tell, write, say what was done."""
    start = time.perf_counter()
    options = parse(Options, argv, "timeline")
    if not options.story.is_file():
        kind = "is a folder" if options.story.is_dir() else "there is no such file"
        raise InputError(f"{options.story}: {kind}; name a story to read.")
    paths = check_drawing(options)

    from kinescale.pipelines.segments import read_story

    story = read_story(options.story)

    from kinescale.core.randomness import derive_seed
    from kinescale.pipelines.editing.editor import Editor
    from kinescale.pipelines.timeline import Timeline

    timeline = Timeline(Editor.from_pretrained(options.bundle))
    how = {"guidance": options.guidance, "temperature": options.temperature}
    if options.blend is not None:
        how["blend"] = options.blend
    seeds = [options.seed, *(derive_seed(options.seed, "sample", i) for i in range(1, options.samples))]
    made = [timeline(story, seed, **how) for seed in seeds]
    meta = {"seed": options.seed, "source": options.story.name}
    write_all(tuple(told.motion.with_meta(**meta, sample=i) for i, told in enumerate(made)), paths, options.force)
    _report(story, made, paths, options, time.perf_counter() - start)
    return 0


def _report(story: Story, made: list[Narrated], paths: list[Path], options: Options, elapsed_s: float) -> None:
    first = made[0].motion
    notes = [note for told in made for note in told.notes]
    if options.json:
        joints = [
            [{"frame": j.frame, "blend_frames": j.blend, "peak_m_s2": j.peak_m_s2, "parts": list(j.parts)} for j in one]
            for one in (told.joints for told in made)
        ]
        lines = [{"text": s.text, "start": s.start, "end": s.end, "parts": list(s.parts)} for s in story.segments]
        print_json(
            {
                "files": [str(path) for path in paths],
                "task": "timeline",
                "segments": lines,
                "seconds": first.duration_s,
                "fps": first.fps,
                "seams": joints,
                "notes": notes,
                "meta": dict(first.meta),
                "process_s": elapsed_s,
            }
        )
        return
    for path in paths:
        print(f"{path}: {first.duration_s:.2f} s of motion")
    for segment in story.segments:
        parts = f" ({', '.join(segment.parts)})" if segment.parts else ""
        print(f"  {segment.start:.2f} to {segment.end:.2f} s{parts}: {segment.text or 'no sentence'}")
    for note in notes:
        print(f"note: {note}")
    print(f"took {elapsed_s:.1f} s")
    print(f"license of the training data: {first.meta.get('license') or 'not recorded'}")
