"""``render``: one or several motions to a picture, animation, video or page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kinescale.core.errors import InputError
from kinescale.core.family import Family
from kinescale.core.files import atomic_write_bytes
from kinescale.motion import Motion
from kinescale.render.base.options import MAX_MOTIONS, Options
from kinescale.render.base.scene import Scene, Stages, scene
from kinescale.render.base.suffix import output_for


def render(
    motions: Motion | Stages | Sequence[Motion | Stages],
    path: str | Path,
    *,
    titles: Sequence[str] | None = None,
    options: Options | None = None,
    poses: int = 10,
    fps: int | float | None = None,
) -> Path:
    """Render one or several motions to ``path``, whose suffix chooses the output.

    ``Stages`` are a motion's stages from coarse to fine. A motion's title is its entry of ``titles``, else
    ``meta["prompt"]``, else the skeleton's name. ``options`` replaces ``poses`` and ``fps``. The file is written
    atomically; an existing one is replaced. Raises ``InputError`` for an unknown suffix, no motions or more than
    ``MAX_MOTIONS``, for titles that do not match them, for options out of range, and for a place that cannot be
    written; ``MissingDependencyError`` where an output's dependency is not installed.

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
    """One scene per stage, titled with its label."""
    if not each.stages:
        return [each]
    return [replace(stage, title=f"{label}: {each.title}", stages=()) for label, stage in each.stages]
