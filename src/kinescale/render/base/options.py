"""Options of rendering, importable without torch and matplotlib."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from kinescale.core.errors import InputError

MAX_MOTIONS = 16
MAX_POSES = 40
FPS_RANGE = (1.0, 120.0)
HEIGHT_RANGE = (240, 2160)

Camera = Literal["follow", "still"]


@dataclass(frozen=True)
class Options:
    """Options of rendering; each output uses those that apply to it.

    Parameters
    ----------
    poses : stick figures along the time axis of a sheet.
    fps : frames per second of an animation; ``None``: the output's own choice.
    camera : of an animation: "follow" moves with the body, "still" shows the whole path.
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
            raise InputError(f"{self.fps} frames per second in a picture; expected {low:g} to {high:g}.")
        if self.camera not in get_args(Camera):
            raise InputError(f"the camera is '{self.camera}'; expected one of {', '.join(get_args(Camera))}.")
        least, most = HEIGHT_RANGE
        if not least <= self.height <= most:
            raise InputError(f"{self.height} pixels of height; expected {least} to {most}.")
