"""Weights of a bundle as one safetensors file: written in single or half precision, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from kinescale.core.errors import BundleError

MAX_WEIGHT_BYTES = 16 * 1024**3

Shapes = dict[str, tuple[int, ...]]


def write_weights(path: Path, tensors: Mapping[str, Tensor], *, half: bool) -> None:
    """Write ``tensors``; with ``half``, float tensors whose values fit are stored as float16."""
    stored = {}
    for key, value in tensors.items():
        plain = value.detach().cpu().contiguous()
        if plain.is_floating_point() and not bool(torch.isfinite(plain).all()):
            raise BundleError(f"the weight '{key}' is not finite; a bundle is saved from sound weights only.")
        if half and plain.dtype == torch.float32 and not key.startswith("normaliser."):
            short = plain.half()
            plain = short if bool(torch.isfinite(short).all()) else plain
        # a copy, since tied or sliced tensors share storage, which the format refuses
        stored[key] = plain.clone()
    save_file(stored, path, metadata={"format": "pt"})


def read_shapes(path: Path) -> Shapes:
    """Names and shapes from the file's header alone; ``BundleError`` for anything unsound."""
    if not path.is_file():
        raise BundleError(f"{path.parent} is not a whole bundle: {path.name} is missing; copy it again.")
    size = path.stat().st_size
    if size > MAX_WEIGHT_BYTES:
        raise BundleError(f"{path}: {size} bytes of weights; at most {MAX_WEIGHT_BYTES} are read.")
    try:
        with safe_open(path, framework="pt") as file:
            return {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as problem:
        raise BundleError(f"{path}: is corrupt or cut short ({_line(problem)}); copy it again.") from None


def read_weights(path: Path) -> dict[str, Tensor]:
    """All tensors, half precision brought to float32; ``BundleError`` when one is not finite."""
    read_shapes(path)
    tensors: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118
                value = file.get_tensor(key)
                tensors[key] = value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
    except (SafetensorError, OSError, ValueError) as problem:
        raise BundleError(f"{path}: is corrupt or cut short ({_line(problem)}); copy it again.") from None
    for key, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise BundleError(f"{path}: the weight '{key}' is not finite; the bundle is damaged.")
    return tensors


def check_shapes(path: Path, found: Shapes, expected: Shapes) -> None:
    """``BundleError`` unless names and shapes are the same; the message names the first that differs."""
    missing, extra = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if missing or extra:
        what = f"lacks '{missing[0]}'" if missing else f"holds the unknown '{extra[0]}'"
        count = len(missing) + len(extra)
        raise BundleError(f"{path}: {what} ({count} names differ); the weights do not fit the config.")
    for key in sorted(expected):
        if found[key] != expected[key]:
            raise BundleError(
                f"{path}: '{key}' has shape {list(found[key])}; the config asks for {list(expected[key])}."
            )


def module_shapes(prefix: str, module: nn.Module) -> Shapes:
    """Names and shapes a module asks for."""
    return {f"{prefix}.{key}": tuple(value.shape) for key, value in module.state_dict().items()}


def put_weights(path: Path, prefix: str, module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy the weights below ``prefix`` into a module; kinds (float, whole, truth) must agree."""
    state = {key[len(prefix) + 1 :]: value for key, value in tensors.items() if key.startswith(prefix + ".")}
    for key, wanted in module.state_dict().items():
        if state[key].is_floating_point() != wanted.is_floating_point():
            raise BundleError(f"{path}: '{prefix}.{key}' is {state[key].dtype}; expected {wanted.dtype}.")
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as problem:
        raise BundleError(f"{path}: the weights do not fit the config ({_line(problem)}).") from None


def _line(problem: Exception) -> str:
    return " ".join(str(problem).split())[:160]
