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

from kinescale.bundle.imports.base.checkpoint import read_checkpoint
from kinescale.bundle.imports.base.renaming import Renaming, load_strictly
from kinescale.core.errors import BundleError
from kinescale.evaluators import snapmogen
from kinescale.evaluators.base import frozen

_WHAT = "a checkpoint of SnapMoGen's evaluator"
MOTION_KEYS, TEXT_KEYS = ("latent_enc",), ("text_enc",)


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
    built = snapmogen.Evaluator(config)
    load_strictly(built, {**_renaming("motion").apply(motion), **_renaming("text").apply(text)}, _WHAT)
    frozen(built)
    return built


def read_evaluator(path: str | Path, **given: Any) -> snapmogen.Evaluator:
    """The evaluator in the authors' file."""
    return import_evaluator(read_checkpoint(path, MOTION_KEYS), read_checkpoint(path, TEXT_KEYS), **given)
