"""Guo et al.'s published evaluators: the authors' key names and files, read into our network.

Sizes come from the tensors' shapes. Nothing in a file is executed: only tensors and plain containers are unpickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinescale.bundle.imports.base.assembled import Assembled, Given, assumptions, feature_of
from kinescale.bundle.imports.base.checkpoint import read_checkpoint
from kinescale.bundle.imports.base.renaming import Renaming, build
from kinescale.bundle.imports.base.slots import Slot, States
from kinescale.bundle.manifest import Part
from kinescale.core.errors import BundleError
from kinescale.evaluators import guo2022
from kinescale.evaluators.base import frozen

_WHAT = "a checkpoint of Guo et al.'s evaluator"
MOVEMENT_KEYS, TEXT_KEYS, MOTION_KEYS = ("movement_encoder",), ("text_encoder",), ("motion_encoder",)
"""Where the three networks lie in ``text_mot_match/model/finest.tar``."""

TITLE = "evaluator of Guo et al. 2022"
TEXT_FIELD = "folder"
_OTHERS = ("movement encoder", "text encoder", "motion encoder")
SLOTS = (
    Slot(_OTHERS[0], MOVEMENT_KEYS, r"main\.0\.weight", needs=_OTHERS),
    Slot(_OTHERS[1], TEXT_KEYS, r"pos_emb\.weight", needs=_OTHERS),
    Slot(_OTHERS[2], MOTION_KEYS, r"input_emb\.weight", needs=_OTHERS),
)

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
    renamed = {**_MOVEMENT.apply(movement), **_TEXT.apply(text), **_MOTION.apply(motion)}
    built = build(lambda: guo2022.Evaluator(config), renamed, _WHAT)
    frozen(built)
    return built


def read_evaluator(path: str | Path, **given: Any) -> guo2022.Evaluator:
    """The evaluator in the authors' file, ``text_mot_match/model/finest.tar``."""
    movement, text, motion = (read_checkpoint(path, keys) for keys in (MOVEMENT_KEYS, TEXT_KEYS, MOTION_KEYS))
    return import_evaluator(movement, text, motion, **given)


def assemble(states: States, given: Given) -> Assembled:
    """The evaluator; its words come from the published table, whose folder is ``given`` as the text's ``folder``."""
    parts = (states[part] for part in _OTHERS)
    network = import_evaluator(*parts, **given.get("evaluator", {}))
    text = given.get("text", {})
    words = Part(name="word_vectors", config=dict(text)) if text else None
    lines = assumptions(given, {"evaluator": network.config}, {"evaluator": ("max_frames",)})
    if words is None:
        lines.append("no word table was named: texts are embedded from token features alone (given)")
    return Assembled(feature_of(network.feature_width), evaluator=network, text=words, assumed=tuple(lines))
