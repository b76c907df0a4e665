"""AMASS npz motion files: SMPL-H and SMPL-X body poses as axis-angles, in both published layouts.

Mahmood et al. 2019, "AMASS: Archive of Motion Capture as Surface Shapes". SMPL-H files hold ``poses`` [T, 156] and
``mocap_framerate``; SMPL-X files ``root_orient``, ``pose_body``, ``pose_hand``, ``pose_jaw``, ``pose_eye`` and
``mocap_frame_rate`` (or ``poses`` [T, 165]), with ``surface_model_type``. All hold ``trans``, ``betas``, ``gender``.

The world of the files is Z up. ``trans`` moves the model's origin, not the pelvis: the pelvis stands at ``trans`` plus
where it rests in the model. Rest positions are those of a mean body with proportions of our own
(``skeletons/base/smpl_body``), since the models may not be redistributed: ``betas`` are kept in ``meta["amass"]`` and
change bone lengths only where ``body_model`` names the user's own model file. Files written here also hold
``rest_joints`` [J, 3], which other programs ignore, so that reading them back gives the same bones. Files with the
suffix ``.npz`` are recognized by their members; the suffix ``.amass.npz`` writes AMASS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from kinescale import skeletons
from kinescale.core.conventions import MAX_FPS, MAX_FRAMES
from kinescale.core.errors import FormatError, InputError
from kinescale.formats.base import Needs
from kinescale.formats.base.damage import damage_as_format_error
from kinescale.formats.base.smpl_model import Rest, mean_rest, read_rest
from kinescale.formats.base.smpl_poses import axis_angles_to_quats, quats_to_axis_angles, to_y_up, to_z_up
from kinescale.formats.base.world import WorldOptions
from kinescale.io.safe_npy import Expected, Picked, open_npz, write_npz
from kinescale.io.text_scanner import LARGEST, sound
from kinescale.motion.motion import Motion
from kinescale.skeletons import Skeleton

SUFFIXES = (".amass.npz",)

FREE_BYTES, MAX_RATIO = 32 * 1024 * 1024, 4
"""Bound on the unpacked size, lower than for other archives: poses hardly compress, and grow when read."""
MAX_BETAS = 400
MAX_TEXT = 64
BETAS, DMPLS = 16, 8
"""Numbers of shape and soft-tissue values that AMASS stores."""

_BODY, _HANDS = 63, 90
_RATES = ("mocap_framerate", "mocap_frame_rate")


@dataclass(frozen=True)
class _Model:
    """Array layout of a body model. ``parts``: member and number of columns, in the order of ``poses``."""

    parts: tuple[tuple[str, int], ...]

    @property
    def columns(self) -> int:
        return sum(width for _, width in self.parts)


MODELS = {
    "smplh": _Model((("root_orient", 3), ("pose_body", _BODY), ("pose_hand", _HANDS))),
    "smplx": _Model(
        (("root_orient", 3), ("pose_body", _BODY), ("pose_jaw", 3), ("pose_eye", 6), ("pose_hand", _HANDS))
    ),
}
"""Name of the skeleton -> layout."""
DEFAULT = "smplh"
ALWAYS = ("root_orient", "pose_body")

_TRACK = Expected("f4 f8", (2,), lenient=True)
_NUMBER = Expected("f4 f8 i4 i8 u4 u8 i2 u2", (0, 1), lenient=True)
_TEXT = Expected("U S", (0, 1), lenient=True)
_MEMBERS = {
    **dict.fromkeys(
        ("trans", "poses", "root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand", "dmpls"), _TRACK
    ),
    **dict.fromkeys(_RATES, _NUMBER),
    **dict.fromkeys(("gender", "surface_model_type"), _TEXT),
    "betas": Expected("f4 f8", (1, 2), lenient=True),
    "rest_joints": _TRACK,
}


def read(path: str | Path, *, fps: float | None = None, body_model: str | Path | None = None) -> Motion:
    """Read an AMASS file; ``FormatError`` for damaged content.

    ``fps`` overrides the file's frame rate. ``body_model``: an SMPL-H or SMPL-X ``.npz`` of the user's (``v_template``,
    ``J_regressor``, ``shapedirs``, ``kintree_table``), which with the file's ``betas`` gives the true bone lengths.
    """
    path = Path(path)
    stated = WorldOptions(fps=fps)
    with open_npz(path) as archive:
        picked = archive.pick(_MEMBERS, free_bytes=FREE_BYTES, ratio=MAX_RATIO)
        trans = _track(path, picked, "trans", 3)
        name, poses = _poses(path, picked, len(trans))
        rate = stated.fps or _rate(path, picked)
        betas = _betas(path, picked)
        about = {"model": name, "gender": _text(path, picked, "gender") or "neutral", "betas": betas.tolist()}
        if "dmpls" in picked and _track(path, picked, "dmpls", None).any():
            about["left_out"] = "soft-tissue motion (dmpls)"
        rest = _rest(path, picked, name, betas, body_model)
    quats = axis_angles_to_quats(poses)
    del poses
    root = trans + rest.pelvis
    to_y_up(root, quats)
    meta = {"amass": {**about, "pelvis_rest": rest.pelvis.tolist()}}
    precise = trans.dtype == np.float64 and quats.dtype == np.float64
    dtype = torch.float64 if precise else torch.float32
    with damage_as_format_error(path):
        return Motion(rest.skeleton, rate, torch.from_numpy(root).to(dtype), torch.from_numpy(quats).to(dtype), meta)


def _track(
    path: Path, picked: Picked, name: str, width: int | None, frames: int | None = None
) -> Float[np.ndarray, "T C"]:
    """One array over time, with a bounded number of frames and finite numbers."""
    if name not in picked:
        raise FormatError(f"lacks '{name}'; expected the members of an AMASS file.", path=path)
    values = picked.read(name, _MEMBERS[name])
    if not 1 <= len(values) <= MAX_FRAMES or (width is not None and values.shape[1] != width):
        columns = "any number" if width is None else width
        raise FormatError(
            f"'{name}' has shape {values.shape}; expected 1 to {MAX_FRAMES} frames of {columns} numbers.", path=path
        )
    if frames not in (None, len(values)):
        raise FormatError(f"'{name}' has {len(values)} frames, 'trans' {frames}; expected as many.", path=path)
    if not sound(values):
        raise FormatError(f"'{name}' holds a number that is not finite or above {LARGEST:g}.", path=path)
    return values


def _poses(path: Path, picked: Picked, frames: int) -> tuple[str, Float[np.ndarray, "T C"]]:
    """Name of the model, from the file's label or members, and all axis-angles in the order of its joints."""
    label = _text(path, picked, "surface_model_type").lower()
    name = label.split("_")[0]
    if label and name not in MODELS:
        raise FormatError(f"is of body model '{label}'; expected {' or '.join(MODELS)}.", path=path)
    if "root_orient" in picked:
        name = name or max(MODELS, key=lambda name: sum(part in picked for part, _ in MODELS[name].parts))
        return name, _joined(path, picked, MODELS[name], frames)
    poses = _track(path, picked, "poses", None, frames)
    widths = {model.columns: known for known, model in MODELS.items() if name in ("", known)}
    if poses.shape[1] not in widths:
        wanted = " or ".join(f"{width} ({known})" for width, known in widths.items())
        raise FormatError(f"'poses' has {poses.shape[1]} columns; expected {wanted}.", path=path)
    return widths[poses.shape[1]], poses


