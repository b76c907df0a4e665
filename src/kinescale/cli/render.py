"""Draw motions: a sheet of poses (.png), an animation (.gif) or a page to turn them around in (.html)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from kinescale.cli._options import Flag, check_input, parse
from kinescale.core.errors import InputError
from kinescale.core.files import refuse_overwrite


@dataclass(frozen=True)
class Options:
    """Draw motion files into one picture; its suffix chooses the kind: .png, .gif or .html.

    A motion is titled by its prompt where the file carries one, else by the file's name.
    """

    files: tyro.conf.Positional[tuple[Path, ...]]
    """One motion file or several (.bvh, .amc, .npz), then the picture to write."""
    poses: int = 10
    """Stick figures along the time axis of a .png."""
    fps: float | None = None
    """Frames a second of a .gif; 20 when not given."""
    force: Flag = False
    """Replace an existing file."""


def run(argv: list[str]) -> int:
    """Parse ``argv``, read the motions, draw them, say what was written."""
    options = parse(Options, argv, "render")
    if len(options.files) < 2:
        raise InputError("render needs a motion file or several, then the picture to write: walk.bvh walk.png.")
    *inputs, out = options.files
    _check_output(out, options.force)
    for path in inputs:
        check_input(path)

    from kinescale.formats import read_motion
    from kinescale.render.base import MAX_MOTIONS, render
    from kinescale.render.base import Options as Choices

    Choices(poses=options.poses, fps=options.fps)
    if len(inputs) > MAX_MOTIONS:
        raise InputError(f"{len(inputs)} motions in one picture; expected at most {MAX_MOTIONS}.")
    motions = [read_motion(path) for path in inputs]
    titles = [str(motion.meta.get("prompt") or path.stem) for motion, path in zip(motions, inputs, strict=True)]
    render(motions, out, titles=titles, poses=options.poses, fps=options.fps)
    count = f"{len(motions)} motions" if len(motions) > 1 else f"{motions[0].duration_s:.2f} s of motion"
    print(f"{out}: {count}, {out.stat().st_size / 1024:.0f} KiB")
    return 0


def _check_output(out: Path, force: bool) -> None:
    # Only the suffix look-up of the render room is imported: a typing slip should not wait for torch.
    from kinescale.render import output_for

    output_for(out)
    if not out.parent.is_dir():
        raise InputError(f"cannot write {out}: the folder {out.parent} does not exist; make it first.")
    refuse_overwrite(out, force)
