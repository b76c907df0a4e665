"""Draw motions: a sheet of poses (.png), an animation (.gif, .mp4) or a page to turn them around in (.html)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from kinescale.cli.base.device import Device, check_device, pick_device
from kinescale.cli.base.options import Flag, MaybeFloat, Out, parse
from kinescale.cli.base.pictures import check_picture, prefix_stages
from kinescale.cli.base.reading import AS_IT_IS, Source, check_source, read_clip
from kinescale.core.errors import InputError

if TYPE_CHECKING:
    from kinescale.motion import Motion
    from kinescale.render import Stages

EXAMPLES = (
    "kinescale render walk.bvh -o walk.png",
    "kinescale render walk-0.bvh walk-1.bvh -o side-by-side.html",
    "kinescale render walk.bvh -o walk.html --scales",
)


@dataclass(frozen=True)
class Options:
    """Draw motion files into one picture; its suffix chooses the kind: .png, .gif, .mp4 or .html.

    A motion is titled by its prompt where the file carries one, else by the file's name.
    """

    files: tyro.conf.Positional[tuple[Path, ...]]
    """One motion file or several."""
    out: Out
    """Picture to write; its suffix chooses the kind."""
    poses: int = 10
    """Figures along the time axis of a .png."""
    fps: MaybeFloat = None
    """Frames a second of a .gif or .mp4; when not given, 20 and the motion's own."""
    camera: Literal["follow", "still"] = "follow"
    """Of a .gif or .mp4: go along with the body, or stand where the whole path is seen."""
    height: int = 720
    """Pixels of an .mp4's height."""
    scales: Flag = False
    """Show each motion coarse to fine: what the coarsest of a bundle's scales keeps of it, the coarsest two ..."""
    bundle: str = "default"
    """Trained system whose scales are shown: a bundle's or a training run's folder, or the one that comes along."""
    device: Device = "cpu"
    force: Flag = False
    """Replace an existing file."""
    reading: Source = AS_IT_IS


def run(argv: list[str]) -> int:
    """Parse ``argv``, read the motions, draw them, say what was written."""
    options = parse(Options, argv, "render")
    if not options.files:
        raise InputError("render needs a motion file or several: kinescale render walk.bvh -o walk.png.")
    inputs, out = options.files, options.out
    check_picture(out, options.force)
    for path in inputs:
        check_source(path, options.reading)
    if options.scales:
        from kinescale.bundle import read_manifest, resolve

        check_device(options.device)
        read_manifest(resolve(options.bundle))

    from kinescale.motion.titles import titles
    from kinescale.render.base import MAX_MOTIONS, render
    from kinescale.render.base import Options as Choices

    choices = Choices(poses=options.poses, fps=options.fps, camera=options.camera, height=options.height)
    if len(inputs) > MAX_MOTIONS:
        raise InputError(f"{len(inputs)} motions in one picture; expected at most {MAX_MOTIONS}.")
    motions = [read_clip(path, options.reading) for path in inputs]
    named = titles(motions, [path.stem for path in inputs])
    render(_staged(motions, options), out, titles=named, options=choices)
    count = f"{len(motions)} motions" if len(motions) > 1 else f"{motions[0].duration_s:.2f} s of motion"
    print(f"{out}: {count}, {out.stat().st_size / 1024:.0f} KiB")
    return 0


def _staged(motions: list[Motion], options: Options) -> list[Motion | Stages]:
    if not options.scales:
        return [*motions]
    from kinescale.bundle import Bundle

    bundle = Bundle.from_pretrained(options.bundle, device=pick_device(options.device))
    return [prefix_stages(bundle, motion) for motion in motions]
