"""SnapMoGen's published evaluator: the authors' key names and files, read into our network.

Sizes come from the tensors' shapes; the number of heads is the published one unless given. Nothing in a file is
executed: only tensors and plain containers are unpickled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinescale.bundle.imports.base.assembled import Assembled, Given, assumptions, feature_of, part_with
from kinescale.bundle.imports.base.checkpoint import read_checkpoint
from kinescale.bundle.imports.base.renaming import Renaming, build
from kinescale.bundle.imports.base.slots import Slot, States
from kinescale.core.errors import BundleError
from kinescale.evaluators import snapmogen
from kinescale.evaluators.base import frozen
from kinescale.text import t5

_WHAT = "a checkpoint of SnapMoGen's evaluator"
MOTION_KEYS, TEXT_KEYS = ("latent_enc",), ("text_enc",)

TITLE = "evaluator of SnapMoGen (Guo et al. 2025)"
TEXT_FIELD = "model"
SLOTS = (
    Slot("motion encoder", MOTION_KEYS, r"projection\.weight", needs=("text encoder",)),
    Slot("text encoder", TEXT_KEYS, r"projection\.weight", needs=("motion encoder",)),
)
TEXT = t5.Config(model="google-t5/t5-base", max_tokens=120)
"""Section 5.2 of ScaleMoGen's method notes."""


def _renaming(part: str) -> Renaming:
    rules = (
        (r"tokens", f"{part}.summaries"),
        (r"projection\.(\w+)", rf"{part}.enter.\1"),
        (r"linear\.(\w+)", rf"{part}.leave.\1"),
        (r"seqTransEncoder\.(layers\..+)", rf"{part}.trunk.\1"),
    )
    # the table of positions, where a file has one, is computed here
    return Renaming(_WHAT, rules, ((r".*\bpe", _is_sinusoids),))


def _is_sinusoids(value: Tensor) -> bool:
    flat = value.float().reshape(-1, value.shape[-1])
    return torch.allclose(flat, snapmogen.sinusoids(*flat.shape), atol=2e-3)


def _shape(state: Mapping[str, Tensor], key: str) -> torch.Size:
    if key not in state:
        raise BundleError(f"{_WHAT} has no tensor '{key}'; expected the authors' state dicts.")
    return state[key].shape


def evaluator_config(motion: Mapping[str, Tensor], text: Mapping[str, Tensor], **given: Any) -> snapmogen.Config:
    """Sizes read off the shapes; ``given`` fields (``heads``, ``feature_width``, ``max_frames``) win."""
    width, read = _shape(motion, "projection.weight")
    blocks = [int(found[1]) for key in motion if (found := re.match(r"seqTransEncoder\.layers\.(\d+)\.", key))]
    sizes = {
        "read_width": read,
        "text_width": _shape(text, "projection.weight")[1],
        "width": width,
        "hidden": _shape(motion, "seqTransEncoder.layers.0.linear1.weight")[0],
        "layers": 1 + max(blocks, default=0),
    }
    return snapmogen.Config.parse({**sizes, **given}, where=_WHAT)


def import_evaluator(motion: Mapping[str, Tensor], text: Mapping[str, Tensor], **given: Any) -> snapmogen.Evaluator:
    """The evaluator with the authors' weights, frozen. Raises ``BundleError`` where a key is missing or unknown."""
    config = evaluator_config(motion, text, **given)
    renamed = {**_renaming("motion").apply(motion), **_renaming("text").apply(text)}
    built = build(lambda: snapmogen.Evaluator(config), renamed, _WHAT)
    frozen(built)
    return built


def read_evaluator(path: str | Path, **given: Any) -> snapmogen.Evaluator:
    """The evaluator in the authors' file."""
    return import_evaluator(read_checkpoint(path, MOTION_KEYS), read_checkpoint(path, TEXT_KEYS), **given)


def assemble(states: States, given: Given) -> Assembled:
    """The evaluator with its text encoder."""
    network = import_evaluator(states["motion encoder"], states["text encoder"], **given.get("evaluator", {}))
    words = part_with(TEXT, given.get("text", {}), "text")
    unread = {"evaluator": ("heads", "feature_width", "max_frames"), "text": ("model", "max_tokens")}
    lines = assumptions(given, {"evaluator": network.config, "text": words}, unread)
    return Assembled(feature_of(network.feature_width), evaluator=network, text=words, assumed=tuple(lines))
