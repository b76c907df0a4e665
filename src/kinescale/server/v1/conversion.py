"""Conversion under ``/v1``: uploaded files to motions, motions to files of any format, and to other skeletons.

An upload is written to a temporary folder under a name of our own: nothing of a request becomes a path.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kinescale.core.files import read_bytes_bounded
from kinescale.formats import read_motion, write_motion
from kinescale.formats.base import animations_of, options_of, suffixes
from kinescale.io.scratch import scratch_folder
from kinescale.motion.motion import Motion
from kinescale.motion.resample import resample
from kinescale.motion.retarget import retarget
from kinescale.pipelines.conversion import fitted
from kinescale.render import render
from kinescale.render import suffixes as pictures
from kinescale.rigging import Override, examine, override
from kinescale.server.errors import ApiError
from kinescale.server.jobs import Context, Payload, Task, json_bytes
from kinescale.server.motion_json import joined_object, motion_json
from kinescale.skeletons.base import Skeleton

MAX_ANSWER_BYTES = 256 * 1024 * 1024
MAX_POSES = 16
JSON = "json"
"""The value of ``to`` for a motion as JSON; formats have a dot."""

MEDIA = {
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".html": "text/html; charset=utf-8",
    ".mp4": "video/mp4",
    ".png": "image/png",
    ".gif": "image/gif",
    ".csv": "text/csv; charset=utf-8",
    ".bvh": "text/plain; charset=utf-8",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Wanted:
    """What becomes of a motion: the kind of answer, another skeleton, another rate, roles as a person set them."""

    to: str = JSON
    skeleton: Skeleton | None = None
    fps: float | None = None
    roles: Mapping[str, str | None] | None = None

    def __post_init__(self) -> None:
        if self.to != JSON and self.to not in suffixes("write") and self.to not in pictures():
            known = ", ".join([JSON, *suffixes("write"), *sorted(pictures())])
            raise ApiError("invalid_options", f"there is no '{self.to[:20]}' to convert to; known: {known}.")


def upload_task(data: bytes, suffix: str, reading: Mapping[str, Any], wanted: Wanted, max_frames: int) -> Task:
    """The task of an uploaded file; ``ApiError`` for a suffix that is not read."""
    suffix = suffix.lower()
    if suffix not in suffixes("read"):
        listed = ", ".join(suffixes("read"))
        raise ApiError("invalid_options", f"'{suffix[:20]}' files are not read here; give suffix as one of {listed}.")
    if not data:
        raise ApiError("invalid_motion", "the file is empty.")

    def run(_context: Context) -> Payload:
        with scratch_folder() as folder:
            path = folder / f"upload{suffix}"
            path.write_bytes(data)
            try:
                known = options_of(path, "read")
                given = {name: value for name, value in reading.items() if value is not None}
                for name in given:
                    if name not in known:
                        raise ApiError("invalid_options", f"{suffix} files take no {name}.")
                motion, animations = read_motion(path, **given), animations_of(path)
            except Exception as problem:
                raise _without(folder, problem) from problem
        if len(motion) > max_frames:
            raise ApiError("invalid_options", f"the file has {len(motion)} frames; at most {max_frames} are taken.")
        return _answer(motion, wanted, animations)

    return Task("convert", 1.0 + len(data) / 1e6, run)


def motion_task(motion: Motion, wanted: Wanted) -> Task:
    """The task of a motion sent as JSON."""
    return Task("convert", 1.0 + len(motion) / 100, lambda _context: _answer(motion, wanted, ()))


def _without(folder: Path, problem: Exception) -> Exception:
    """The error without the temporary file's place."""
    said = str(problem).replace(f"{folder}/", "")
    if said == str(problem) or isinstance(problem, ApiError):
        return problem
    code = "invalid_motion" if not isinstance(problem, OSError) else "internal_error"
    return ApiError(code, said)


def _answer(motion: Motion, wanted: Wanted, animations: Any) -> Payload:
    if wanted.roles is not None:
        motion = motion.replace(skeleton=_with_roles(motion, wanted.roles))
    if wanted.skeleton is not None:
        motion = retarget(motion, wanted.skeleton)
    if wanted.to != JSON:
        return _file(motion, wanted)
    if wanted.fps is not None:
        motion = resample(motion, wanted.fps)
    notes = motion.meta.get("reading_notes", [])
    head = {"notes": [str(note) for note in notes] if isinstance(notes, list | tuple) else []}
    head |= {"animations": list(animations), "roles": _roles(motion)}
    return Payload(joined_object(head, {"motion": motion_json(motion)}))


def _with_roles(motion: Motion, roles: Mapping[str, str | None]) -> Skeleton:
    return override(motion.skeleton, Override(roles), poses=motion.rotations[:MAX_POSES].double().numpy())


def _roles(motion: Motion) -> dict[str, Any]:
    """How each role was found, and what to look at."""
    found = examine(motion.skeleton, poses=motion.rotations[:MAX_POSES].double().numpy())
    return {
        "how": dict(found.how),
        "warnings": list(found.warnings),
        "rest": found.rest,
        "height_m": None if found.height_m is None else round(float(found.height_m), 4),
    }


def _file(motion: Motion, wanted: Wanted) -> Payload:
    """The motion in a file of a format, or drawn."""
    with scratch_folder() as folder:
        path = folder / f"motion{wanted.to}"
        notes: tuple[str, ...] = ()
        try:
            if wanted.to in pictures():
                render(motion if wanted.fps is None else resample(motion, wanted.fps), path)
            else:
                made, notes = fitted(motion, path, fps=wanted.fps)
                write_motion(made, path)
            data = read_bytes_bounded(path, MAX_ANSWER_BYTES)
        except Exception as problem:
            raise _without(folder, problem) from problem
    license_ = str(motion.meta.get("license") or "")
    headers = {
        "Content-Disposition": f'attachment; filename="motion{wanted.to}"',
        "X-Kinescale-Notes": quote(json_bytes(list(notes)).decode()),
        "X-Kinescale-License": quote(license_[:1000]),
    }
    return Payload(data, MEDIA.get(wanted.to, "application/octet-stream"), headers)