def _joined(path: Path, picked: Picked, model: _Model, frames: int) -> Float[np.ndarray, "T C"]:
    """The parts side by side; absent jaw, eyes or hands are at rest."""
    parts = {
        name: _track(path, picked, name, width, frames)
        for name, width in model.parts
        if name in picked or name in ALWAYS
    }
    poses = np.zeros((frames, model.columns), np.result_type(*parts.values()))
    start = 0
    for name, width in model.parts:
        if name in parts:
            poses[:, start : start + width] = parts[name]
        start += width
    return poses


def _rate(path: Path, picked: Picked) -> float:
    for name in _RATES:
        if name in picked:
            value = picked.read(name, _MEMBERS[name])
            rate = float(value.reshape(-1)[0]) if value.size == 1 else 0.0
            if not 0 < rate <= MAX_FPS:
                raise FormatError(
                    f"'{name}' is {rate:g}; expected one number above 0 and at most {MAX_FPS:g}.", path=path
                )
            return rate
    raise FormatError(f"lacks '{_RATES[0]}'; give the frame rate (fps; --source-fps on the command line).", path=path)


def _text(path: Path, picked: Picked, name: str) -> str:
    """A short word, as text or as bytes; empty when it is absent."""
    if name not in picked:
        return ""
    value = picked.read(name, _MEMBERS[name])
    word = value.reshape(-1)[0] if value.size == 1 else None
    if isinstance(word, bytes):
        word = word.decode("ascii", errors="replace")
    if word is None or len(word) > MAX_TEXT or not str(word).isprintable():
        raise FormatError(f"'{name}' is no single short word; expected one such as 'neutral'.", path=path)
    return str(word)


def _betas(path: Path, picked: Picked) -> Float[np.ndarray, "B"]:
    if "betas" not in picked:
        return np.zeros(BETAS)
    betas = picked.read("betas", _MEMBERS["betas"])
    betas = betas[0] if betas.ndim == 2 and len(betas) else betas
    if betas.ndim != 1 or betas.size > MAX_BETAS or not sound(betas):
        raise FormatError(f"'betas' has shape {betas.shape}; expected up to {MAX_BETAS} finite numbers.", path=path)
    return betas.astype(np.float64)


