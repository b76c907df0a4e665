"""Reading an authors' checkpoint file without executing anything in it, and sizes off what it holds.

Files are those of ``torch.save``, of either of its formats. What a file asks to be built is listed before any of it is:
tensors and plain containers are read; NumPy numbers and objects of the trainers' own classes become place holders, so
that nothing of theirs is looked up; whatever else Python or torch would do is refused.
"""

from __future__ import annotations

import pickletools
import re
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinescale.core.errors import BundleError

MAX_PICKLE_BYTES = 256 * 1024 * 1024
"""Of the part of a file that describes its content; the numbers lie beside it."""

MAX_DEPTH = 6
LEGACY_PICKLES = 5
"""Pickles that a file of the format before torch 1.6 begins with: three of its header, the content, the storages."""

_BUILT = re.compile(
    r"collections (OrderedDict|Counter)|torch\._utils _rebuild_(tensor_v2|tensor|parameter)|"
    r"torch (\w+Storage|Size|device|\w*float\d+|u?int\d+|bool|complex64)|"
    r"torch\.storage UntypedStorage|torch\.nn\.parameter Parameter"
)
"""What weights and an optimizer's state are made of."""

_IGNORED = re.compile(
    r"numpy(\._core|\.core)?(\.multiarray)? (scalar|dtype|_reconstruct|ndarray)|numpy\.dtypes \w+|_codecs encode|"
    r"pathlib(\._local)? (Posix|Windows)?Path|argparse Namespace|types SimpleNamespace"
)
"""Kinds of values beside the weights that are not needed."""

_NEVER = sys.stdlib_module_names | {"__builtin__", "copy_reg", "torch", "numpy", "kinescale"}
"""Packages of which a file may ask for nothing else; classes of others (a trainer's settings) become place holders."""

_COLORS = re.compile(r"\x1b\[[0-9;]*m")


class _Ignored:
    """Stands for a value that is not needed."""

    def __init__(self, *_: Any) -> None: ...

    def __new__(cls, *_: Any) -> _Ignored:
        return object.__new__(cls)

    def __setstate__(self, _: Any) -> None: ...


class _Settings:
    """Stands for an object of a trainer: a mapping that takes what the object would."""

    def __new__(cls, *_: Any) -> Any:
        return OrderedDict()


@dataclass(frozen=True, eq=False)
class Content:
    """What a checkpoint file holds, nested as its writer nested it."""

    path: Path
    value: Any

    def find(self, key: str) -> dict | None:
        """The dictionary under a key; a dot goes one level down."""
        found = self.value
        for part in key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else None

    def state(self, key: str) -> dict[str, Tensor]:
        """The state dict under a key; ``BundleError`` for anything but a dictionary of sound tensors."""
        state = self.find(key) or {}
        if not state or not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()):
            raise BundleError(f"{self.path}: its weights are not a dictionary of tensors; the file is another model's.")
        for name, value in state.items():
            if not _sound(value):
                raise BundleError(f"{self.path}: the tensor '{name[:80]}' is not stored whole; the file is damaged.")
        return state

    @property
    def listed(self) -> str:
        """The first names that it holds, in words."""
        if not isinstance(self.value, dict):
            return type(self.value).__name__
        return ", ".join(str(name)[:60] for name in list(self.value)[:6]) or "nothing"


def read_content(path: str | Path) -> Content:
    """Read a file; ``BundleError`` for one that is missing, not a checkpoint, or more than plain tensors."""
    path = Path(path)
    if not path.is_file():
        raise BundleError(f"{path} is not a file; name a checkpoint such as net_best_fid.tar.")
    try:
        zipped = zipfile.is_zipfile(path)
        ignored = _check_pickles(path, zipped)
        placeholders: list[Any] = [(kind, name) for name, kind in ignored.items()]
        with torch.serialization.safe_globals(placeholders):
            value = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped or None)
    except BundleError:
        raise
    except Exception as problem:  # torch.load raises whatever the damaged part of the file led to
        first = "".join(_COLORS.sub("", str(problem)).strip().splitlines()[:1])[:120]
        raise BundleError(
            f"{path} cannot be read as a checkpoint of plain tensors ({type(problem).__name__}: {first})."
        ) from None
    return Content(path, value)


