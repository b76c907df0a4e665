"""The published layout of the HumanML3D family: feature arrays, caption files, splits, means and deviations.

    ROOT/new_joint_vecs/ID.npy  [T, F]   ROOT/texts/ID.txt   ROOT/{train,val,test}.txt   ROOT/Mean.npy  ROOT/Std.npy

Guo et al. 2022, "Generating Diverse and Natural 3D Human Motions from Text". A caption that describes a part of
the clip makes those frames a clip of its own; the whole clip keeps the captions that describe all of it. Clips are kept
between a shortest and a longest length, counted in feature frames. ``new_joints`` (positions) may stand in for
``new_joint_vecs``; then nothing is given and the features are computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from kinescale.core.errors import DataError, KinescaleError
from kinescale.data.datasets.base import Native, RawClip, need, read_statistics
from kinescale.data.datasets.base.texts import CaptionLine, read_captions, read_ids
from kinescale.formats import read_motion
from kinescale.formats.npy import read_values
from kinescale.motion import Motion

SPLITS = ("train", "val", "test")
VECTORS, JOINTS = "new_joint_vecs", "new_joints"


@dataclass(frozen=True)
class Layout:
    """One set: its name, what its arrays are, and which lengths are kept (``longest`` itself is not)."""

    corpus: str
    native: Native
    shortest: int
    longest: int
    folders: tuple[str, ...] = (VECTORS, JOINTS)
    texts: tuple[str, ...] = ("texts",)


def of(layout: Layout) -> tuple[Callable[..., Any], ...]:
    """``find``, ``load``, ``given`` and ``statistics`` of a set in this layout, as a data set's module offers them."""
    return tuple(partial(function, layout=layout) for function in (find, load, given, statistics))


def root_of(folder: Path, layout: Layout) -> Path:
    """The folder that holds the arrays: ``folder`` or one at most two levels below it."""
    for pattern in ("", "*/", "*/*/"):
        for name in layout.folders:
            found = sorted(path for path in folder.glob(f"{pattern}{name}") if path.is_dir())
            if found:
                return found[0].parent
    expected = " or ".join(f"{name}/ID.npy" for name in layout.folders)
    raise DataError(f"{folder}: not the layout of {layout.corpus}; expected {expected}, texts/ID.txt and train.txt.")


def find(folder: Path, layout: Layout) -> list[RawClip]:
    """Every clip of every split, and every part that a caption describes."""
    root = root_of(folder, layout)
    arrays = next(root / name for name in layout.folders if (root / name).is_dir())
    texts = next((root / name for name in layout.texts if (root / name).is_dir()), root / layout.texts[0])
    clips: list[RawClip] = []
    seen: dict[str, str] = {}
    for split in SPLITS:
        file = root / f"{split}.txt"
        if not file.is_file():
            continue
        for name in read_ids(file):
            if name in seen:
                clips.append(_bad(layout, name, arrays, f"is listed in {seen[name]} and again in {split}.txt."))
                continue
            seen[name] = f"{split}.txt"
            clips += _of_id(layout, name, split, arrays, texts)
    return need(clips, folder, "train.txt, val.txt or test.txt that lists the ids in new_joint_vecs")


def _bad(layout: Layout, name: str, arrays: Path, problem: str) -> RawClip:
    shown = "".join(c if c.isprintable() else "?" for c in name)[:100]
    return RawClip(id=f"{layout.corpus}/{shown}", corpus=layout.corpus, files=(arrays,), action="", problem=problem)


def _of_id(layout: Layout, name: str, split: str, arrays: Path, texts: Path) -> list[RawClip]:
    file, text = arrays / f"{name}.npy", texts / f"{name}.txt"
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return [_bad(layout, name, arrays, "the id leads out of the folder.")]
    if not file.is_file():
        return [_bad(layout, name, file, f"{arrays.name}/{name}.npy is missing.")]
    if not text.is_file():
        return [_bad(layout, name, file, f"{texts.name}/{name}.txt is missing.")]
    try:
        lines, problems = read_captions(text)
    except KinescaleError as problem:
        return [_bad(layout, name, file, str(problem))]
    clips = [_bad(layout, f"{name} (caption)", file, problem) for problem in problems]
    whole = [line for line in lines if line.span is None]
    if whole:
        clips.append(_clip(layout, name, split, (file, text), whole))
    spans: dict[tuple[float, float], list[CaptionLine]] = {}
    for line in lines:
        if line.span is not None:
            spans.setdefault(line.span, []).append(line)
    for (first, last), described in spans.items():
        clip = _clip(layout, f"{name}@{first:g}-{last:g}", split, (file, text), described)
        clips.append(clip.but(start=int(first * layout.native.fps), stop=int(last * layout.native.fps)))
    if not lines:
        clips.append(_bad(layout, name, file, f"{texts.name}/{name}.txt holds no caption."))
    return clips


def _clip(layout: Layout, name: str, split: str, files: tuple[Path, Path], lines: list[CaptionLine]) -> RawClip:
    return RawClip(
        id=f"{layout.corpus}/{name}",
        corpus=layout.corpus,
        files=files,
        action="",
        captions=tuple(line.caption for line in lines),
        caption_tokens=tuple(line.tokens for line in lines),
        split=split,
    )


def given(clip: RawClip, layout: Layout) -> Float[np.ndarray, "T F"] | None:
    """The clip's frames of the published array, ``None`` where the file holds positions.

    ``DataError`` for another width, for lengths that are not kept and for numbers that are not finite.
    """
    values = read_values(clip.files[0])
    if values.ndim != 2:
        return None
    if values.shape[1] != layout.native.width:
        raise DataError(f"{clip.files[0].name}: {values.shape[1]} features a frame; expected {layout.native.width}.")
    part = values[clip.start : clip.stop]
    _check_length(clip, len(part), layout)
    return np.ascontiguousarray(part, dtype=np.float32)


def load(clip: RawClip, layout: Layout) -> Motion:
    """The clip's motion: its frames of the array, turned into rotations by inverse kinematics."""
    motion = read_motion(clip.files[0], fps=layout.native.fps)
    stop = len(motion) if clip.stop is None else min(clip.stop, len(motion))
    # features of positions are one frame fewer
    _check_length(clip, stop - clip.start - int(clip.files[0].parent.name == JOINTS), layout)
    return motion.slice(clip.start, stop)


def _check_length(clip: RawClip, frames: int, layout: Layout) -> None:
    if not layout.shortest <= frames < layout.longest:
        raise DataError(
            f"{clip.files[0].name}: {frames} frames; {layout.corpus} keeps {layout.shortest} to {layout.longest - 1}."
        )


def statistics(folder: Path, layout: Layout) -> tuple[np.ndarray, np.ndarray] | None:
    """The published mean and deviation of each feature, ``None`` where they are not there."""
    return read_statistics(root_of(folder, layout), layout.native.width)
