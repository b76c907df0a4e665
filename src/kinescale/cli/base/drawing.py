"""What the commands that sample motions share: options, checks, reading, writing, the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from kinescale.cli.base.delivery import check_ready, deliver, is_stdout, named
from kinescale.cli.base.device import Device, check_device
from kinescale.cli.base.notes import note
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
    from kinescale.pipelines import Edited, EditOptions

Many = Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="TEXT", help_behavior_hint="")]
"""A text that may be said several times."""

MAX_SAMPLES = 1000


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """How a motion is sampled, and where it is written."""

    out: Out
    """File to write; its suffix chooses the format."""
    seed: int = 0
    """Another seed gives another motion."""
    samples: int = 1
    """How many different motions to make."""
    bundle: str = "default"
    """Trained system: a bundle's folder, a training run's folder, or the one that comes with the package."""
    guidance_scale: MaybeFloat = None
    """Classifier-free guidance scale, how strictly the prompt is followed; 1 is off, the bundle's when not given."""
    guidance: MaybeFloat = None
    """Former name and meaning of --guidance-scale, for one release: off at 0 for most bundles."""
    temperature: MaybeFloat = None
    """Sampling temperature: below 1 safer, above 1 more varied."""
    device: Device = "cpu"
    force: Flag = False
    """Replace existing files."""
    json: Flag = False
    """Print one JSON object instead of lines."""


@dataclass(frozen=True, kw_only=True)
class Changing(Drawing):
    """How a clip is changed: the blend at the borders, and how its skeleton is read."""

    blend: MaybeFloat = None
    """Seconds, inside the resampled frames, over which they are blended with the clip; 0.2, or more where joints would
    jerk."""
    anchor_end: Flag = False
    """Warp the sampled path so that the frames after it stay in place; else those are moved to continue it."""
    quality: Annotated[Literal["fast", "best"] | None, tyro.conf.arg(help_behavior_hint="")] = None
    """For a prompt: fast draws once, best up to 16 times, until what is measured is what the prompt says; a few times
    when not given."""
    reading: Source = AS_IT_IS


def check_drawing(options: Drawing, prompts: int = 1) -> list[Path]:
    """Refuse bad numbers, a bad bundle and bad places before anything heavy is loaded; the files to write."""
    from kinescale.bundle import read_manifest, resolve
    from kinescale.core.randomness import derive_seed

    derive_seed(options.seed)
    check_positive(options.temperature, "--temperature")
    check_device(options.device)
    if not 1 <= options.samples <= MAX_SAMPLES:
        raise InputError(f"--samples is {options.samples}; expected 1 to {MAX_SAMPLES}.")
    read_manifest(resolve(options.bundle))
    paths = output_paths(options.out, options.samples * prompts)
    for path in paths:
        check_output(named(path), force=options.force or is_stdout(path))
        check_ready(named(path))
    return paths


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
    """A clip with ``source`` in its ``meta``."""
    motion = read_clip(path, reading)
    return motion if motion.meta.get("source") else motion.with_meta(source=path.name)


def sampling(options: Drawing) -> dict[str, Any]:
    """The sampler options that were given."""
    names = ("guidance_scale", "guidance", "temperature")
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def edit_options(options: Changing) -> EditOptions:
    """The options as an edit takes them."""
    from kinescale.pipelines import EditOptions

    blend = EditOptions.blend if options.blend is None else options.blend
    return EditOptions(
        options.samples,
        options.seed,
        sampling(options),
        blend=blend,
        anchor_end=options.anchor_end,
        quality=options.quality,
    )


def write_all(motions: Sequence[Motion], paths: list[Path], force: bool) -> None:
    """Each motion into its file; see ``delivery.deliver``."""
    for motion, path in zip(motions, paths, strict=True):
        for line in deliver(motion, path, force=force):
            note(f"note: {path.name}: {line}")


def report(made: Edited, paths: list[Path], task: str, options: Drawing, elapsed_s: float, **more: Any) -> None:
    """Print what was made, in lines or as one JSON object; ``more`` goes into the object."""
    first = made.motions[0]
    if options.json:
        seams = [[{"blend_frames": s.frames, "peak_m_s2": s.peak_m_s2} for s in clip] for clip in made.blends]
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
    if any(made.blends[0]):
        drawn = ", ".join(f"{start}:{stop}" for start, stop in made.spans)
        blends = ", ".join(f"{done.frames / first.fps:.2f}" for done in made.blends[0])
        print(
            f"resampled: frames {drawn}, {first.meta.get('edited_parts', 'body')}; blended over {blends} s inside them"
        )
    for line in made.notes:
        print(f"note: {line}")
    print(f"took {elapsed_s:.1f} s")
    print(f"license of the clip and of the training data: {first.meta.get('license') or 'not recorded'}")
