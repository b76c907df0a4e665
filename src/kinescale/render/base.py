"""The render contract: an output declares ``SUFFIXES`` and turns scenes into a file's bytes.

An output is a file of this package with

* ``SUFFIXES``: a literal tuple of the suffixes it writes, such as ``(".png",)``;
* ``encode(scenes, options) -> bytes``: the whole file. Equal scenes and options give equal bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kinescale.core.errors import InputError
from kinescale.core.family import Family
from kinescale.core.files import atomic_write_bytes
from kinescale.motion import Motion
from kinescale.render._scene import scene
from kinescale.render._suffix import output_for

MAX_MOTIONS = 16
MAX_POSES = 40
FPS_RANGE = (1.0, 50.0)


@dataclass(frozen=True)
class Options:
    """What a caller may choose. Each output reads what concerns it.

    Parameters
    ----------
    poses : stick figures along the time axis of a sheet.
    fps : frames a second of an animation; ``None``: the output's own choice.

    Raises ``InputError`` for values out of range.
    """

    poses: int = 10
    fps: int | float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.poses <= MAX_POSES:
            raise InputError(f"{self.poses} poses; expected 1 to {MAX_POSES}.")
        low, high = FPS_RANGE
        if self.fps is not None and not low <= self.fps <= high:
            raise InputError(f"{self.fps} frames a second in a picture; expected {low:g} to {high:g}.")


def render(
    motions: Motion | Sequence[Motion],
    path: str | Path,
    *,
    titles: Sequence[str] | None = None,
    poses: int = 10,
    fps: int | float | None = None,
) -> Path:
    """Draw one motion or several into the file ``path``; its suffix chooses the output.

    A motion's title is its entry of ``titles``, else ``meta["prompt"]``, else the skeleton's name. The file
    is whole or absent, and an existing one is replaced. Raises ``InputError`` for an unknown suffix, for no
    motions or more than ``MAX_MOTIONS``, for titles that do not match them, for options out of range, and for
    a place that cannot be written.
    """
    name = output_for(path)
    options = Options(poses=poses, fps=fps)
    several = [motions] if isinstance(motions, Motion) else list(motions)
    if not 1 <= len(several) <= MAX_MOTIONS:
        raise InputError(f"{len(several)} motions in one picture; expected 1 to {MAX_MOTIONS}.")
    if titles is not None and len(titles) != len(several):
        raise InputError(f"{len(titles)} titles for {len(several)} motions; expected one each.")
    scenes = [scene(motion, None if titles is None else titles[i]) for i, motion in enumerate(several)]
    encode = Family("kinescale.render", "picture").get(name, "encode")
    data = encode(scenes, options)
    try:
        atomic_write_bytes(path, data)
    except OSError as problem:
        raise InputError(f"cannot write {path} ({problem.strerror or problem}); choose another place.") from None
    return Path(path)
