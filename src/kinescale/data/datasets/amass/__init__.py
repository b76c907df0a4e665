"""amass: AMASS as published, SMPL-H or SMPL-X, cut and captioned by HumanML3D's list, BABEL, KIT-ML, or not at all.

Mahmood et al. 2019, "AMASS: Archive of Motion Capture as Surface Shapes". The folder is the user's own:

    ROOT/SUBSET/SUBJECT/NAME_poses.npz (SMPL-H) or NAME_stageii.npz (SMPL-X)     ROOT/humanact12/humanact12/NAME.npy
    ROOT/index.csv, ROOT/texts/ID.txt, ROOT/{train,val,test}.txt                 HumanML3D's list, captions and splits
    ROOT/body_models/smplh/male/model.npz ...                                    the user's body models, optional

Without ``index.csv`` the files are cut by what ``annotations`` finds, and without that each file is a clip without
captions. Without body models, bodies have mean bones (``formats.amass``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from kinescale import skeletons
from kinescale.core.errors import DataError, KinescaleError
from kinescale.data.datasets.amass.annotations import read_annotations
from kinescale.data.datasets.amass.bodies import FOLDER, by_body, model_files, on_its_body
from kinescale.data.datasets.amass.cutting import FPS, INDEX, Cut, find_source, read_index
from kinescale.data.datasets.base import License, RawClip, need
from kinescale.data.datasets.base.published import SPLITS
from kinescale.data.datasets.base.texts import checked_caption, read_captions, read_ids
from kinescale.formats import amass as files
from kinescale.formats.npy import read_values
from kinescale.motion import Motion
from kinescale.motion.from_positions import motion_from_positions

LICENSE = License(
    name="AMASS (research only)",
    url="https://amass.is.tue.mpg.de/license.html",
    attribution="AMASS (Mahmood et al. 2019) and the sets that it unites; HumanAct12 where it is part of the list.",
    commercial_use=False,
)
OTHER_FORMS = ("humanml3d",)
"""What ``kinescale prepare --as`` makes of the corpus beside prepared data (``data.prepare.humanml3d_folder``)."""
PREPARED_FPS = 20.0
NOT_MOTIONS = ("shape", "neutral_stagei", "female_stagei", "male_stagei")
BODY_JOINTS = 22


def find(folder: Path, body_models: Path | None = None) -> list[RawClip]:
    """The clips of the cutting list, of the annotations, or every file, each with the files of the body models.

    ``body_models``: a folder of them or a file, where they are not in ``ROOT/body_models``.
    """
    place = body_models or (folder / FOLDER if (folder / FOLDER).is_dir() else None)
    models = () if place is None else model_files(place)
    return [clip if clip.problem else clip.but(files=(*clip.files, *models)) for clip in _found(folder)]


def _found(folder: Path) -> list[RawClip]:
    if (folder / INDEX).is_file():
        return need(_listed(folder), folder, f"the files of {INDEX} below it")
    told = read_annotations(folder)
    if told:
        clips = []
        for one in told:
            clip = _clip(folder, one.name, find_source(folder, one.source), one.source)
            start, stop = (0, None) if one.span is None else (round(one.span[0] * FPS), round(one.span[1] * FPS))
            clips.append(clip.but(captions=one.captions, split=one.split, start=start, stop=stop))
        return need(clips, folder, "the files that the annotations name")
    found = [file for file in sorted(folder.rglob("*.npz")) if _is_motion(folder, file)]
    clips = [_clip(folder, file.relative_to(folder).with_suffix("").as_posix(), file, "") for file in found]
    return need(clips, folder, "SUBSET/SUBJECT/NAME_poses.npz")


def load(clip: RawClip) -> Motion:
    """The motion of the clip; its ``start`` and ``stop`` count frames of 20 a second. ``DataError`` for none."""
    path = clip.files[0]
    if path.suffix == ".npy":
        joints = read_values(path, axes=(3,))
        if joints.shape[1] < BODY_JOINTS or joints.shape[2] != 3 or not np.isfinite(joints).all():
            raise DataError(f"{path.name}: an array {list(joints.shape)}; expected [T, 22 or more, 3] finite numbers.")
        body = torch.from_numpy(joints[clip.start : clip.stop, :BODY_JOINTS]).double()
        return motion_from_positions(body, skeletons.get("humanml22"), FPS)
    motion = files.read(path)
    if len(clip.files) > 1:
        motion = on_its_body(motion, by_body(clip.files[1:]))
    rate = motion.fps / FPS
    stop = len(motion) if clip.stop is None else min(len(motion), round(clip.stop * rate))
    if round(clip.start * rate) >= stop:
        raise DataError(f"{path.name}: ends before frame {clip.start} of 20 a second.")
    return motion.slice(round(clip.start * rate), stop)


def cuts_of(folder: Path) -> list[tuple[Cut, Path | None]]:
    """The cutting list of a folder with the file of each clip, ``None`` where it is missing."""
    return [(cut, find_source(folder, cut.source)) for cut in read_index(folder / INDEX)]


def _is_motion(folder: Path, file: Path) -> bool:
    return file.stem not in NOT_MOTIONS and FOLDER not in file.relative_to(folder).parts


def _clip(folder: Path, name: str, file: Path | None, source: str) -> RawClip:
    clip = RawClip(
        id=f"amass/{name}", corpus="amass", files=(folder if file is None else file,), action="", captions=()
    )
    return clip.but(problem=f"{source} is missing.") if file is None else clip.but(mirrorable=True)


def _listed(folder: Path) -> list[RawClip]:
    """The clips of HumanML3D's list, with its captions and splits where they are there."""
    splits = {
        name: split
        for split in SPLITS
        if (folder / f"{split}.txt").is_file()
        for name in read_ids(folder / f"{split}.txt")
    }
    clips = []
    for cut, file in cuts_of(folder):
        first, last = cut.seconds()
        clip = _clip(folder, cut.name, file, cut.source)
        clip = clip.but(start=round(first * FPS), stop=round(last * FPS), split=splits.get(cut.name))
        text = folder / "texts" / f"{cut.name}.txt"
        try:
            lines = read_captions(text)[0] if text.is_file() else []
            captions = tuple(checked_caption(line.caption) for line in lines if line.span is None)
            clips.append(clip.but(captions=captions))
        except KinescaleError as problem:
            clips.append(clip.but(problem=str(problem)))
    return clips
