"""The render contract: an output declares ``SUFFIXES`` and turns scenes into a file's bytes.

An output is a file of this package with

* ``SUFFIXES``: a literal tuple of the suffixes it writes, such as ``(".png",)``;
* ``encode(scenes, options) -> bytes``: the whole file. Equal scenes and options give equal bytes;
* ``SHOWS_STAGES = True`` where it shows a scene's stages itself; others get a scene a stage;
* ``check(scenes, options)``, optional: raises for what it cannot draw, before anything is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from kinescale.core.errors import InputError
from kinescale.core.family import Family
from kinescale.core.files import atomic_write_bytes
from kinescale.motion import Motion
from kinescale.render.base.scene import Scene, Stages, scene
from kinescale.render.base.suffix import output_for

MAX_MOTIONS = 16
MAX_POSES = 40
FPS_RANGE = (1.0, 120.0)
HEIGHT_RANGE = (240, 2160)

Camera = Literal["follow", "still"]


@dataclass(frozen=True)
class Options:
    """What a caller may choose. Each output reads what concerns it.

    Parameters
    ----------
    poses : stick figures along the time axis of a sheet.
    fps : frames a second of an animation; ``None``: the output's own choice.
    camera : of an animation: "follow" goes along with the body, "still" stands where it sees the whole path.
    height : pixels of a video's height.

    Raises ``InputError`` for values out of range.
    """

    poses: int = 10
    fps: int | float | None = None
    camera: Camera = "follow"
    height: int = 720

    def __post_init__(self) -> None:
        if not 1 <= self.poses <= MAX_POSES:
            raise InputError(f"{self.poses} poses; expected 1 to {MAX_POSES}.")
        low, high = FPS_RANGE
        if self.fps is not None and not low <= self.fps <= high:
            raise InputError(f"{self.fps} frames a second in a picture; expected {low:g} to {high:g}.")
        if self.camera not in get_args(Camera):
            raise InputError(f"the camera is '{self.camera}'; expected one of {', '.join(get_args(Camera))}.")
        least, most = HEIGHT_RANGE
        if not least <= self.height <= most:
            raise InputError(f"{self.height} pixels of height; expected {least} to {most}.")


def render(
    motions: Motion | Stages | Sequence[Motion | Stages],
    path: str | Path,
    *,
    titles: Sequence[str] | None = None,
    options: Options | None = None,
    poses: int = 10,
    fps: int | float | None = None,
) -> Path:
    """Draw one motion or several into the file ``path``; its suffix chooses the output.

    ``Stages`` are a motion on its way from coarse to fine. A motion's title is its entry of ``titles``, else
    ``meta["prompt"]``, else the skeleton's name. ``options`` goes before ``poses`` and ``fps``, which are short for
    it. The file is whole or absent, and an existing one is replaced. Raises ``InputError`` for an unknown suffix, no
    motions or more than ``MAX_MOTIONS``, for titles that do not match them, for options out of range, and for
    a place that cannot be written; ``MissingDependencyError`` where an output needs what is not installed.

    Example
    -------
    >>> from kinescale import TextToMotion, render_motion
    >>> motion = TextToMotion.from_pretrained()("a person walks", seconds=1.0).motions[0]
    >>> render_motion(motion, "walk.html").name
    'walk.html'
    """
    name = output_for(path)
    options = options or Options(poses=poses, fps=fps)
    several = [motions] if isinstance(motions, Motion | Stages) else list(motions)
    if titles is not None and len(titles) != len(several):
        raise InputError(f"{len(titles)} titles for {len(several)} motions; expected one each.")
    output = Family("kinescale.render", "picture").load(name)
    unrolled = not getattr(output, "SHOWS_STAGES", False)
    count = sum(len(m.motions) if unrolled and isinstance(m, Stages) else 1 for m in several)
    if not 1 <= count <= MAX_MOTIONS:
        raise InputError(f"{count} motions in one picture; expected 1 to {MAX_MOTIONS}.")
    scenes = [scene(motion, None if titles is None else titles[i]) for i, motion in enumerate(several)]
    if unrolled:
        scenes = [one for each in scenes for one in _unrolled(each)]
    if hasattr(output, "check"):
        output.check(scenes, options)
    data = output.encode(scenes, options)
    try:
        atomic_write_bytes(path, data)
    except OSError as problem:
        raise InputError(f"cannot write {path} ({problem.strerror or problem}); choose another place.") from None
    return Path(path)


def _unrolled(each: Scene) -> list[Scene]:
    """A scene for every stage, its label before its title."""
    if not each.stages:
        return [each]
    return [replace(stage, title=f"{label}: {each.title}", stages=()) for label, stage in each.stages]
