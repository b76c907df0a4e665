"""npz, the native format: everything a Motion holds, bit for bit, in one NumPy archive without pickles.

Members: ``root`` [T, 3] and ``rotations`` [T, J, 4] (float32 or float64), ``fps``, ``joints`` (fixed-width
Unicode), ``parents``, ``offsets``, ``end_joints`` and ``end_offsets``, ``t_pose`` where there is one, and
``header``: a JSON text with the format's name and version, the skeleton's name, ``roles`` and ``meta``. Equal
motions give equal files.
"""

from __future__ import annotations

import io
import json
import math
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kinescale.core.conventions import MAX_FRAMES, MAX_JOINTS
from kinescale.core.errors import FormatError, InputError, KinescaleError
from kinescale.core.files import atomic_path, read_bytes_bounded
from kinescale.motion.motion import Motion
from kinescale.skeletons import EndSite, Skeleton

SUFFIXES = (".npz",)
HOLDS_META = True

MAX_FILE_BYTES = 512 * 1024 * 1024
FORMAT, VERSION = "kinescale-motion", 1
FREE_BYTES, MAX_RATIO = 64 * 1024 * 1024, 8
"""All members together may unpack to so many bytes, plus so many times the file: what is larger is a bomb."""

_MEMBERS = {
    # member: dtypes, number of axes
    "header": ("U", 0),
    "fps": ("f8", 0),
    "root": ("f4 f8", 2),
    "rotations": ("f4 f8", 3),
    "joints": ("U", 1),
    "parents": ("i8", 1),
    "offsets": ("f8", 2),
    "end_joints": ("i8", 1),
    "end_offsets": ("f8", 2),
    "t_pose": ("f8", 2),
}
_OPTIONAL = {"t_pose"}
# What zipfile, zlib and NumPy raise on damaged archives.
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError, SyntaxError, RecursionError, EOFError, OSError),
    *(RuntimeError, NotImplementedError, ValueError, TypeError, KeyError, OverflowError, MemoryError),
)


