"""Weights of a bundle as one safetensors file: written in single or half precision, read strictly."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.modules.module import register_module_module_registration_hook
from torch.overrides import TorchFunctionMode

from kinescale.bundle.header import Shapes, corrupt, current, read_shapes
from kinescale.bundle.manifest import CONFIG_FILE
from kinescale.core.errors import BundleError
from kinescale.core.files import sha256_file


def write_weights(path: Path, tensors: Mapping[str, Tensor], *, half: bool) -> None:
    """Write ``tensors``; with ``half``, float tensors whose values fit are stored as float16."""
    stored = {}
    for key, value in tensors.items():
        plain = value.detach().cpu().contiguous()
        if plain.is_floating_point() and not bool(torch.isfinite(plain).all()):
            raise BundleError(f"the weight '{key}' is not finite; a bundle is saved from sound weights only.")
        if half and plain.dtype == torch.float32 and not key.startswith("normalizer."):
            short = plain.half()
            plain = short if bool(torch.isfinite(short).all()) else plain
        # a copy, since tied or sliced tensors share storage, which the format refuses
        stored[key] = plain.clone()
    save_file(stored, path, metadata={"format": "pt"})
    # the library makes files for the owner alone; a bundle is to be shared
    path.chmod(0o644)


def read_weights(path: Path) -> dict[str, Tensor]:
    """All tensors, half precision brought to float32; ``BundleError`` when one is not finite."""
    read_shapes(path)
    tensors: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118
                value = file.get_tensor(key)
                half = value.dtype in (torch.float16, torch.bfloat16)
                tensors[key] = value.float() if half else value
    except (SafetensorError, OSError, ValueError) as problem:
        raise corrupt(path, problem) from None
    tensors = current(tensors, lambda gains: gains.reshape(-1).split(1))
    for key, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise BundleError(f"{path}: the weight '{key}' is not finite; the bundle is damaged.")
    return tensors


def check_digest(path: Path, expected: str) -> None:
    """``BundleError`` unless the file's SHA-256 is the one its config tells; an empty one is not checked."""
    if expected and sha256_file(path) != expected:
        raise BundleError(f"{path}: does not match the digest in {path.parent / CONFIG_FILE}; copy the bundle again.")


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


@contextlib.contextmanager
def at_most_modules(count: int) -> Iterator[None]:
    """``ValueError`` from a network built inside of more than ``count`` modules: a config may be hostile."""
    left = count

    def taken(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError(f"it asks for more than {count} layers")

    handle = register_module_module_registration_hook(taken)
    try:
        yield
    finally:
        handle.remove()


@contextlib.contextmanager
def shapes_only() -> Iterator[None]:
    """Networks built inside have shapes, but neither memory nor values."""
    with torch.device("meta"), _NoValues():
        yield


class _NoValues(TorchFunctionMode):
    """Leaves out what fills tensors: on the meta device it would change nothing, yet bring torch's compiler in, which
    takes longer to import than a motion takes to make."""

    RANDOM = frozenset({torch.rand, torch.randn})
    FILLING = frozenset({"normal_", "uniform_", "fill_", "zero_", "mul_", "div_", "add_", "clamp_", "erfinv_", "copy_"})

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in self.RANDOM:
            return torch.empty(*args, **{key: value for key, value in kwargs.items() if key != "generator"})
        first = args[0] if args else kwargs.get("tensor")
        fills = func.__module__ == "torch.nn.init" if hasattr(func, "__module__") else False
        if isinstance(first, Tensor) and first.is_meta and (fills or func.__name__ in self.FILLING):
            return first
        return func(*args, **kwargs)


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
