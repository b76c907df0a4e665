"""Reading an authors' checkpoint file without executing anything in it, and sizes off what it holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinescale.core.errors import BundleError


def read_checkpoint(path: str | Path, keys: tuple[str, ...]) -> dict[str, Tensor]:
    """The state dict under the first of ``keys`` (a dot goes one level down) in one of the authors' files.

    Raises ``BundleError`` for a file that is missing, not a checkpoint, more than plain tensors, or another model.
    """
    path = Path(path)
    if not path.is_file():
        raise BundleError(f"{path} is not a file; name a checkpoint such as net_best_fid.tar.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as problem:  # torch.load raises whatever the damaged part of the file led to
        first = "".join(str(problem).strip().splitlines()[:1])[:120]
        raise BundleError(
            f"{path} cannot be read as a checkpoint of plain tensors ({type(problem).__name__}: {first})."
        ) from None
    state = next((found for key in keys if (found := _entry(content, key)) is not None), None)
    if state is None:
        there = ", ".join(map(str, list(content)[:6])) if isinstance(content, dict) else type(content).__name__
        raise BundleError(f"{path} holds {there}; expected an entry '{keys[0]}' as in the authors' checkpoints.")
    if not all(isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()):
        raise BundleError(f"{path}: its weights are not a dictionary of tensors; the file is another model's.")
    return state


def shape_of(state: Mapping[str, Tensor], key: str, what: str, *, system: str) -> torch.Size:
    """The shape of a tensor of ``what``; ``BundleError`` where the state dict of ``system`` lacks it."""
    if not isinstance(state.get(key), Tensor):
        raise BundleError(f"{what} has no tensor '{key}'; expected the authors' {system} state dict.")
    return state[key].shape


def count_of(state: Mapping[str, Tensor], pattern: str) -> int:
    """How many of something there are: one more than the largest number that ``pattern`` captures in a key."""
    return 1 + max((int(match[1]) for key in state if (match := re.match(pattern, key))), default=-1)


def _entry(content: Any, key: str) -> dict | None:
    for part in key.split("."):
        content = content.get(part) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else None
