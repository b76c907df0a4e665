"""Bodies of AMASS files: which body model file is whose, and a motion on the body that its file says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kinescale import skeletons
from kinescale.core.errors import DataError
from kinescale.formats import amass
from kinescale.formats.base.smpl_model import FoldedModel, fold_model, mean_rest
from kinescale.motion import Motion

FOLDER = "body_models"
"""Below the data, where body model files are looked for."""
GENDERS = ("female", "male", "neutral")
MOST_FILES = 1000


def model_files(place: Path) -> tuple[Path, ...]:
    """The body model files in a folder, or the one that is named. ``DataError`` where there is none."""
    if place.is_file():
        return (place,)
    found = [f for f in sorted(place.rglob("*")) if f.suffix.lower() in (".npz", ".pkl")][:MOST_FILES]
    if not found:
        raise DataError(
            f"{place}: holds no body model; expected SMPL-H or SMPL-X files such as smplh/male/model.npz, which their "
            "publishers give out on registration."
        )
    # arrays before pickles of the same model
    return tuple(sorted(found, key=lambda f: f.suffix.lower() != ".npz"))


def by_body(files: Sequence[Path]) -> dict[tuple[str, str], Path]:
    """(model, gender) -> body model file, by the words in its path; a file without such words is for all.

    ``smplh/male/model.npz`` and ``SMPLX_FEMALE.npz`` are both read.
    """
    found: dict[tuple[str, str], Path] = {}
    for file in files:
        words = re.split(r"[^a-z]+", "/".join(file.parts[-3:]).lower())
        models = [model for model in amass.MODELS if model in words] or list(amass.MODELS)
        genders = [next(iter(gender for gender in GENDERS if gender in words), "")]
        for model in models:
            for gender in genders if genders != [""] else GENDERS:
                found.setdefault((model, gender), file)
    return found


def model_of(files: dict[tuple[str, str], Path], model: str, gender: str) -> Path:
    """The file of a body; without a neutral one the female one, as HumanML3D has it. ``DataError`` where none fits."""
    for wanted in (gender, "female", "neutral", "male"):
        if (model, wanted) in files:
            return files[model, wanted]
    raise DataError(f"there is no {model} body model for '{gender}'; add one to the body models.")


def on_its_body(motion: Motion, files: dict[tuple[str, str], Path], betas: int | None = None) -> Motion:
    """A motion that ``formats.amass`` read, on the body of its own shape; ``betas``: only the first so many.

    ``DataError`` where no body model fits.
    """
    about: Any = motion.meta["amass"]
    model, gender = str(about["model"]), str(about["gender"]).lower()
    rest = _folded(str(model_of(files, model, gender)), model).rest(
        np.asarray(about["betas"], dtype=np.float64)[:betas]
    )
    # trans moves the model's origin; the root is the pelvis, which rests elsewhere in another body
    moved = rest.pelvis - mean_rest(model).pelvis
    x, y, z = moved.tolist()
    root = motion.root + torch.tensor([x, z, -y], dtype=motion.root.dtype)
    meta = {**motion.meta, "amass": {**about, "pelvis_rest": rest.pelvis.tolist()}}
    return Motion(rest.skeleton, motion.fps, root, motion.rotations, meta)


@lru_cache(maxsize=8)
def _folded(path: str, model: str) -> FoldedModel:
    return fold_model(path, skeletons.get(model))
