"""Checks of an MMCP request, in the order of the protocol, each with its named error; nothing is silently ignored."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from kinescale.core.errors import InputError
from kinescale.core.json_input import check_size
from kinescale.core.prompts import check_prompt
from kinescale.server.body import too_large
from kinescale.server.engine import Engine
from kinescale.server.errors import ApiError, of_validation, schema_error
from kinescale.server.mmcp import schema
from kinescale.server.mmcp.capabilities import (
    CONSTRAINTS,
    KNOWN_SEGMENTS,
    MAJOR,
    MINOR,
    SEGMENTS,
    model_options,
)
from kinescale.server.mmcp.skeleton import read_skeleton
from kinescale.server.settings import Settings
from kinescale.skeletons.base import Skeleton

_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})")
MAX_ITEMS = 500_000
LANGUAGE = "en"
MIN_FPS, MAX_FPS = 1.0, 240.0
TYPES = {"number": (int, float), "integer": (int,), "boolean": (bool,)}


@dataclass(frozen=True, eq=False)
class Asked:
    """A checked request: what it says, the character's skeleton, its frame rate, its length in frames."""

    request: schema.Request
    skeleton: Skeleton
    retargeted: bool
    fps: float
    frames: int
    minor: int
    dials: dict[str, Any]

    @property
    def options(self) -> schema.Options:
        """The options, all at their defaults where none are given."""
        return self.request.options or schema.Options()

    @property
    def seed(self) -> int:
        """The seed, from 0."""
        return positive_seed(self.options.seed)


def positive_seed(seed: int | None) -> int:
    """A seed as the pipelines take it; 0 for none."""
    return (seed or 0) % 2**63


def check(engine: Engine, settings: Settings, body: dict[str, Any], size: int) -> Asked:
    """The request of a body of ``size`` bytes; ``ApiError`` for the first thing that is wrong."""
    minor = check_version(body.get("protocol_version"))
    _check_segment_types(body)
    request = _parsed(body, minor)
    if request.model != settings.model:
        raise ApiError(
            "unknown_model",
            f"there is no model '{request.model[:60]}'; it is {settings.model}.",
            {"available_models": [settings.model]},
        )
    if size > settings.limits.max_request_bytes:
        raise too_large(settings.limits.max_request_bytes, size)
    canonical = engine.bundle.feature.skeleton
    skeleton = read_skeleton(request.skeleton, canonical)
    _check_shape(request)
    fps = engine.fps if request.timing is None else request.timing.fps
    frames = request.duration_frames or sum(segment.duration_frames for segment in request.segments)
    asked = Asked(request, skeleton, skeleton is not canonical, fps, frames, minor, _dials(engine, request))
    _check_options(asked, settings)
    _check_constraints(asked, settings)
    _check_prompts(request, settings)
    _check_duration(asked, settings)
    return asked


def check_version(version: Any) -> int:
    """The minor version; ``version_unsupported`` for another major."""
    found = _VERSION.fullmatch(version) if isinstance(version, str) else None
    if found is None:
        loc = ("protocol_version",)
        raise schema_error([{"type": "version", "loc": loc, "msg": "expected a version such as '1.4'"}])
    if int(found.group(1)) != MAJOR:
        raise ApiError(
            "version_unsupported",
            f"version {version} of the protocol is not spoken here; {MAJOR}.x is.",
            {"supported_majors": [str(MAJOR)]},
        )
    return int(found.group(2))


def _check_segment_types(body: dict[str, Any]) -> None:
    """Known types that the model lacks, before their content is looked at."""
    segments = body.get("segments")
    for segment in segments if isinstance(segments, list) else []:
        kind = segment.get("type") if isinstance(segment, dict) else None
        if isinstance(kind, str) and kind in KNOWN_SEGMENTS and kind not in SEGMENTS:
            raise ApiError(
                "unsupported_segment",
                f"segments of the type '{kind}' are not supported by this model.",
                {"supported_segments": list(SEGMENTS)},
            )


def _parsed(body: dict[str, Any], minor: int) -> schema.Request:
    """The record; what a later minor version may have added is left out, what no version has is refused."""
    try:
        check_size(body, max_items=MAX_ITEMS, max_depth=32)
        return schema.Request.model_validate(body)
    except ValidationError as problem:
        later = [one["loc"] for one in problem.errors() if one["type"] == "extra_forbidden"]
        if minor <= MINOR or len(later) < problem.error_count():
            raise of_validation(problem) from None
    except ValueError as problem:
        raise schema_error([{"type": "too_long", "loc": (), "msg": f"the body {problem}"}]) from None
    for loc in later:
        _remove(body, loc)
    return schema.Request.model_validate(body)


def _remove(value: Any, loc: tuple[int | str, ...]) -> None:
    """Take out what is at a place; names of union members in the place are no keys, and passed over."""
    for part in loc[:-1]:
        if isinstance(value, list) and isinstance(part, int):
            value = value[part]
        elif isinstance(value, dict):
            value = value.get(part, value)
    if isinstance(value, dict):
        value.pop(loc[-1], None)


def _check_shape(request: schema.Request) -> None:
    if not request.segments and not request.constraints:
        raise _schema("segments", "give segments or constraints")
    if request.segments and request.duration_frames is not None:
        raise _schema("duration_frames", "the segments say how long the motion is")
    if not request.segments and request.duration_frames is None:
        raise _schema("duration_frames", "needed where there are no segments")


def _schema(*loc_and_message: str | int) -> ApiError:
    *loc, message = loc_and_message
    return schema_error([{"type": "value_error", "loc": tuple(loc), "msg": str(message)}])


