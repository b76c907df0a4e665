"""Parser of the JSON of constraints: every error is one sentence that names the entry."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from kinescale.core.errors import InputError
from kinescale.core.files import read_text_bounded
from kinescale.motion.motion import Motion
from kinescale.pipelines.control.constraints import (
    MAX_ENTRIES,
    MAX_FILE_BYTES,
    MAX_REACH_M,
    TOLERANCE_M,
    Constraint,
    Constraints,
    FacingPin,
    JointPin,
    PathPin,
    PosePin,
)
from kinescale.pipelines.control.path import along, bearings
from kinescale.rigging.body_parts import part_names

WHEN = ("frame", "frames", "second", "seconds")
SHARED = {*WHEN, "weight", "tolerance"}
KINDS = {
    "joint": {"joint", "position", "positions"},
    "pose": {"pose", "pose_frame", "parts", "place"},
    "path": {"path", "facing", "line", "pace"},
    "facing": {"facing"},
}
"""What an entry is about -> the keys that it may have besides the shared ones."""

MAX_POINTS = 200_000
MAX_TEXT = 4096
BEARING_S = 0.2
"""Seconds each way over which a path's direction is taken."""


class Reader:
    """Reads the constraints for one clip."""

    def __init__(self, fps: float, frames: int, folder: Path | None, where: str):
        self.fps, self.frames, self.folder, self.where = fps, frames, folder, where
        self.entry = where
        self.poses: dict[Path, Motion] = {}

    def read(self, data: Any) -> Constraints:
        """All of the file."""
        if not isinstance(data, dict) or not isinstance(data.get("constraints"), list):
            raise self._wrong(f'is {_shown(data)}; expected {{"constraints": [...]}}')
        self._keys(data, {"constraints", "at"})
        at = data.get("at", "world")
        if at not in ("world", "start"):
            raise self._wrong(f"'at' is {_shown(at)}; expected 'world' or 'start'")
        entries = data["constraints"]
        if not 1 <= len(entries) <= MAX_ENTRIES:
            raise self._wrong(f"it has {len(entries)} constraints; expected 1 to {MAX_ENTRIES}")
        return Constraints(tuple(self._entry(i, entry) for i, entry in enumerate(entries, start=1)), at)

    def _entry(self, number: int, entry: Any) -> Constraint:
        self.entry = f"{self.where}: constraint {number}"
        if not isinstance(entry, dict):
            raise self._wrong(f"is {_shown(entry)}; expected an object")
        kind = next((kind for kind in KINDS if kind in entry), None)
        if kind is None:
            raise self._wrong(f"has the keys {_shown(list(entry))}; expected one of {', '.join(KINDS)} among them")
        self._keys(entry, KINDS[kind] | SHARED)
        frames = self._when(entry)
        named = entry[kind] if isinstance(entry[kind], str) and kind in ("joint", "pose") else ""
        what = named[:60] or ("root path" if kind == "path" else kind)
        span = f"frame {frames[0]}" if len(frames) == 1 else f"frames {frames[0]}-{frames[-1]}"
        shared = {
            "name": f"constraint {number} ({what}, {span})",
            "frames": frames,
            "weight": self._number(entry.get("weight", 1.0), "weight", 1e-6, 1000),
            "tolerance_m": self._number(entry.get("tolerance", TOLERANCE_M), "tolerance", 1e-4, MAX_REACH_M),
        }
        return getattr(self, f"_{kind}")(entry, frames, shared)

    # The kinds

    def _joint(self, entry: dict[str, Any], frames: tuple[int, ...], shared: dict[str, Any]) -> JointPin:
        joint = self._text(entry["joint"], "joint")
        if ("position" in entry) == ("positions" in entry):
            raise self._wrong("needs 'position' or 'positions', and not both")
        given = [entry["position"]] if "position" in entry else entry["positions"]
        places = self._points(given, "positions" if "positions" in entry else "position", 3)
        if len(places) > len(frames):
            raise self._wrong(
                f"has {len(places)} positions for {_count(len(frames), 'frame')}; give at most one a frame"
            )
        return JointPin(**shared, joint=joint, positions=_spread(places, len(frames)))

    def _pose(self, entry: dict[str, Any], frames: tuple[int, ...], shared: dict[str, Any]) -> PosePin:
        given = entry["pose"]
        motion = given if isinstance(given, Motion) else self._motion(self._file(given, "pose"))
        index = entry.get("pose_frame", 0)
        if not _whole(index) or not 0 <= index < len(motion):
            raise self._wrong(f"'pose_frame' is {_shown(index)}; the pose has the frames 0 to {len(motion) - 1}")
        place = entry.get("place", "free")
        if place not in ("free", "world"):
            raise self._wrong(f"'place' is {_shown(place)}; expected 'free' or 'world'")
        parts = entry.get("parts", ())
        named = isinstance(parts, str) or (isinstance(parts, list) and all(isinstance(one, str) for one in parts))
        if not named and parts != ():
            raise self._wrong(f"'parts' is {_shown(parts)}; expected names, as 'upper_body'")
        try:
            names = part_names(parts)
        except InputError as problem:
            raise self._wrong(str(problem).rstrip(".")) from None
        return PosePin(**shared, pose=motion.slice(index, index + 1), parts=names, world=place == "world")

    def _path(self, entry: dict[str, Any], frames: tuple[int, ...], shared: dict[str, Any]) -> PathPin:
        given = self._rows(entry["path"]) if isinstance(entry["path"], str) else entry["path"]
        points = self._points(given, "path", 2)
        for key, known in (("line", ("smooth", "straight")), ("pace", ("even", "points"))):
            if entry.get(key, known[0]) not in known:
                raise self._wrong(f"'{key}' is {_shown(entry[key])}; expected {' or '.join(map(repr, known))}")
        smooth, even = entry.get("line") != "straight", entry.get("pace") != "points"
        places = along(points, len(frames), smooth=smooth, even=even)
        facing = entry.get("facing")
        if facing == "along":
            angles = bearings(places, max(1, round(BEARING_S * self.fps)))
        else:
            angles = None if facing is None else self._angles(facing, len(frames), "an angle, a list of them, 'along'")
        return PathPin(**shared, points=places, facing=angles)

    def _facing(self, entry: dict[str, Any], frames: tuple[int, ...], shared: dict[str, Any]) -> FacingPin:
        return FacingPin(**shared, facing=self._angles(entry["facing"], len(frames), "an angle or a list of them"))

    # What they are made of

    def _when(self, entry: dict[str, Any]) -> tuple[int, ...]:
        named = [key for key in WHEN if key in entry]
        if len(named) != 1:
            raise self._wrong(f"names {', '.join(named) or 'no time'}; expected one of {', '.join(WHEN)}")
        key, value = named[0], entry[named[0]]
        pair = value if key in ("frames", "seconds") else [value, value]
        if not isinstance(pair, list) or len(pair) != 2:
            raise self._wrong(f"'{key}' is {_shown(value)}; expected the first and the last, as [30, 50]")
        if key in ("frame", "frames"):
            if not all(_whole(one) for one in pair):
                raise self._wrong(f"'{key}' is {_shown(value)}; expected whole numbers from 0")
            first, last = (int(one) for one in pair)
        else:
            first, last = (round(self._number(one, key, 0, 1e6) * self.fps) for one in pair)
            # the clip's own length names its end
            first, last = (one - 1 if one == self.frames else one for one in (first, last))
        for one in (first, last):
            if not 0 <= one < self.frames:
                raise self._wrong(f"frame {one} is outside the clip, which has the frames 0 to {self.frames - 1}")
        if last < first:
            raise self._wrong(f"ends at frame {last}, before it begins at frame {first}; swap them")
        return tuple(range(first, last + 1))

    def _points(self, given: Any, key: str, width: int) -> np.ndarray:
        if not isinstance(given, list) or not 1 <= len(given) <= MAX_POINTS:
            raise self._wrong(f"'{key}' is {_shown(given)}; expected a list of places")
        rows = []
        for row in given:
            if not isinstance(row, list) or len(row) != width:
                form = "[x, y, z], null for a free one" if width == 3 else "[x, z]"
                raise self._wrong(f"'{key}' holds {_shown(row)}; expected {form}")
            # only a place in space has free coordinates
            numbers = [
                math.nan if one is None and width == 3 else self._number(one, key, -MAX_REACH_M, MAX_REACH_M)
                for one in row
            ]
            rows.append(numbers)
        found = np.array(rows, dtype=np.float64)
        free = np.isnan(found)
        if free.all(axis=1).any():
            raise self._wrong(f"'{key}' leaves every coordinate free; give at least one number")
        if (free != free[0]).any():
            raise self._wrong(f"'{key}' leaves other coordinates free in other rows; leave the same free in all")
        return found

    def _angles(self, given: Any, frames: int, expected: str) -> np.ndarray:
        angles = given if isinstance(given, list) else [given]
        if not 1 <= len(angles) <= frames or not all(_is_number(one) for one in angles):
            raise self._wrong(
                f"'facing' is {_shown(given)}; expected {expected} (degrees, at most one a frame, or null for none)"
            )
        radians = np.radians([self._number(one, "facing", -36000, 36000) for one in angles])
        return _spread(radians[:, None], frames)[:, 0]

    def _rows(self, name: str) -> list[list[float]]:
        """The numbers of a CSV file of x and z; a first row of names is passed over."""
        path = self._file(name, "path")
        rows: list[list[float]] = []
        try:
            for line, row in enumerate(csv.reader(io.StringIO(read_text_bounded(path, MAX_FILE_BYTES))), start=1):
                cells = [cell.strip() for cell in row if cell.strip()]
                try:
                    numbers = [float(cell) for cell in cells]
                except ValueError:
                    if line == 1:
                        continue
                    raise self._wrong(f"{path.name}, line {line}: holds {_shown(cells)}; expected x,z") from None
                if numbers and (len(numbers) != 2 or not all(map(math.isfinite, numbers))):
                    raise self._wrong(f"{path.name}, line {line}: holds {_shown(cells)}; expected x,z")
                if numbers:
                    rows.append(numbers)
        except csv.Error as problem:
            raise self._wrong(f"{path.name}: is no CSV ({problem})") from None
        if not rows:
            raise self._wrong(f"{path.name}: holds no rows; expected x,z in each")
        return rows

    def _motion(self, path: Path) -> Motion:
        if path not in self.poses:
            from kinescale.formats import read_motion

            self.poses[path] = read_motion(path)
        return self.poses[path]

    def _file(self, given: Any, key: str) -> Path:
        name = self._text(given, key)
        if self.folder is None:
            raise self._wrong(f"'{key}' names {_shown(given)}; no file is read here, give the {key} itself")
        path = self.folder / name
        try:
            there = path.is_file()
        except (OSError, ValueError):
            there = False
        if not there:
            raise self._wrong(f"'{key}' names {_shown(given)}; there is no such file beside the JSON")
        return path

    def _text(self, value: Any, key: str) -> str:
        if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_TEXT:
            raise self._wrong(f"'{key}' is {_shown(value)}; expected a name")
        return value.strip()

    def _number(self, value: Any, key: str, low: float | int, high: float | int) -> float:
        if not _is_number(value) or not low <= value <= high:
            raise self._wrong(f"'{key}' holds {_shown(value)}; expected a number from {low:g} to {high:g}")
        return float(value)

    def _keys(self, entry: dict[str, Any], known: set[str]) -> None:
        for key in entry:
            if key not in known:
                raise self._wrong(f"has the unknown key {_shown(key)}; known here: {', '.join(sorted(known))}")

    def _wrong(self, message: str) -> InputError:
        return InputError(f"{self.entry}: {message}.")


def _spread(rows: np.ndarray, frames: int) -> np.ndarray:
    """Rows evenly over so many frames, on straight lines between them."""
    if len(rows) == 1:
        return np.repeat(rows, frames, axis=0)
    share, place = np.linspace(0, 1, frames), np.linspace(0, 1, len(rows))
    return np.stack([np.interp(share, place, column) for column in rows.T], axis=1)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # a whole number of any size is JSON; as a float it may not be finite
    return abs(value) <= 1e300


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
