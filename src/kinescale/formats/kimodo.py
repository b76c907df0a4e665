"""Kimodo npz: local rotation matrices and root positions of the 22 body joints of SMPL; read only.

Members: ``local_rot_mats`` [T, 22, 3, 3], ``root_positions`` [T, 3] (meters) and ``posed_joints`` [T, 22, 3], which
gives bone lengths where it is filled in. Files on other skeletons (SOMA, G1) are refused, as they do not contain the
rest pose. The file has no frame rate: 30 is taken, with a note.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from kinescale import skeletons
from kinescale.core.conventions import MAX_FRAMES, NATIVE_FPS
from kinescale.core.errors import FormatError
from kinescale.formats.base.damage import damage_as_format_error
from kinescale.formats.base.notes import with_notes
from kinescale.formats.base.world import WorldOptions, rate_notes, upright, with_up_axis
from kinescale.io.safe_npy import Expected, open_npz
from kinescale.io.text_scanner import LARGEST, sound
from kinescale.kinematics.rotations import matrix_to_quat, quat_continuous
from kinescale.motion.motion import Motion
from kinescale.skeletons import Skeleton

SUFFIXES = (".kimodo.npz",)
SKELETON = "humanml22"
"""The skeleton with the joints of SMPL's body in their order."""
ORTHOGONAL = 1e-2
LEAST_BODY_M = 0.3
HIPS_M = (0.5, 1.3)
"""Range of the height of hips over the floor."""

_MEMBERS = {
    "local_rot_mats": Expected("f4 f8", (4,), lenient=True),
    "root_positions": Expected("f4 f8", (2,), lenient=True),
    "posed_joints": Expected("f4 f8", (3,), lenient=True),
}


def read(path: str | Path, *, fps: float | None = None, up: str | None = None) -> Motion:
    """Read a file; ``fps`` states its frame rate, ``up`` its up axis. ``FormatError`` for damaged content."""
    path = Path(path)
    stated = WorldOptions(up, None, fps)
    with open_npz(path) as archive:
        picked = archive.pick(_MEMBERS)
        missing = [name for name in ("local_rot_mats", "root_positions") if name not in picked]
        if missing:
            raise FormatError(f"lacks '{missing[0]}'; expected the members of a Kimodo file.", path=path)
        arrays = {name: picked.read(name, _MEMBERS[name]) for name in _MEMBERS if name in picked}
    turns, root = arrays["local_rot_mats"], arrays["root_positions"]
    skeleton = skeletons.get(SKELETON)
    frames, joints = len(turns), len(skeleton)
    if turns.shape != (frames, joints, 3, 3) or root.shape != (frames, 3) or not 1 <= frames <= MAX_FRAMES:
        raise FormatError(
            f"'local_rot_mats' has shape {turns.shape} and 'root_positions' {root.shape}; expected [T, {joints}, 3, 3] "
            f"and [T, 3], the body joints of SMPL.",
            path=path,
        )
    if not (sound(turns) and sound(root)):
        raise FormatError(f"holds a number that is not finite or above {LARGEST:g}.", path=path)
    off = np.abs(np.swapaxes(turns, -1, -2) @ turns - np.eye(3)).max()
    if not off < ORTHOGONAL or not (np.linalg.det(turns) > 0).all():
        raise FormatError("'local_rot_mats' holds a matrix that is no rotation.", path=path)
    quats = quat_continuous(matrix_to_quat(torch.from_numpy(turns.astype(np.float64))))
    body = _with_lengths(skeleton, arrays.get("posed_joints"), turns)
    if body is skeleton and stated.up is None and _stands_on_z(root):
        # rotations are relative to a rest pose in the file's world, which then has Z up too
        body = with_up_axis(skeleton, "+z")
    with damage_as_format_error(path):
        motion = Motion(body, stated.fps or NATIVE_FPS, torch.from_numpy(root.astype(np.float32)), quats.float())
    motion, up_notes = upright(motion, stated.up, identity_rest=True)
    return with_notes(motion, [*rate_notes(fps), *up_notes])


def _stands_on_z(root: np.ndarray) -> bool:
    """Whether the hips are as high as hips are along Z, and not along Y."""
    y, z = (float(np.median(root[:, axis])) for axis in (1, 2))
    return HIPS_M[0] <= z <= HIPS_M[1] and not HIPS_M[0] <= y <= HIPS_M[1]


def _with_lengths(skeleton: Skeleton, joints: np.ndarray | None, turns: np.ndarray) -> Skeleton:
    """The skeleton with bone lengths from the posed joints; unchanged where those are not filled in."""
    if joints is None or joints.shape != (len(turns), len(skeleton), 3) or not sound(joints):
        return skeleton
    if float(np.ptp(joints[0], axis=0).max()) < LEAST_BODY_M:
        return skeleton
    world = np.empty_like(turns, dtype=np.float64)
    offsets = skeleton.offsets.copy()
    for joint, parent in enumerate(skeleton.parents):
        world[:, joint] = turns[:, joint] if parent < 0 else world[:, parent] @ turns[:, joint]
        if parent >= 0:
            bones = np.einsum("tij,ti->tj", world[:, parent], joints[:, joint] - joints[:, parent])
            offsets[joint] = np.median(bones, axis=0)
    return Skeleton(skeleton.name, skeleton.joints, skeleton.parents, offsets, skeleton.roles, None, skeleton.ends)
