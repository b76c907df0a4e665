"""Convert a motion file to another format, frame rate or skeleton."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from kinescale.cli.base.options import (
    Flag,
    MaybeFloat,
    MaybeText,
    check_fps,
    check_output,
    meters,
    motion_suffixes,
    parse,
)
from kinescale.cli.base.reading import AS_IT_IS, Settings, Source, check_source, read_clip, settings
from kinescale.core.errors import InputError
from kinescale.core.family import Family

if TYPE_CHECKING:
    from kinescale.motion import Motion

EXAMPLES = (
    "kinescale convert take.bvh -o take.glb",
    "kinescale convert take.bvh -o take.glb --skeleton mixamo --fps 30",
    "kinescale convert inches.bvh -o take.npz --source-unit in",
)

MAX_ANIMATIONS, MAX_STEM = 1000, 80

# flag of the command line -> option of a format
_WRITE_FLAGS = {"unit": "unit_m", "kind": "kind"}

# said by the formats themselves, so that a new one is listed
_READS = f"Motion file to read: {', '.join(motion_suffixes('read'))} (an .amc with its .asf beside it)."
_WRITES = f"File to write: {', '.join(motion_suffixes('write'))}."


@dataclass(frozen=True)
class Options:
    """Read a motion and write it elsewhere; suffixes choose the formats. What is lost on the way is named.

    A file that holds one skeleton or frame rate only, such as .npy, gets the motion put on that: a note says so. AMASS
    files are any .npz to read, and .amass.npz to write.
    """

    source: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="IN", help=_READS)]]
    out: Annotated[Path, tyro.conf.arg(aliases=("-o",), help=_WRITES)]
    fps: MaybeFloat = None
    """Frames a second of the new file; as the source when not given."""
    skeleton: MaybeText = None
    """Put the motion on this skeleton, such as humanml22."""
    kind: MaybeText = None
    """Which of a format's kinds to write: joints or features (.npy), smplh or smplx (.amass.npz)."""
    unit: MaybeText = None
    """Unit of the new file: m, cm, mm, in or a number of meters; the format's own when not given."""
    option: Settings = ()
    """Any other option of the new file's format; may be given again."""
    all_animations: Flag = False
    """Write every animation of a .glb, each into OUT with the animation's name before its suffix."""
    force: Flag = False
    """Replace an existing file."""
    reading: Source = AS_IT_IS


def run(argv: list[str]) -> int:
    """Parse ``argv``, convert, say what was written and what did not fit."""
    options = parse(Options, argv, "convert")
    _check(options)
    if options.all_animations:
        return _each_animation(options)
    return _convert(options)


def _convert(options: Options) -> int:
    from kinescale.formats import write_motion
    from kinescale.pipelines.conversion import fitted

    writing = _format_options(options)
    motion = read_clip(options.source, options.reading)
    made, notes = fitted(motion, options.out, skeleton=options.skeleton, fps=options.fps, writing=writing)
    write_motion(made, options.out, force=options.force, **writing)
    print(f"{options.out}: {len(made)} frames at {made.fps:g} fps, {len(made.skeleton)} joints")
    for line in [*notes, *_losses(motion, made)]:
        print(f"note: {line}")
    return 0


def _each_animation(options: Options) -> int:
    """Every animation of the source into a file of its own, OUT with the animation's name before its suffix."""
    from kinescale.formats.base import animations_of

    if options.reading.animation is not None:
        raise InputError("--animation names one, --all-animations asks for each; leave one of them out.")
    names = animations_of(options.source)
    if not names:
        raise InputError(f"{options.source}: holds no animations by name; leave --all-animations out.")
    if len(names) > MAX_ANIMATIONS:
        raise InputError(f"{options.source}: holds {len(names)} animations; expected at most {MAX_ANIMATIONS} at once.")
    places: list[Path] = []
    for name in names:
        stem = re.sub(r"[^\w.-]+", "_", name)[:MAX_STEM].strip("._") or "animation"
        place = options.out.with_name(f"{options.out.stem}-{stem}{options.out.suffix}")
        count = 2
        while place in places:
            place = options.out.with_name(f"{options.out.stem}-{stem}-{count}{options.out.suffix}")
            count += 1
        places.append(check_output(place, options.force))
    for number, place in enumerate(places):
        reading = replace(options.reading, animation=number)
        _convert(replace(options, out=place, reading=reading))
    return 0


def _check(options: Options) -> None:
    """What can be told before anything is read."""
    check_source(options.source, options.reading)
    check_output(options.out, options.force or options.all_animations)
    check_fps(options.fps)
    if options.skeleton is not None:
        Family("kinescale.skeletons", "skeleton").check(options.skeleton)
    if options.out.exists() and options.out.samefile(options.source):
        raise InputError(f"{options.out} is the source itself; name another file to write.")


def _format_options(options: Options) -> dict[str, Any]:
    """The options given for the new file's format, by the names the format has for them."""
    from kinescale.formats.base import options_of

    path = options.out
    known = options_of(path, "write")
    flag_of = {name: f"--{flag}" for flag, name in _WRITE_FLAGS.items()}
    listed = ", ".join(flag_of.get(name, f"--option {name}=...") for name in known) or "none"
    found: dict[str, Any] = {}
    for flag, name in _WRITE_FLAGS.items():
        value = getattr(options, flag)
        if value is None:
            continue
        if name not in known:
            raise InputError(f"{flag_of[name]} means nothing for {path.name}; its format takes: {listed}.")
        found[name] = meters(value, flag_of[name]) if name == _WRITE_FLAGS["unit"] else value
    return settings(options.option, known, found, ("--option", path.name, listed))


def _losses(source: Motion, made: Motion) -> list[str]:
    """What the conversion could not carry over, a line each."""
    lines = []
    dropped = source.meta.get("translation_dropped_m")
    if dropped:
        lines.append(f"joints other than the root moved by up to {float(dropped):.3f} m in the source; left out")
    if source.meta.get("scale_dropped") is True:
        lines.append("a scale that moves in the source was left out")
    if isinstance(source.meta.get("joints_left_out"), int) and source.meta["joints_left_out"]:
        lines.append(f"{source.meta['joints_left_out']} joints that stand apart from the body in the source left out")
    about = source.meta.get("amass")
    if isinstance(about, dict) and about.get("left_out"):
        lines.append(f"{about['left_out']} of the source left out")
    missing = sorted(set(source.skeleton.roles) - set(made.skeleton.roles))
    if missing:
        lines.append(f"the new skeleton has no joint for {', '.join(missing)}; their motion is left out")
    return lines
