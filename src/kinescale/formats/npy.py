"""npy arrays of joints or features as in HumanML3D, KIT-ML and SnapMoGen, recognized by their shape.

Joints are [T, 22, 3] (HumanML3D's ``new_joints``), [T, 21, 3] and [T, 24, 3]; features [T, 263] (``new_joint_vecs``),
[T, 251] (both Guo et al. 2022) and [T, 296] (SnapMoGen). Such a file has no frame rate, unit or license: those of the
layout are taken (20 fps and meters; KIT-ML 12.5 fps and millimeters; SnapMoGen 30 fps and centimeters). Joint positions
do not contain the twist of bones: rotations are solved by inverse kinematics. Features do not contain the start
position and facing of a clip, and have one frame less than the motion.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from kinescale.core.conventions import MAX_FRAMES
from kinescale.core.errors import FormatError, InputError
from kinescale.core.files import atomic_path
from kinescale.features import Feature, humanml3d, snapmogen
from kinescale.formats.base import Needs
from kinescale.formats.base.damage import damage_as_format_error
from kinescale.formats.base.world import WorldOptions
from kinescale.io.safe_npy import Expected, read_npy
from kinescale.io.text_scanner import LARGEST, sound
from kinescale.motion.from_positions import motion_from_positions
from kinescale.motion.motion import Motion
from kinescale.skeletons import Skeleton

SUFFIXES = (".npy",)

KINDS = ("joints", "features")
LARGEST_UNIT_M = 1000.0
MAX_JOINT_FRAMES = 20_000
"""Most frames of joint positions, about a quarter of an hour at 20 fps: bounds the time of inverse kinematics."""
_ARRAY = Expected("f4 f8", (2, 3), lenient=True)


@dataclass(frozen=True)
class _Layout:
    """Array layout of one dataset. ``unit_m``: meters per unit."""

    feature: Feature
    unit_m: float

    @property
    def skeleton(self) -> Skeleton:
        return self.feature.skeleton

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Kind -> shape of a frame."""
        return {"joints": (len(self.skeleton), 3), "features": (self.feature.width,)}

    def fits(self, motion: Motion) -> bool:
        """Whether the motion has the layout's joints, of any lengths."""
        return (motion.skeleton.joints, motion.skeleton.parents) == (self.skeleton.joints, self.skeleton.parents)


@lru_cache
def _layouts(unit_m: float | None = None) -> tuple[_Layout, ...]:
    """All layouts, the first for motions on other skeletons; ``unit_m`` replaces their own units."""
    field = [humanml3d.build(humanml3d.Config(variant=v, unit_m=unit_m)) for v in ("humanml3d", "kit")]
    # without the drift of the published decoding
    config = snapmogen.Config(faithful=False)
    snap = snapmogen.build(config if unit_m is None else config.but(unit_m=unit_m))
    return tuple(_Layout(feature, feature.unit_m) for feature in (*field, snap))


def read(path: str | Path, *, fps: float | None = None, unit_m: float | None = None) -> Motion:
    """Read an array; ``FormatError`` for damaged content.

    ``fps`` and ``unit_m`` (meters per unit) replace those of the layout. Joints are read on a skeleton of their own
    bone lengths, in the file's float type.
    """
    path = Path(path)
    WorldOptions(fps=fps)  # checks the rate
    _check_unit(unit_m)
    values = read_npy(path, _ARRAY)
    layout, kind = _layout_of_shape(path, values.shape, unit_m)
    most = MAX_JOINT_FRAMES if kind == KINDS[0] else MAX_FRAMES
    if not 1 <= len(values) <= most:
        raise FormatError(f"has {len(values)} frames of {kind}; expected 1 to {most}.", path=path)
    if not sound(values):
        raise FormatError(f"holds a number that is not finite or above {LARGEST:g}.", path=path)
    numbers = torch.from_numpy(values).double()
    rate = fps or layout.feature.fps
    with damage_as_format_error(path):
        if kind == KINDS[0]:
            motion = motion_from_positions(numbers * layout.unit_m, layout.skeleton, rate)
        else:
            motion = layout.feature.to_motion(numbers).replace(fps=rate)
    return motion if values.dtype == np.float64 else motion.to(torch.float32)


def read_values(path: str | Path, *, axes: tuple[int, ...] = (2, 3)) -> Float[np.ndarray, "T ..."]:
    """Numbers of an array file without conversion (float32 or float64); ``FormatError`` for any other file."""
    return read_npy(Path(path), Expected("f4 f8", axes, lenient=True))


def _layout_of_shape(path: Path, shape: tuple[int, ...], unit_m: float | None) -> tuple[_Layout, str]:
    known = {(layout, kind): frame for layout in _layouts(unit_m) for kind, frame in layout.shapes.items()}
    for (layout, kind), frame in known.items():
        if shape[1:] == frame:
            return layout, kind
    expected = ", ".join(f"[T, {', '.join(map(str, frame))}]" for frame in known.values())
    raise FormatError(f"is an array of shape {list(shape)}; expected one of {expected}.", path=path)


def _check_unit(unit_m: float | None) -> None:
    if unit_m is not None and not 0 < unit_m <= LARGEST_UNIT_M:
        raise InputError(f"a unit of {unit_m} m; expected more than 0, such as 0.01 for centimeters.")


def _chosen(motion: Motion, kind: str, unit_m: float | None = None) -> _Layout:
    """The layout with the motion's joints, else the first."""
    if kind not in KINDS:
        raise InputError(f"there is no .npy kind '{kind}'; expected {' or '.join(KINDS)}.")
    layouts = _layouts(unit_m)
    return next((layout for layout in layouts if layout.fits(motion)), layouts[0])


def needs(motion: Motion, *, kind: str = KINDS[0], unit_m: float | None = None) -> Needs:
    """The layout's frame rate, and its skeleton unless the motion has its joints."""
    layout = _chosen(motion, kind, unit_m)
    lost = {
        "joints": f"joint positions hold no twist of the bones; read back at {layout.feature.fps:g} fps by default",
        "features": "features leave out where the clip starts and faces, and hold one frame less",
    }
    return Needs(None if layout.fits(motion) else layout.skeleton, layout.feature.fps, (lost[kind],))


def write(motion: Motion, path: str | Path, *, kind: str = KINDS[0], unit_m: float | None = None) -> None:
    """Write joint positions or features as float32, atomically; an existing file is replaced.

    ``kind`` is "joints" or "features". The motion's joints choose the layout, and ``unit_m`` replaces its unit.
    Raises ``InputError`` for a motion on no such skeleton, and for features of another frame rate: retarget or
    resample it first.
    """
    _check_unit(unit_m)
    layout = _chosen(motion, kind, unit_m)
    if not layout.fits(motion):
        names = ", ".join(layout.skeleton.name for layout in _layouts())
        raise InputError(f"the motion is on skeleton '{motion.skeleton.name}'; retarget it first to one of {names}.")
    values = motion.positions() / layout.unit_m if kind == KINDS[0] else layout.feature.from_motion(motion)
    array = values.detach().cpu().numpy().astype(np.float32)
    if not sound(array):
        raise InputError(f"the motion makes numbers that are not finite or above {LARGEST:g}; is the unit right?")
    _save(array, path)


def _save(values: Float[np.ndarray, "T ..."], path: str | Path) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array(file, np.ascontiguousarray(values), allow_pickle=False)
