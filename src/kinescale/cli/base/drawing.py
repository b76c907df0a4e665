"""What the commands that draw motions share: options of the drawing, checks, reading, writing, the report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from kinescale.cli.base.options import (
    Flag,
    MaybeFloat,
    Out,
    check_output,
    check_positive,
    print_json,
)
from kinescale.cli.base.reading import AS_IT_IS, Reading, Source, check_source, read_clip
from kinescale.core.errors import InputError
from kinescale.core.prompts import check_prompt

if TYPE_CHECKING:
    from kinescale.motion import Motion
    from kinescale.pipelines.editing.editor import Edited

Many = Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="TEXT", help_behavior_hint="")]
"""A text that may be said several times."""

MAX_SAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """How a motion is drawn, and where it is written."""

    out: Out
    """File to write; its suffix chooses the format."""
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
    force: Flag = False
    """Replace existing files."""
    json: Flag = False
    """Print one JSON object instead of lines."""


@dataclass(frozen=True, kw_only=True)
class Changing(Drawing):
    """How a clip is changed: where what is drawn meets it, and how its skeleton is read."""

    blend: MaybeFloat = None
    """Seconds, inside the drawn frames, in which they meet the clip; 0.2, or more where joints would jerk."""
    anchor_end: Flag = False
    """Bend the drawn path so that what follows stays in its place; else what follows is moved to go on from it."""
    reading: Source = AS_IT_IS


def check_drawing(options: Drawing) -> list[Path]:
    """Refuse bad numbers, a bad bundle and bad places before anything heavy is loaded; the files to write."""
    from kinescale.bundle import read_manifest, resolve
    from kinescale.core.randomness import derive_seed

    derive_seed(options.seed)
    check_positive(options.temperature, "--temperature")
    if not 1 <= options.samples <= MAX_SAMPLES:
        raise InputError(f"--samples is {options.samples}; expected 1 to {MAX_SAMPLES}.")
    read_manifest(resolve(options.bundle))
    return [check_output(path, options.force) for path in output_paths(options.out, options.samples)]


def output_paths(out: Path, samples: int) -> list[Path]:
    """``out`` itself for one sample, else ``out`` with -0, -1 ... before its suffix."""
    return [out] if samples == 1 else [out.with_name(f"{out.stem}-{i}{out.suffix}") for i in range(samples)]


def check_clips(files: tuple[Path, ...], count: int, reading: Reading) -> None:
    """``InputError`` for another number of motion files, or one that is none."""
    if len(files) != count:
        what = "one" if count == 1 else "two"
        raise InputError(f"{len(files)} motion files; name {what}.")
    for path in files:
        check_source(path, reading)


def one_prompt(prompts: tuple[str, ...]) -> str | None:
    """The prompt, if one was given; ``InputError`` for several."""
    if len(prompts) > 1:
        raise InputError(f"{len(prompts)} prompts; this takes one.")
    return check_prompt(prompts[0]) if prompts else None


def read_source(path: Path, reading: Reading) -> Motion:
    """A clip that says where it comes from."""
    motion = read_clip(path, reading)
    return motion if motion.meta.get("source") else motion.with_meta(source=path.name)


def drawing(options: Drawing) -> dict[str, Any]:
    """The options as ``Editor`` takes them."""
    found: dict[str, Any] = {"seed": options.seed, "samples": options.samples}
    found |= {"guidance": options.guidance, "temperature": options.temperature}
    if isinstance(options, Changing):
        found["anchor_end"] = options.anchor_end
        if options.blend is not None:
            found["blend"] = options.blend
    return found


def write_all(motions: tuple[Motion, ...], paths: list[Path], force: bool) -> None:
    """Each motion into its file."""
    from kinescale.formats import write_motion

    for motion, path in zip(motions, paths, strict=True):
        write_motion(motion, path, force=force)


def report(made: Edited, paths: list[Path], task: str, options: Drawing, elapsed_s: float, **more: Any) -> None:
    """Say what was made, in lines or as one JSON object; ``more`` goes into the object."""
    first = made.motions[0]
    if options.json:
        seams = [[{"blend_frames": s.blend, "peak_m_s2": s.peak_m_s2} for s in clip] for clip in made.seams]
        print_json(
            {
                "files": [str(path) for path in paths],
                "task": task,
                "frames": [list(span) for span in made.spans],
                "parts": first.meta.get("edited_parts", "body"),
                "fps": first.fps,
                "seams": seams,
                "kept_share": made.kept_share if made.kept else None,
                **more,
                "notes": list(made.notes),
                "meta": dict(first.meta),
                "process_s": elapsed_s,
            }
        )
        return
    for path in paths:
        print(f"{path}: {first.duration_s:.2f} s of motion")
    if any(made.seams[0]):
        drawn = ", ".join(f"{start}:{stop}" for start, stop in made.spans)
        blends = ", ".join(f"{done.blend / first.fps:.2f}" for done in made.seams[0])
        print(f"drawn: frames {drawn}, {first.meta.get('edited_parts', 'body')}; blended over {blends} s inside them")
    for note in made.notes:
        print(f"note: {note}")
    print(f"took {elapsed_s:.1f} s")
    print(f"license of the clip and of the training data: {first.meta.get('license') or 'not recorded'}")