def _rest(path: Path, picked: Picked, name: str, betas: np.ndarray, body_model: str | Path | None) -> Rest:
    """Rest pose: of the given model file, else from ``rest_joints``, else of the mean body."""
    mean = mean_rest(name)
    if body_model is not None:
        return read_rest(body_model, mean.skeleton, betas)
    if "rest_joints" not in picked:
        return mean
    joints = _track(path, picked, "rest_joints", 3)
    if len(joints) != len(mean.skeleton):
        raise FormatError(f"'rest_joints' has {len(joints)} rows; expected {len(mean.skeleton)}.", path=path)
    return Rest.of(joints, mean.skeleton)


def needs(motion: Motion, *, kind: str | None = None) -> Needs:
    """The skeleton that the file holds: ``kind``, else the motion's own or smplh."""
    skeleton = skeletons.get(_written_model(motion, kind))
    notes = () if motion.meta.get("amass") else ("the file's shape numbers (betas) are zero: a mean body",)
    return Needs(skeleton=None if _same_tree(motion.skeleton, skeleton) else skeleton, notes=notes)


def _written_model(motion: Motion, kind: str | None) -> str:
    if kind is not None and kind not in MODELS:
        raise InputError(f"there is no AMASS kind '{kind}'; expected {' or '.join(MODELS)}.")
    fitting = [name for name in MODELS if _same_tree(motion.skeleton, skeletons.get(name))]
    return kind or (fitting[0] if fitting else DEFAULT)


def _same_tree(one: Skeleton, two: Skeleton) -> bool:
    return (one.joints, one.parents) == (two.joints, two.parents)


def write(motion: Motion, path: str | Path, *, kind: str | None = None) -> None:
    """Write an AMASS file atomically; an existing file is replaced.

    ``kind`` is "smplh" (``poses``, ``mocap_framerate``) or "smplx" (``root_orient`` ..., ``mocap_frame_rate``); when
    not given, what the motion's skeleton is. Gender and betas are those in ``meta["amass"]`` of the same model, else
    "neutral" and zeros. Raises ``InputError`` for a motion on another skeleton: retarget it first.
    """
    name = _written_model(motion, kind)
    ours = skeletons.get(name)
    if not _same_tree(motion.skeleton, ours):
        raise InputError(
            f"the motion is on skeleton '{motion.skeleton.name}', the file holds '{name}'; retarget it first."
        )
    write_npz(path, _to_arrays(motion, name))


def _to_arrays(motion: Motion, name: str) -> dict[str, np.ndarray]:
    kept = motion.meta.get("amass")
    about: Mapping[str, Any] = kept if isinstance(kept, Mapping) and kept.get("model") == name else {}
    pelvis = _numbers(about.get("pelvis_rest"), 3)
    pelvis = mean_rest(name).pelvis if pelvis is None else pelvis
    betas = _numbers(about.get("betas"), None)
    gender = about.get("gender")
    root = motion.root.detach().cpu().double().numpy().copy()
    quats = motion.rotations.detach().cpu().double().numpy().copy()
    to_z_up(root, quats)
    poses = quats_to_axis_angles(quats)
    common = {
        "trans": root - pelvis,
        "poses": poses,
        "betas": np.zeros(BETAS) if betas is None else betas,
        "gender": np.array(gender if isinstance(gender, str) and 0 < len(gender) <= MAX_TEXT else "neutral"),
        "rest_joints": Rest(motion.skeleton, pelvis).joints(),
    }
    model = MODELS[name]
    if len(model.parts) == len(MODELS[DEFAULT].parts):
        return {**common, "mocap_framerate": np.array(motion.fps), "dmpls": np.zeros((len(motion), DMPLS))}
    stops = np.cumsum([width for _, width in model.parts]).tolist()
    parts = {part: poses[:, stop - width : stop].copy() for (part, width), stop in zip(model.parts, stops, strict=True)}
    return {
        **common,
        **parts,
        "num_betas": np.array(len(common["betas"])),
        "surface_model_type": np.array(name),
        "mocap_frame_rate": np.array(motion.fps),
        "mocap_time_length": np.array(motion.duration_s),
    }


def _numbers(values: Any, count: int | None) -> np.ndarray | None:
    """A list of finite numbers as an array; ``None`` for anything else, since meta may come from a file."""
    if not isinstance(values, (list, tuple)) or not all(isinstance(value, (int, float)) for value in values):
        return None
    array = np.array(values, dtype=np.float64)
    fits = 0 < array.size <= MAX_BETAS if count is None else array.size == count
    return array if fits and sound(array) else None
