"""Convert a motion file to another format, frame rate or skeleton."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from kinescale.cli._options import (
    Flag,
    MaybeFloat,
    MaybePath,
    MaybeText,
    check_fps,
    check_input,
    check_output,
    parse,
)
from kinescale.core.errors import InputError
from kinescale.core.family import Family

if TYPE_CHECKING:
    from kinescale.motion import Motion


@dataclass(frozen=True)
class Options:
    """Read a motion and write it elsewhere; suffixes choose the formats. What is lost on the way is named."""

    source: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="IN")]]
    """Motion file to read: .bvh, .amc (with its .asf beside it) or .npz."""
    out: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="OUT")]]
    """File to write: .bvh or .npz."""
    fps: MaybeFloat = None
    """Frames a second of the new file; as the source when not given."""
    skeleton: MaybeText = None
    """Put the motion on this skeleton, such as humanml22."""
    source_fps: MaybeFloat = None
    """Frames a second of an .amc file, which does not say: 120 when not given."""
    asf: MaybePath = None
    """Skeleton of an .amc file, when it does not lie beside it."""
    force: Flag = False
    """Replace an existing file."""


def run(argv: list[str]) -> int:
    """Parse ``argv``, convert, say what was written and what did not fit."""
    options = parse(Options, argv, "convert")
    check_input(options.source)
    check_output(options.out, options.force)
    check_fps(options.fps)
    check_fps(options.source_fps)
    if options.skeleton is not None:
        Family("kinescale.skeletons", "skeleton").check(options.skeleton)
    if options.out.exists() and options.out.samefile(options.source):
        raise InputError(f"{options.out} is the source itself; name another file to write.")

    from kinescale import skeletons
    from kinescale.formats import read_motion, write_motion
    from kinescale.motion.resample import resample
    from kinescale.motion.retarget import retarget

    given = {"asf": options.asf, "fps": options.source_fps}
    motion = read_motion(options.source, **{name: value for name, value in given.items() if value is not None})
    made = motion
    if options.skeleton is not None:
        made = retarget(made, skeletons.get(options.skeleton))
    if options.fps is not None:
        made = resample(made, options.fps)
    write_motion(made, options.out, force=options.force)
    print(f"{options.out}: {len(made)} frames at {made.fps:g} fps, {len(made.skeleton)} joints")
    for line in _losses(motion, made, options.out):
        print(f"note: {line}")
    return 0


def _losses(source: Motion, made: Motion, out: Path) -> list[str]:
    """What the conversion could not carry over, a line each."""
    lines = []
    dropped = source.meta.get("translation_dropped_m")
    if dropped:
        lines.append(f"joints other than the root moved by up to {float(dropped):.3f} m in the source; left out")
    missing = sorted(set(source.skeleton.roles) - set(made.skeleton.roles))
    if missing:
        lines.append(f"the new skeleton has no joint for {', '.join(missing)}; their motion is left out")
    return lines