def read_checkpoint(path: str | Path, keys: tuple[str, ...]) -> dict[str, Tensor]:
    """The state dict under the first of ``keys`` (a dot goes one level down) in one of the authors' files.

    Raises ``BundleError`` for a file that is missing, not a checkpoint, more than plain tensors, or another model.
    """
    content = read_content(path)
    key = next((key for key in keys if content.find(key) is not None), None)
    if key is None:
        raise BundleError(
            f"{content.path} holds {content.listed}; expected an entry '{keys[0]}' as in the authors' checkpoints."
        )
    return content.state(key)


def shape_of(state: Mapping[str, Tensor], key: str, what: str, *, system: str) -> torch.Size:
    """The shape of a tensor of ``what``; ``BundleError`` where the state dict of ``system`` lacks it."""
    if not isinstance(state.get(key), Tensor):
        raise BundleError(f"{what} has no tensor '{key}'; expected the authors' {system} state dict.")
    return state[key].shape


def count_of(state: Mapping[str, Tensor], pattern: str) -> int:
    """How many of something there are: one more than the largest number that ``pattern`` captures in a key.

    Raises ``BundleError`` for a number that no file of so many tensors has.
    """
    count = 1 + max((int(match[1]) for key in state if (match := re.match(pattern, key))), default=-1)
    if count > len(state):
        raise BundleError(f"{len(state)} tensors count up to {count - 1} by '{pattern}'; the file is damaged.")
    return count


def _sound(value: Tensor) -> bool:
    """Whether a tensor's numbers are all in its file (none is a view that repeats fewer)."""
    plain = value.layout is torch.strided and value.device.type == "cpu" and not value.is_quantized
    return plain and value.untyped_storage().nbytes() >= value.numel() * value.element_size()


def _check_pickles(path: Path, zipped: bool) -> dict[str, type]:
    """What a file asks for and is not needed -> its place holder; ``BundleError`` for anything else but tensors."""
    with path.open("rb") as file:
        asked = set(_globals_of_zip(path) if zipped else _globals_of(file, LEGACY_PICKLES, path))
    found: dict[str, type] = {}
    for name in sorted(name for name in asked if not _BUILT.fullmatch(name)):
        dotted = name.replace(" ", ".")
        if _IGNORED.fullmatch(name):
            found[dotted] = _Settings if name.endswith("Namespace") else _Ignored
        elif dotted.partition(".")[0] in _NEVER:
            raise BundleError(
                f"{path} cannot be read as a checkpoint of plain tensors (it asks for {dotted[:80]}, "
                "which is not made)."
            )
        else:
            found[dotted] = _Settings
    return found


def _globals_of_zip(path: Path) -> Iterator[str]:
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise BundleError(f"{path}: holds compressed members, which torch does not write; save it again.")
        pickles = [entry for entry in archive.infolist() if entry.filename.endswith("data.pkl")]
        if len(pickles) != 1 or pickles[0].file_size > MAX_PICKLE_BYTES:
            raise BundleError(f"{path} cannot be read as a checkpoint of plain tensors (no data.pkl of a sound size).")
        with archive.open(pickles[0]) as file:
            yield from _globals_of(file, 1, path)


def _globals_of(file: Any, count: int, path: Path) -> Iterator[str]:
    """ "module name" of everything that ``count`` pickles ask for."""
    for _ in range(count):
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name == "GLOBAL":
                yield str(argument)
            elif opcode.name in ("STACK_GLOBAL", "INST", "OBJ", "EXT1", "EXT2", "EXT4"):
                raise BundleError(f"{path} cannot be read as a checkpoint of plain tensors ({opcode.name} in it).")
