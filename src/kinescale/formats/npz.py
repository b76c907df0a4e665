"""npz, the native motion format: a lossless NumPy archive of all data of a Motion, without pickles.

Members: ``root`` [T, 3] and ``rotations`` [T, J, 4] (float32 or float64), ``fps``, ``joints`` (fixed-width
Unicode), ``parents``, ``offsets``, ``end_joints`` and ``end_offsets``, ``t_pose`` where there is one, and
``header``: a JSON text with the format's name and version, the skeleton's name, ``roles`` and ``meta``. Equal
motions give equal files. Archives of AMASS have the same suffix; ``sniff`` distinguishes them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kinescale.core.conventions import MAX_FRAMES, MAX_JOINTS
from kinescale.core.errors import FormatError, InputError, KinescaleError
from kinescale.core.json_input import parse_json
from kinescale.io.safe_npy import Archive, Expected, open_npz, write_npz
from kinescale.io.sidecar import MAX_BYTES as MAX_META_BYTES
from kinescale.io.sidecar import current_meta, meta_problem
from kinescale.motion.motion import Motion
from kinescale.skeletons import EndSite, Skeleton

SUFFIXES = (".npz",)
HOLDS_META = True

FORMAT, VERSION = "kinescale-motion", 1
MAX_HEADER_BYTES = 2 * MAX_META_BYTES
TAIL_BYTES = 64 * 1024
"""Bytes at the end of an archive that hold its directory; that of a motion takes a few hundred."""
_OTHERS = {
    "kimodo": ((b"local_rot_mats.npy",), (b"root_positions.npy",)),
    "smpl_params": ((b"body_pose.npy", b"pose_world.npy", b"smpl_poses.npy", b"pose.npy"), (b"trans",)),
    "amass": ((b"trans.npy",),),
}
"""Other formats with the suffix -> groups of members, one of each of which is present."""
_NATIVE = b"header.npy"

_MEMBERS = {
    "header": Expected("U", (0,)),
    "fps": Expected("f8", (0,)),
    "root": Expected("f4 f8", (2,)),
    "rotations": Expected("f4 f8", (3,)),
    "joints": Expected("U", (1,)),
    "parents": Expected("i8", (1,)),
    "offsets": Expected("f8", (2,)),
    "end_joints": Expected("i8", (1,)),
    "end_offsets": Expected("f8", (2,)),
    "t_pose": Expected("f8", (2,)),
}
_OPTIONAL = {"t_pose"}


def write(motion: Motion, path: str | Path) -> None:
    """Write the native file atomically; an existing file is replaced.

    Raises ``InputError`` when ``meta`` has values that JSON cannot hold.
    """
    write_npz(path, _to_arrays(motion))


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
    excess = meta_problem(header["meta"]) or ("its meta is too long" if len(text) > MAX_HEADER_BYTES else "")
    if excess:
        raise InputError(f"the motion cannot be written: {excess}.")
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


def sniff(path: Path) -> str:
    """Name of the format that reads this archive, by the members in its directory."""
    try:
        with path.open("rb") as file:
            file.seek(-min(file.seek(0, os.SEEK_END), TAIL_BYTES), os.SEEK_END)
            tail = file.read(TAIL_BYTES)
    except OSError:
        tail = b""  # reading it will raise the error
    if _NATIVE in tail:
        return __name__.rpartition(".")[2]
    # other tools for SMPL have other members than AMASS
    for name, groups in _OTHERS.items():
        if all(any(member in tail for member in group) for group in groups):
            return name
    return __name__.rpartition(".")[2]


def read(path: str | Path) -> Motion:
    """Read a native file; ``FormatError`` for damaged content. All sizes are checked before anything is unpacked."""
    path = Path(path)
    with open_npz(path) as archive:
        arrays = _read_members(path, archive)
        text = str(arrays["header"])
    header = _read_header(path, text)
    _check_shapes(path, arrays)
    try:
        return _from_arrays(arrays, header)
    except (KinescaleError, TypeError, ValueError, AttributeError) as problem:
        raise FormatError(f"the motion in it is not sound: {problem}", path=path) from None


def _read_members(path: Path, archive: Archive) -> dict[str, np.ndarray]:
    if not any(filename == "header.npy" for filename in archive.names()):
        held = ", ".join(name.removesuffix(".npy")[:40] for name in archive.names()[:6]) or "nothing"
        raise FormatError(
            f"holds {held!r}; expected a motion written by Kinescale, AMASS (poses, trans, mocap_framerate), SMPL "
            f"parameters (global_orient, body_pose, transl) or Kimodo (local_rot_mats, root_positions).",
            path=path,
        )
    for filename in archive.names():
        if filename.removesuffix(".npy") not in _MEMBERS or not filename.endswith(".npy"):
            raise FormatError(f"holds '{filename[:40]!r}', which a motion file does not.", path=path)
    picked = archive.pick(_MEMBERS)
    missing = [name for name in _MEMBERS if name not in picked and name not in _OPTIONAL]
    if missing:
        raise FormatError(f"lacks '{missing[0]}'; expected a motion written by Kinescale.", path=path)
    return {name: picked.read(name, expected) for name, expected in _MEMBERS.items() if name in picked}


def _read_header(path: Path, text: str) -> Mapping[str, Any]:
    try:
        header = parse_json(text, max_bytes=MAX_HEADER_BYTES)
    except ValueError as problem:
        raise FormatError(f"its header is not JSON ({str(problem)[:80]}).", path=path) from None
    if not isinstance(header, dict) or header.get("format") != FORMAT or header.get("version") != VERSION:
        raise FormatError(
            f"its header does not say {FORMAT} version {VERSION}; is it another program's file?", path=path
        )
    if not (isinstance(header.get("skeleton"), str) and isinstance(header.get("meta"), dict)):
        raise FormatError("its header lacks the skeleton's name or meta.", path=path)
    problem = meta_problem(header["meta"])
    if problem:
        raise FormatError(f"{problem}.", path=path)
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
    return Motion(skeleton, float(arrays["fps"]), root, rotations, current_meta(header["meta"]))