def write(motion: Motion, path: str | Path) -> None:
    """Write the native file, whole or not at all; an existing file is replaced.

    Raises ``InputError`` when ``meta`` holds what JSON cannot.
    """
    arrays = _to_arrays(motion)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            # A ZipInfo made by name alone carries no time of day.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _to_arrays(motion: Motion) -> dict[str, np.ndarray]:
    skeleton = motion.skeleton
    joints = np.array(skeleton.joints, dtype=np.str_)
    if joints.tolist() != list(skeleton.joints):
        raise InputError("a joint's name ends with a null character; rename it.")
    header = {
        "format": FORMAT,
        "version": VERSION,
        "skeleton": skeleton.name,
        "roles": dict(skeleton.roles),
        "meta": dict(motion.meta),
    }
    try:
        text = json.dumps(header, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as problem:
        raise InputError(f"the motion's meta cannot be written as JSON ({problem}); keep to plain values.") from None
    arrays = {
        "header": np.array(text),
        "fps": np.array(motion.fps, dtype=np.float64),
        "root": _plain(motion.root),
        "rotations": _plain(motion.rotations),
        "joints": joints,
        "parents": np.array(skeleton.parents, dtype=np.int64),
        "offsets": np.array(skeleton.offsets),
        "end_joints": np.array([end.joint for end in skeleton.ends], dtype=np.int64),
        "end_offsets": np.array([end.offset for end in skeleton.ends], dtype=np.float64).reshape(-1, 3),
    }
    if skeleton.t_pose is not None:
        arrays["t_pose"] = np.array(skeleton.t_pose)
    return arrays


def _plain(values: torch.Tensor) -> np.ndarray:
    values = values.detach().cpu()
    return np.ascontiguousarray((values if values.dtype == torch.float64 else values.to(torch.float32)).numpy())


def read(path: str | Path) -> Motion:
    """Read a native file; ``FormatError`` says what is not sound.

    All sizes are checked before anything is unpacked.
    """
    path = Path(path)
    data = read_bytes_bounded(path, MAX_FILE_BYTES)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = _check_members(path, archive, len(data))
            arrays = {name: _read_member(path, archive, name, info) for name, info in members.items()}
        text = str(arrays["header"])
    except _BROKEN as problem:
        reason = " ".join(str(problem).split())[:120]
        raise FormatError(f"is not a sound npz archive ({reason}).", path=path) from None
    header = _read_header(path, text)
    _check_shapes(path, arrays)
    try:
        return _from_arrays(arrays, header)
    except (KinescaleError, TypeError, ValueError, AttributeError) as problem:
        raise FormatError(f"the motion in it is not sound: {problem}", path=path) from None


def _check_members(path: Path, archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The members by name, once their names, packing and declared sizes are in order."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name not in _MEMBERS or f"{name}.npy" != info.filename or name in members:
            raise FormatError(
                f"holds '{info.filename[:40]!r}', which a motion file does not (or not twice).", path=path
            )
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise FormatError(f"'{info.filename}' is encrypted or packed in a way that is not taken.", path=path)
        members[name] = info
    missing = [name for name in _MEMBERS if name not in members and name not in _OPTIONAL]
    if missing:
        raise FormatError(f"lacks '{missing[0]}'; expected a motion written by Kinescale.", path=path)
    total, limit = sum(info.file_size for info in members.values()), FREE_BYTES + MAX_RATIO * size
    if total > limit:
        raise FormatError(f"unpacks to {total} bytes; expected at most {limit} for a file of {size}.", path=path)
    return members


def _read_member(path: Path, archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> np.ndarray:
    """One array, once its own header agrees with the member's size."""
    kinds, axes = _MEMBERS[name]
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
        else:
            raise FormatError(f"'{name}' is in npy version {version}; expected 1.0 or 2.0.", path=path)
        fits = dtype.kind == "U" if kinds == "U" else dtype in [np.dtype(f"<{kind}") for kind in kinds.split()]
        if dtype.hasobject or not fits or fortran or len(shape) != axes or min(shape, default=1) < 0:
            raise FormatError(f"'{name}' is {dtype} {shape}; expected {kinds} with {axes} axes.", path=path)
        size = math.prod(shape) * dtype.itemsize
        if stream.tell() + size != info.file_size:
            raise FormatError(f"'{name}' declares {size} bytes; the archive holds another number.", path=path)
        data = stream.read()
    if len(data) != size:
        raise FormatError(f"'{name}' declares {size} bytes; {len(data)} were there.", path=path)
    if not size:
        return np.empty(shape, dtype)
    return np.frombuffer(bytearray(data), dtype=dtype).reshape(shape)


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _read_header(path: Path, text: str) -> Mapping[str, Any]:
    try:
        header = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise FormatError(f"its header is not JSON ({str(problem)[:80]}).", path=path) from None
    if not isinstance(header, dict) or header.get("format") != FORMAT or header.get("version") != VERSION:
        raise FormatError(
            f"its header does not say {FORMAT} version {VERSION}; is it another program's file?", path=path
        )
    if not (isinstance(header.get("skeleton"), str) and isinstance(header.get("meta"), dict)):
        raise FormatError("its header lacks the skeleton's name or meta.", path=path)
    roles = header.get("roles")
    if not (isinstance(roles, dict) and all(isinstance(joint, str) for joint in roles.values())):
        raise FormatError("its header's roles do not map roles to joint names.", path=path)
    return header


def _check_shapes(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    joints, frames, ends = len(arrays["joints"]), len(arrays["root"]), len(arrays["end_joints"])
    if not (1 <= joints <= MAX_JOINTS and 1 <= frames <= MAX_FRAMES and ends <= MAX_JOINTS):
        text = f"{frames} frames, {joints} joints, {ends} ends; expected 1 to {MAX_FRAMES}, 1 to {MAX_JOINTS}"
        raise FormatError(f"{text}, at most {MAX_JOINTS}.", path=path)
    expected = {
        "root": (frames, 3),
        "rotations": (frames, joints, 4),
        "parents": (joints,),
        "offsets": (joints, 3),
        "end_offsets": (ends, 3),
        "t_pose": (joints, 4),
    }
    for name, shape in expected.items():
        if name not in arrays:
            continue
        if arrays[name].shape != shape:
            raise FormatError(f"'{name}' has shape {arrays[name].shape}; expected {shape}.", path=path)
        if not np.isfinite(arrays[name]).all():
            raise FormatError(f"'{name}' holds a number that is not finite.", path=path)
    if arrays["root"].dtype != arrays["rotations"].dtype:
        raise FormatError("'root' and 'rotations' differ in type; expected both float32 or both float64.", path=path)
    if ends and not (arrays["end_joints"].min() >= 0 and arrays["end_joints"].max() < joints):
        raise FormatError("'end_joints' names a joint that is not there.", path=path)


def _from_arrays(arrays: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> Motion:
    ends = zip(arrays["end_joints"].tolist(), arrays["end_offsets"].tolist())
    skeleton = Skeleton(
        header["skeleton"],
        tuple(arrays["joints"].tolist()),
        tuple(arrays["parents"].tolist()),
        arrays["offsets"],
        roles=header["roles"],
        t_pose=arrays.get("t_pose"),
        ends=tuple(EndSite(joint, (x, y, z)) for joint, (x, y, z) in ends),
    )
    root, rotations = torch.from_numpy(arrays["root"]), torch.from_numpy(arrays["rotations"])
    return Motion(skeleton, float(arrays["fps"]), root, rotations, header["meta"])