def _dials(engine: Engine, request: schema.Request) -> dict[str, Any]:
    """The model's own options, checked against what it declares."""
    given = (request.options.model_options if request.options else None) or {}
    known = {dial["name"]: dial for dial in model_options(engine)}
    for name, value in given.items():
        dial, why = known.get(name), ""
        if dial is None:
            why = f"this model has no option '{name[:40]}'"
        elif isinstance(value, bool) != (dial["type"] == "boolean") or not isinstance(value, TYPES[dial["type"]]):
            why = f"the option {name} is no {dial['type']}"
        elif not dial["minimum"] <= value <= dial["maximum"]:
            why = f"the option {name} is not from {dial['minimum']} to {dial['maximum']}"
        if why:
            shown = value if isinstance(value, bool | int | float) else str(value)[:40]
            raise ApiError("invalid_options", f"{why}.", {"model": request.model, "option": name[:40], "value": shown})
    return given


def _check_options(asked: Asked, settings: Settings) -> None:
    options, request = asked.options, asked.request
    if not MIN_FPS <= asked.fps <= MAX_FPS:
        raise ApiError("invalid_options", f"{asked.fps:g} frames per second; expected {MIN_FPS:g} to {MAX_FPS:g}.")
    guidance = options.guidance
    if guidance is not None:
        count = {"nocfg": 0, "regular": 1, "separated": 2}[guidance.type]
        if len(guidance.weight) != count:
            raise _schema("options", "guidance", "weight", f"{guidance.type} guidance has {count} weights")
    if options.loop and (len(request.segments) != 1 or request.constraints):
        raise ApiError("invalid_options", "a loop is made of exactly one segment, without constraints.")
    if options.num_samples > settings.limits.max_samples:
        raise ApiError(
            "invalid_options",
            f"{options.num_samples} samples; at most {settings.limits.max_samples}.",
            {"max_num_samples": settings.limits.max_samples},
        )


def _check_constraints(asked: Asked, settings: Settings) -> None:
    most = settings.limits.max_constraints
    if len(asked.request.constraints) > most:
        raise ApiError(
            "invalid_options",
            f"{len(asked.request.constraints)} constraints; at most {most}.",
            {"max_constraints_per_request": most},
        )
    for number, constraint in enumerate(asked.request.constraints):
        if constraint.type not in CONSTRAINTS:
            raise ApiError(
                "unsupported_constraint",
                f"constraints of the type '{constraint.type}' are not supported by this model.",
                {"supported_constraints": list(CONSTRAINTS)},
            )
        _check_lengths(constraint, number)
        _check_joints(constraint, asked)
        for frame in [constraint.frame] if isinstance(constraint, schema.PoseKeyframe) else frames_of(constraint):
            if not 0 <= frame < asked.frames:
                raise ApiError(
                    "frame_out_of_range",
                    f"frame {frame} of a constraint is not among the {asked.frames} frames of the motion.",
                    {"frame": frame, "total_frames": asked.frames},
                )


def frames_of(constraint: Any) -> list[int]:
    """The frames of a constraint that has several."""
    return constraint.frames


def _check_lengths(constraint: Any, number: int) -> None:
    here = ("constraints", number)
    if isinstance(constraint, schema.RootPath):
        rows, heading = len(constraint.frames), constraint.heading_radians
        if len(constraint.positions_xz) != rows or (heading is not None and len(heading) != rows):
            raise _schema(*here, "frames, positions_xz and heading_radians should have the same length")
        if any(b <= a for a, b in zip(constraint.frames, constraint.frames[1:], strict=False)):
            raise _schema(*here, "frames", "frames should ascend")
    if isinstance(constraint, schema.EffectorTarget):
        if len(constraint.positions) != len(constraint.frames):
            raise _schema(*here, "frames and positions should have the same length")
        if constraint.rotations is not None:
            raise ApiError(
                "unsupported_constraint",
                "an effector_target with rotations is not supported by this model; leave the rotations out, or use a "
                "pose_keyframe.",
                {"supported_constraints": list(CONSTRAINTS)},
            )


def _check_joints(constraint: Any, asked: Asked) -> None:
    named = {
        schema.EffectorTarget: lambda: [constraint.joint],
        schema.PoseKeyframe: lambda: list(constraint.joint_rotations),
    }.get(type(constraint), list)()
    for name in named:
        if name not in asked.skeleton.joints:
            raise ApiError(
                "unknown_joint",
                f"the skeleton has no joint '{name[:60]}'.",
                {"joint": name[:128], "skeleton_joints": list(asked.skeleton.joints)},
            )


def _check_prompts(request: schema.Request, settings: Settings) -> None:
    most = settings.limits.max_prompt_length
    for number, segment in enumerate(request.segments):
        if not isinstance(segment, schema.Text):
            continue
        if segment.language.lower().split("-")[0] != LANGUAGE:
            raise ApiError(
                "invalid_options",
                f"the prompt of segment {number} is in the language '{segment.language}'; this model reads English.",
                {"languages": [LANGUAGE], "segment": number},
            )
        if len(segment.prompt) > most:
            raise ApiError(
                "invalid_options",
                f"the prompt of segment {number} has {len(segment.prompt)} characters; at most {most}.",
                {"max_prompt_length": most, "segment": number},
            )
        try:
            check_prompt(segment.prompt)
        except InputError as problem:
            raise ApiError("invalid_request", str(problem), {"segment": number}) from None


def _check_duration(asked: Asked, settings: Settings) -> None:
    seconds, most = asked.frames / asked.fps, settings.limits.max_seconds
    if seconds > most:
        raise ApiError(
            "invalid_options",
            f"a motion of {seconds:.1f} seconds; at most {most:g} are made.",
            {"max_duration_seconds": most},
        )
