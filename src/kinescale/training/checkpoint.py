"""Checkpoints: one safetensors file with all tensors of a stage, its state as JSON, and a digest.

Reading runs no code. A file is written beside the target and moved over it, and the one before is kept, so
a kill at any moment leaves at least one whole checkpoint. The digest finds files torn by a full disk or a
bad copy.

Random states are not among the tensors because there are none to keep: every draw of a stage, dropout
included, comes from a stream derived from (seed, stage, step), so the step number is the whole random
state and the place in the data.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from kinescale.bundle.header import current
from kinescale.core.errors import BundleError
from kinescale.core.files import atomic_path
from kinescale.core.json_input import parse_json

FORMAT = "kinescale-checkpoint"
VERSION = 1
CURRENT = "checkpoint.safetensors"
PREVIOUS = "checkpoint.previous.safetensors"
OLDER = "checkpoint.previous{}.safetensors"
"""Those before it, from 2 on."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Tensors by name (``model/…``, ``ema/…``, ``optimizer/…``) and plain JSON state."""

    tensors: dict[str, Tensor]
    state: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors below ``prefix/``, without it."""
        return {key[len(prefix) + 1 :]: value for key, value in self.tensors.items() if key.startswith(prefix + "/")}


def digest(tensors: Mapping[str, Tensor], state: str = "") -> str:
    """SHA-256 over names, types, shapes and bytes of tensors in order of name, and a text."""
    whole = hashlib.sha256(state.encode())
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        whole.update(f"{name}:{value.dtype}:{tuple(value.shape)};".encode())
        whole.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return whole.hexdigest()


def save(path: Path, checkpoint: Checkpoint, *, keep: Path | None = None) -> None:
    """Write atomically; the file that was at ``path`` goes to ``keep``."""
    # Copies: tied weights share storage, which the format refuses.
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in checkpoint.tensors.items()}
    state = json.dumps(checkpoint.state, sort_keys=True, allow_nan=False)
    header = {"format": FORMAT, "version": str(VERSION), "state": state, "sha256": digest(tensors, state)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=header)
        if keep is not None and path.exists():
            os.replace(path, keep)


def load(path: Path, *, as_stored: bool = False) -> Checkpoint:
    """Read a checkpoint whole; ``BundleError`` when it is absent, torn, altered or something else.

    Tensors of earlier versions come under their current names, unless ``as_stored``.
    """
    if not path.is_file():
        raise BundleError(f"{path}: there is no checkpoint there; train the stage first.")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            # copies: tensors that stay mapped to the file would crash the process if it were cut short later
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as problem:
        line = " ".join(str(problem).split())[:160]
        raise BundleError(f"{path}: is cut short or corrupt ({line}); the checkpoint before it may be whole.") from None
    if header.get("format") != FORMAT or header.get("version") != str(VERSION):
        raise BundleError(f"{path}: is not a checkpoint of version {VERSION}; expected a file made by training.")
    state = header.get("state", "")
    if digest(tensors, state) != header.get("sha256"):
        raise BundleError(f"{path}: its content does not match its digest; the checkpoint before it may be whole.")
    if not as_stored:
        tensors = current(tensors, lambda gains: gains.reshape(-1).split(1))
    try:
        return Checkpoint(tensors, parse_json(state))
    except ValueError as problem:
        raise BundleError(f"{path}: its state {problem}; the checkpoint before it may be whole.") from None


def peek(path: Path) -> dict[str, Any] | None:
    """The state in a checkpoint's header without its tensors; ``None`` when it cannot be read."""
    try:
        with safe_open(path, framework="pt") as file:
            return parse_json((file.metadata() or {})["state"])
    except (SafetensorError, OSError, ValueError, KeyError):
        return None


def latest(folder: Path) -> tuple[Checkpoint | None, str]:
    """The newest whole checkpoint of a stage's folder, and a remark when it had to be sought.

    A torn newest file is set aside, so that it never takes the place of the whole one before it. Raises
    ``BundleError`` when there are files and none is whole.
    """
    problems = []
    for name in (CURRENT, PREVIOUS, *_older(folder)):
        path = folder / name
        if not path.exists():
            continue
        try:
            return load(path), " ".join(problems)
        except BundleError as problem:
            problems.append(f"{problem}")
            if name == CURRENT:
                os.replace(path, folder / "checkpoint.torn")
    if problems:
        raise BundleError(f"{' '.join(problems)} No whole checkpoint is left; remove {folder} to start over.")
    return None, ""


def _older(folder: Path) -> list[str]:
    """Names of the checkpoints before the previous one, the youngest first."""
    ages = [path.name.removeprefix("checkpoint.previous").split(".")[0] for path in folder.glob(OLDER.format("[0-9]*"))]
    return [OLDER.format(age) for age in sorted(int(age) for age in ages if age.isdecimal())]


def rotate(folder: Path, keep: int) -> None:
    """Make room for one more checkpoint, so that ``keep`` are kept once it is written."""
    names = [CURRENT, PREVIOUS, *(OLDER.format(age) for age in range(2, keep))]
    for old, older in zip(names[-2:0:-1], names[:1:-1], strict=True):
        if (folder / old).is_file():
            os.replace(folder / old, folder / older)
    for name in _older(folder):
        if name not in names:
            (folder / name).unlink()


def sweep(folder: Path) -> None:
    """Remove half-written files that a killed run left behind."""
    for stray in folder.glob(".*.safetensors"):
        stray.unlink(missing_ok=True)
