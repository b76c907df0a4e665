"""npz of SMPL parameters from pose estimators (GVHMR, WHAM and others): axis-angles or matrices; read only.

Members, by spelling: ``global_orient``, ``body_pose``, ``transl`` (GVHMR; also below a name that ends with ``_global``,
which is taken before one in the camera's view), or ``pose_world`` and ``trans_world``, else ``pose`` and ``trans``
(WHAM), or ``smpl_poses`` and ``smpl_trans``. Poses hold 3 or 9 numbers for each of the 21 body joints of SMPL-X or the
23 of SMPL, whose two hands are left out; ``pose`` begins with the root's. The bones are those of a mean body: ``betas``
are not read. Such files have neither an up axis nor a frame rate: the first is found from the body, 30 frames per
second are assumed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from kinescale.core.conventions import MAX_FRAMES, NATIVE_FPS
from kinescale.core.errors import FormatError
from kinescale.formats.base.damage import damage_as_format_error
from kinescale.formats.base.notes import with_notes
from kinescale.formats.base.smpl_model import mean_rest
from kinescale.formats.base.smpl_poses import axis_angles_to_quats
from kinescale.formats.base.world import WorldOptions, rate_notes, upright
from kinescale.io.safe_npy import Expected, open_npz
from kinescale.io.text_scanner import LARGEST, sound
from kinescale.kinematics.rotations import matrix_to_quat, quat_continuous
from kinescale.motion.motion import Motion

SUFFIXES = (".smpl.npz",)
BODY = "smplh"
BODY_JOINTS = 21
SPLIT = (("global_orient", "body_pose", "transl"), ("global_orient", "body_pose", "trans"))
WHOLE = (("pose_world", "trans_world"), ("smpl_poses", "smpl_trans"), ("pose", "trans"), ("poses", "transl"))
PREFIXES = ("smpl_params_global", "params_global", "global", "smpl_params_incam", "")
STANDS = 0.9
"""Share of standing frames that suffices for the up axis: filmed people mostly stand."""

_ARRAY = Expected("f4 f8", (2, 3, 4), lenient=True)


def read(path: str | Path, *, fps: float | None = None, up: str | None = None) -> Motion:
    """Read a file; ``fps`` states its frame rate, ``up`` its up axis. ``FormatError`` for damaged content."""
    path = Path(path)
    stated = WorldOptions(up, None, fps)
    with open_npz(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.names()]
        wanted = members(names)
        if wanted is None:
            raise FormatError(f"holds {', '.join(names[:6])}; expected global_orient, body_pose and transl.", path=path)
        picked = archive.pick(wanted)
        *parts, trans = (picked.read(name, _ARRAY) for name in wanted)
    if trans.shape != (len(trans), 3) or not 1 <= len(trans) <= MAX_FRAMES or not sound(trans):
        raise FormatError(f"'{wanted[-1]}' has shape {trans.shape}; expected [T, 3], finite.", path=path)
    quats = torch.cat([_quats(path, name, part, len(trans)) for name, part in zip(wanted, parts, strict=False)], dim=1)
    if not 1 + BODY_JOINTS <= quats.shape[1] <= 3 + BODY_JOINTS:
        raise FormatError(
            f"holds rotations of {quats.shape[1]} joints; expected 22 (SMPL-X) or 24 (SMPL), the root included.",
            path=path,
        )
    rest = mean_rest(BODY)
    whole = torch.zeros(len(trans), len(rest.skeleton), 4, dtype=torch.float64)
    whole[..., 3] = 1.0
    whole[:, : 1 + BODY_JOINTS] = quats[:, : 1 + BODY_JOINTS]
    root = torch.from_numpy(trans.astype(np.float64) + rest.pelvis)
    with damage_as_format_error(path):
        motion = Motion(rest.skeleton, stated.fps or NATIVE_FPS, root.float(), quat_continuous(whole).float())
    motion, up_notes = upright(motion, stated.up, identity_rest=False, least=STANDS)
    return with_notes(motion, [*rate_notes(fps), *up_notes])


def members(names: list[str]) -> tuple[str, ...] | None:
    """The members that hold the poses and, last, the positions; ``None`` for no such file."""
    there = set(names)
    for prefix in PREFIXES:
        for group in (*SPLIT, *WHOLE):
            for joint in ("/", ".", "_") if prefix else ("",):
                full = tuple(f"{prefix}{joint}{name}" for name in group)
                if there.issuperset(full):
                    return full
    return None


def _quats(path: Path, name: str, values: np.ndarray, frames: int) -> Float[torch.Tensor, "T J 4"]:
    """Axis-angles [T, 3 J] or [T, J, 3], or matrices [T, J, 3, 3], as quaternions."""
    if len(values) != frames or not sound(values):
        raise FormatError(
            f"'{name}' has {len(values)} frames or a number above {LARGEST:g}; expected {frames}.", path=path
        )
    if values.ndim == 4 and values.shape[2:] == (3, 3):
        off = np.abs(np.swapaxes(values, -1, -2) @ values - np.eye(3)).max() if values.size else 0.0
        if not off < 1e-2 or not (np.linalg.det(values) > 0).all():
            raise FormatError(f"'{name}' holds a matrix that is no rotation.", path=path)
        return matrix_to_quat(torch.from_numpy(values.astype(np.float64)))
    flat = values.reshape(frames, -1)
    if values.ndim == 4 or not flat.shape[1] or flat.shape[1] % 3:
        raise FormatError(
            f"'{name}' has shape {values.shape}; expected three numbers, or a matrix, per joint.", path=path
        )
    return torch.from_numpy(axis_angles_to_quats(flat.astype(np.float64)))
