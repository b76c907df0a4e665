"""Constraints on a motion: joint positions, whole poses, a path over the ground, a facing; and their JSON format.

The file is JSON::

    {"at": "world",
     "constraints": [
       {"joint": "right_wrist", "frame": 40, "position": [0.3, 1.4, null]},
       {"joint": "head", "seconds": [1, 2], "positions": [[0, 1.6, 0], [0, 1.2, 0.5]]},
       {"pose": "bow.bvh", "pose_frame": 12, "frame": 60, "parts": "upper_body", "place": "free"},
       {"path": [[0, 0], [1, 2], [0, 4]], "frames": [0, 119], "facing": "along"},
       {"facing": 90, "frame": 100}
     ]}

The kind of an entry is its first key. When: ``frame``, or ``frames`` (first and last, both held), or
``second``, or ``seconds``. Meters, Y up; ``null`` leaves a coordinate free. Facings are degrees about the vertical: 0
is +Z, 90 is +X. ``at``: coordinates are the world's, or with "start" relative to where the clip's hips are on the
ground in its first frame and where it faces there (+Z ahead, +X left).

* ``joint`` (a role, or the clip's own name of a joint): ``position``, held over all frames, or ``positions``, the first
  in the first frame and the last in the last one, those between evenly spread and joined by straight lines.
* ``pose`` (a motion file beside the JSON; ``pose_frame`` of it, 0 when not given): all joints, or those of ``parts``,
  in that frame. ``place``: "free" is as the pose lies about its own hips and facing, "world" is where it stands.
* ``path``: points [x, z] for the hips, or the name of a CSV file of such rows, with a smooth line through them
  (``line``: "straight" has corners), gone along at an even pace (``pace``: "points" gives each piece between two points
  the same time). ``facing``: "along" the path, an angle, a list of angles evenly spread over the frames, or ``null``.
* ``facing`` without a path: an angle, or a list of angles.

Every entry may have ``weight`` (1; what counts more where not all can be had) and ``tolerance`` (meters, 0.01; what is
within counts as met).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from kinescale.core.conventions import MAX_FRAMES
from kinescale.core.errors import InputError
from kinescale.core.records import read_json
from kinescale.motion.motion import Motion
from kinescale.rigging.body_parts import part_names

TOLERANCE_M = 0.01
"""Meters within which a joint is where it should be."""

FACING_TOLERANCE_DEG = 10.0
"""Degrees within which a body faces where it should; hips and shoulders of a walker sway by about as much."""

MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_ENTRIES = 2000
MAX_REACH_M = 1000.0


@dataclass(frozen=True, eq=False)
class Constraint:
    """Base of the constraints: name for messages, frames (ascending), weight and tolerance (meters)."""

    name: str
    frames: tuple[int, ...]
    weight: float = 1.0
    tolerance_m: float = TOLERANCE_M

    def __post_init__(self) -> None:
        if not self.frames or self.frames[0] < 0 or list(self.frames) != sorted(set(self.frames)):
            raise InputError(f"{self.name}: its frames are {self.frames[:4]}; expected ascending numbers from 0.")
        if not 0 < self.weight <= 1000 or not 0 < self.tolerance_m <= MAX_REACH_M:
            raise InputError(f"{self.name}: weight {self.weight} and tolerance {self.tolerance_m}; expected above 0.")


@dataclass(frozen=True, eq=False)
class JointPin(Constraint):
    """The position of a joint (role, or the clip's own name) in each frame; NaN is a free coordinate."""

    joint: str = ""
    positions: Float64[np.ndarray, "N 3"] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        _rows(self.name, self.positions, len(self.frames), 3, free=True)


@dataclass(frozen=True, eq=False)
class PosePin(Constraint):
    """All joints (or those of ``parts``) as in a motion's first frame; ``world``: also where that stands."""

    pose: Motion = None  # type: ignore[assignment]
    parts: tuple[str, ...] = ()
    world: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.pose, Motion):
            raise InputError(f"{self.name}: the pose is no motion; read one with read_motion.")
        object.__setattr__(self, "parts", part_names(self.parts))


