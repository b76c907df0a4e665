"""Guo et al.'s published evaluators: the authors' key names and files, read into our network.

Sizes come from the tensors' shapes. Nothing in a file is executed: only tensors and plain containers are unpickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinescale.bundle.imports.base.checkpoint import read_checkpoint
from kinescale.bundle.imports.base.renaming import Renaming, load_strictly
from kinescale.core.errors import BundleError
from kinescale.evaluators import guo2022
from kinescale.evaluators.base import frozen
from kinescale.features import Normalizer
from kinescale.io.safe_npy import Expected, read_npy

_WHAT = "a checkpoint of Guo et al.'s evaluator"
MOVEMENT_KEYS, TEXT_KEYS, MOTION_KEYS = ("movement_encoder",), ("text_encoder",), ("motion_encoder",)
"""Where the three networks lie in ``text_mot_match/model/finest.tar``."""

_RECURRENT = (
    (r"gru\.(\w+)", r"unit.\1"),
    (r"hidden", r"start"),
    (r"input_emb\.(\w+)", r"enter.\1"),
    (r"output_net\.([013])\.(\w+)", r"leave.\1.\2"),
)
_MOVEMENT = Renaming(
    f"{_WHAT} (movement_encoder)",
    ((r"main\.0\.(\w+)", r"movement.first.\1"), (r"main\.3\.(\w+)", r"movement.second.\1"),
     (r"out_net\.(\w+)", r"movement.out.\1")),
)  # fmt: skip
_MOTION = Renaming(f"{_WHAT} (motion_encoder)", tuple((theirs, f"motion.{ours}") for theirs, ours in _RECURRENT))
_TEXT = Renaming(
    f"{_WHAT} (text_encoder)",
    ((r"pos_emb\.(\w+)", r"pos.\1"), *((theirs, f"text.{ours}") for theirs, ours in _RECURRENT)),
)


def _shape(state: Mapping[str, Tensor], key: str) -> torch.Size:
    if key not in state:
        raise BundleError(f"{_WHAT} has no tensor '{key}'; expected the authors' state dicts.")
    return state[key].shape


def evaluator_config(
    movement: Mapping[str, Tensor], text: Mapping[str, Tensor], motion: Mapping[str, Tensor], **given: Any
) -> guo2022.Config:
    """Sizes read off the shapes; ``given`` fields (``max_frames``) win."""
    hidden, seen, _ = _shape(movement, "main.0.weight")
    word, pos = _shape(text, "pos_emb.weight")
    sizes = {
        "feature_width": seen + guo2022.CONTACTS,
        "movement_hidden": hidden,
        "movement_latent": _shape(movement, "out_net.weight")[0],
        "word_width": word,
        "pos_width": pos,
        "text_hidden": _shape(text, "input_emb.weight")[0],
        "motion_hidden": _shape(motion, "input_emb.weight")[0],
        "embedding": _shape(motion, "output_net.3.weight")[0],
    }
    return guo2022.Config.parse({**sizes, **given}, where=_WHAT)


def import_evaluator(
    movement: Mapping[str, Tensor], text: Mapping[str, Tensor], motion: Mapping[str, Tensor], **given: Any
) -> guo2022.Evaluator:
    """The evaluator with the authors' weights, frozen. Raises ``BundleError`` where a key is missing or unknown."""
    config = evaluator_config(movement, text, motion, **given)
    built = guo2022.Evaluator(config)
    load_strictly(built, {**_MOVEMENT.apply(movement), **_TEXT.apply(text), **_MOTION.apply(motion)}, _WHAT)
    frozen(built)
    return built


def read_evaluator(path: str | Path, **given: Any) -> guo2022.Evaluator:
    """The evaluator in the authors' file, ``text_mot_match/model/finest.tar``."""
    movement, text, motion = (read_checkpoint(path, keys) for keys in (MOVEMENT_KEYS, TEXT_KEYS, MOTION_KEYS))
    return import_evaluator(movement, text, motion, **given)


def read_statistics(folder: str | Path) -> Normalizer:
    """Mean and deviation of what the evaluator sees, ``mean.npy`` and ``std.npy`` of its ``meta`` folder."""
    paths = [Path(folder) / f"{name}.npy" for name in ("mean", "std")]
    found = [torch.from_numpy(read_npy(path, Expected("f4 f8", (1,)))) for path in paths]
    if found[0].shape != found[1].shape or not bool((found[1] > 0).all()):
        raise BundleError(f"{folder}: mean and std do not fit each other, or a deviation is not above 0.")
    return Normalizer(found[0].float(), found[1].float())
