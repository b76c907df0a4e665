"""Motions and skeletons as JSON (``docs/server.md``): read with bounds, written so that floats return to the bit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from kinescale.core.conventions import MAX_LENGTH_M
from kinescale.core.errors import SkeletonError
from kinescale.core.json_input import check_size
from kinescale.motion.motion import Motion
from kinescale.motion.retarget import standing_points
from kinescale.rigging import recognize
from kinescale.server.errors import ApiError, schema_error
from kinescale.skeletons.base import EndSite, Skeleton

SKELETON_KEYS = ("name", "names", "parents", "offsets", "roles", "t_pose", "ends")
MOTION_KEYS = ("skeleton", "fps", "root", "rotations", "meta", "contacts")
MAX_NAME, MAX_META_ITEMS, MAX_META_DEPTH = 256, 5000, 8
ROWS = 256
"""Frames that are written at once: other threads run between the pieces."""

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["skeleton", "fps", "root", "rotations"],
    "properties": {
        "skeleton": {
            "type": "object",
            "required": ["names", "parents", "offsets"],
            "properties": {
                "name": {"type": "string"},
                "names": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                "parents": {"type": "array", "items": {"type": "integer"}},
                "offsets": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
                "roles": {"type": "object", "additionalProperties": {"type": "string"}},
                "t_pose": {"type": ["array", "null"]},
                "ends": {"type": "array", "items": {"type": "object"}},
            },
        },
        "fps": {"type": "number", "exclusiveMinimum": 0, "maximum": 1000},
        "root": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        "rotations": {"type": "array"},
        "meta": {"type": "object"},
        "contacts": {"type": ["object", "null"]},
    },
}
"""JSON schema of a motion, for the description of the interface."""


def read_motion_json(value: Any, where: str, max_frames: int) -> Motion:
    """The motion of a JSON object; ``where`` names it in errors.

    Raises ``ApiError`` (``schema_validation``) for a wrong shape, ``MotionError`` and ``SkeletonError`` for numbers
    and trees that make no motion.
    """
    fields = _object(value, where, MOTION_KEYS, ("skeleton", "fps", "root", "rotations"))
    skeleton = read_skeleton_json(fields["skeleton"], f"{where}.skeleton")
    fps = fields["fps"]
    if isinstance(fps, bool) or not isinstance(fps, int | float):
        raise wrong(f"{where}.fps", "expected a number")
    frames = len(fields["root"]) if isinstance(fields["root"], list) else 0
    if frames > max_frames:
        raise ApiError("invalid_options", f"{where} has {frames} frames; at most {max_frames}.")
    root = torch.from_numpy(_array(fields["root"], (frames, 3), f"{where}.root"))
    rotations = _array(fields["rotations"], (frames, len(skeleton), 4), f"{where}.rotations")
    meta = fields.get("meta") or {}
    if not isinstance(meta, dict):
        raise wrong(f"{where}.meta", "expected an object")
    try:
        check_size(meta, max_items=MAX_META_ITEMS, max_depth=MAX_META_DEPTH)
    except ValueError as problem:
        raise wrong(f"{where}.meta", str(problem)) from None
    return Motion(skeleton, float(fps), root, torch.from_numpy(rotations), meta)


def read_skeleton_json(value: Any, where: str) -> Skeleton:
    """The skeleton of a JSON object, its roles and T-pose recognized where they are not given."""
    fields = _object(value, where, SKELETON_KEYS, ("names", "parents", "offsets"))
    names, parents = fields["names"], fields["parents"]
    if not isinstance(names, list) or not all(isinstance(one, str) and 0 < len(one) <= MAX_NAME for one in names):
        raise wrong(f"{where}.names", f"expected a list of texts of 1 to {MAX_NAME} characters")
    if not isinstance(parents, list) or not all(type(one) is int for one in parents):
        raise wrong(f"{where}.parents", "expected a list of whole numbers")
    roles = fields.get("roles") or {}
    if not isinstance(roles, dict) or not all(isinstance(one, str) for one in roles.values()):
        raise wrong(f"{where}.roles", "expected an object of joint names by role")
    name, t_pose = fields.get("name") or "given", fields.get("t_pose")
    if not isinstance(name, str) or len(name) > MAX_NAME:
        raise wrong(f"{where}.name", f"expected a text of at most {MAX_NAME} characters")
    skeleton = Skeleton(
        name,
        tuple(names),
        tuple(parents),
        _array(fields["offsets"], (len(names), 3), f"{where}.offsets").astype(np.float64),
        roles,
        None if t_pose is None else _array(t_pose, (len(names), 4), f"{where}.t_pose").astype(np.float64),
        tuple(_end(one, f"{where}.ends.{i}") for i, one in enumerate(_list(fields.get("ends"), f"{where}.ends"))),
    )
    return skeleton if roles else recognize(skeleton)


def motion_json(motion: Motion) -> bytes:
    """A motion as JSON; numbers are the shortest that give the 32-bit floats again."""
    head = {"skeleton": skeleton_json(motion.skeleton), "fps": motion.fps, "meta": motion.meta}
    tracks = {
        "root": _rows(motion.root.detach().float().cpu().numpy()),
        "rotations": _rows(motion.rotations.detach().float().cpu().numpy()),
        "contacts": json.dumps(contacts_json(motion)).encode(),
    }
    return joined_object(head, tracks)


def skeleton_json(skeleton: Skeleton) -> dict[str, Any]:
    """A skeleton as JSON values."""
    return {
        "name": skeleton.name,
        "names": list(skeleton.joints),
        "parents": list(skeleton.parents),
        "offsets": _numbers(skeleton.offsets.astype(np.float32)),
        "roles": dict(skeleton.roles),
        "t_pose": None if skeleton.t_pose is None else _numbers(skeleton.t_pose.astype(np.float32)),
        "ends": [{"joint": end.joint, "offset": [float(x) for x in end.offset]} for end in skeleton.ends],
    }


def contacts_json(motion: Motion) -> dict[str, list[int]] | None:
    """Per foot point 1 in the frames in which it stands; ``None`` for a skeleton without feet."""
    try:
        roles, stands = standing_points(motion)
    except (SkeletonError, KeyError):
        return None
    return {role: stands[:, i].int().tolist() for i, role in enumerate(roles)}


def plain(value: Any) -> Any:
    """``meta`` as JSON values: what JSON cannot hold becomes text, and a float that is not finite null."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)