@dataclass(frozen=True, eq=False)
class PathPin(Constraint):
    """The hips over a point [x, z] of the ground in each frame, and optionally the facing (radians)."""

    points: Float64[np.ndarray, "N 2"] = None  # type: ignore[assignment]
    facing: Float64[np.ndarray, " N"] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _rows(self.name, self.points, len(self.frames), 2)
        if self.facing is not None:
            _rows(self.name, self.facing[:, None], len(self.frames), 1)


@dataclass(frozen=True, eq=False)
class FacingPin(Constraint):
    """Where the body faces in each frame, radians about the vertical (0 = +Z, positive to its left)."""

    facing: Float64[np.ndarray, " N"] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        _rows(self.name, self.facing[:, None], len(self.frames), 1)


@dataclass(frozen=True)
class Constraints:
    """Constraints on one clip, and what their coordinates are relative to: the world, or the clip's start.

    Example
    -------
    >>> from kinescale import Constraints
    >>> wanted = {"constraints": [{"joint": "head", "frame": 10, "position": [None, 1.2, None]}]}
    >>> Constraints.parse(wanted, fps=20.0, frames=40).last_frame
    10
    """

    entries: tuple[Constraint, ...]
    at: Literal["world", "start"] = "world"

    def __post_init__(self) -> None:
        if not 1 <= len(self.entries) <= MAX_ENTRIES:
            raise InputError(f"{len(self.entries)} constraints; expected 1 to {MAX_ENTRIES}.")
        total = sum(len(entry.frames) for entry in self.entries)
        if total > MAX_FRAMES:
            raise InputError(f"the constraints are about {total} frames together; expected at most {MAX_FRAMES}.")
        if self.at not in ("world", "start"):
            raise InputError(f"the constraints are at '{self.at}'; expected 'world' or 'start'.")

    @classmethod
    def parse(cls, data: Any, fps: float | int, frames: int) -> Constraints:
        """Constraints from their JSON value, for a clip of ``frames`` frames at ``fps``."""
        return parse_constraints(data, fps, frames)

    @property
    def last_frame(self) -> int:
        """The last frame with a constraint."""
        return max(entry.frames[-1] for entry in self.entries)

    def check_frames(self, first: int, stop: int) -> Constraints:
        """Themselves; ``InputError`` when one has a frame that is not in ``first`` to ``stop - 1``."""
        for entry in self.entries:
            for frame in (entry.frames[0], entry.frames[-1]):
                if not first <= frame < stop:
                    raise InputError(
                        f"{entry.name}: frame {frame} is not among the frames {first}:{stop} that can be changed."
                    )
        return self


def read_constraints(path: str | Path, fps: float, frames: int) -> Constraints:
    """The constraints in a JSON file, for a clip of ``frames`` frames at ``fps``.

    Raises ``InputError``, one sentence that names the entry, for anything that is not as the module's docstring says;
    ``FormatError`` for a pose file that cannot be read.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size > MAX_FILE_BYTES:
        raise InputError(f"{path}: more than the {MAX_FILE_BYTES} bytes allowed.")
    return parse_constraints(read_json(path, error=InputError), fps, frames, folder=path.parent, where=str(path))


def parse_constraints(
    data: Any, fps: float, frames: int, *, folder: str | Path | None = ".", where: str = "the constraints"
) -> Constraints:
    """As ``read_constraints``, of the JSON's value; files in it are looked up in ``folder``, or refused for ``None``.

    A ``pose`` may be a ``Motion`` in place of a file's name.
    """
    from kinescale.pipelines.control.parse import Reader

    return Reader(fps, frames, None if folder is None else Path(folder), where).read(data)


def _rows(name: str, values: Any, count: int, width: int, *, free: bool = False) -> None:
    """``InputError`` unless these are ``count`` rows of so many finite numbers (NaN where ``free``)."""
    if not isinstance(values, np.ndarray) or values.shape != (count, width):
        got = values.shape if isinstance(values, np.ndarray) else type(values).__name__
        raise InputError(f"{name}: values {got} for {count} frames; expected [{count}, {width}].")
    known = values[~np.isnan(values)] if free else values
    if not np.isfinite(known).all() or (known.size and np.abs(known).max() > MAX_REACH_M):
        raise InputError(f"{name}: holds a number that is not finite or beyond {MAX_REACH_M:g}.")
    if free and not known.size:
        raise InputError(f"{name}: all coordinates are free; give at least one.")