def joined_object(head: Mapping[str, Any], raw: Mapping[str, bytes]) -> bytes:
    """One JSON object of plain values and of values that are JSON already."""
    text = json.dumps(plain(head), separators=(",", ":"), allow_nan=False).encode()[:-1]
    parts = [json.dumps(name).encode() + b":" + value for name, value in raw.items()]
    return text + (b"," if head and parts else b"") + b",".join(parts) + b"}"


def joined_list(items: Sequence[bytes]) -> bytes:
    """A JSON list of values that are JSON already."""
    return b"[" + b",".join(items) + b"]"


def wrong(where: str, message: str) -> ApiError:
    """``schema_validation`` at a dotted place."""
    loc = tuple(int(part) if part.isdecimal() else part for part in where.split("."))
    return schema_error([{"type": "value_error", "loc": loc, "msg": message}])


def _object(value: Any, where: str, known: Sequence[str], needed: Sequence[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong(where, "expected an object")
    for name in value:
        if name not in known:
            raise wrong(f"{where}.{name[:40]}", "unknown key")
    for name in needed:
        if name not in value:
            raise wrong(f"{where}.{name}", "missing")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise wrong(where, "expected a list")
    return value or []


def _end(value: Any, where: str) -> EndSite:
    fields = _object(value, where, ("joint", "offset"), ("joint", "offset"))
    if type(fields["joint"]) is not int:
        raise wrong(f"{where}.joint", "expected a whole number")
    x, y, z = _array([fields["offset"]], (1, 3), f"{where}.offset")[0].tolist()
    return EndSite(fields["joint"], (x, y, z))


def _array(value: Any, shape: tuple[int, ...], where: str) -> Float32[np.ndarray, "..."]:
    """Nested lists of finite numbers of one shape, as float32."""
    expected = f"expected {list(shape)} finite numbers up to {MAX_LENGTH_M:g}"
    try:
        array = np.array(value) if isinstance(value, list) else np.zeros(0, dtype=object)
    except (ValueError, TypeError, OverflowError):
        raise wrong(where, expected) from None
    sound = array.dtype.kind in "iuf" and array.shape == shape
    if not sound or not bool((np.abs(array.astype(np.float64)) <= MAX_LENGTH_M).all()):
        raise wrong(where, expected)
    return array.astype(np.float32)


def _numbers(array: Float32[np.ndarray, "..."]) -> list[Any]:
    """Nested lists of the shortest doubles that round to the float32s."""
    return array.astype("U32").astype(np.float64).tolist()


def _rows(array: Float32[np.ndarray, "..."]) -> bytes:
    """A track as JSON, some frames at a time."""
    pieces = []
    for start in range(0, len(array), ROWS):
        rows = _numbers(array[start : start + ROWS])
        pieces.append(json.dumps(rows, separators=(",", ":")).encode()[1:-1])
    return b"[" + b",".join(pieces) + b"]"
