"""Names and shapes of a bundle's weights, from the file's header alone and without torch."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError, safe_open

from kinescale.core.errors import BundleError

MAX_WEIGHT_BYTES = 16 * 1024**3

Shapes = dict[str, tuple[int, ...]]

EARLIER_WORDS = {
    "normaliser": "normalizer",
    "quantiser": "quantizer",
    "quantisers": "quantizers",
    "initialised": "initialized",
}
"""Words in names of tensors as versions before 0.2 wrote them -> as they are now. A renamed module is added here."""


_MOVED = (
    (re.compile(r"\bpyramid\.quantizer\."), "pyramid.quantizers.0."),
    (re.compile(r"\bpyramid\.books\.(\d+)\."), r"pyramid.quantizers.\1.codebooks."),
)
"""Where modules stood in earlier versions, and where they stand."""

_MOST_SCALES = 64

T = TypeVar("T")


def current_name(key: str) -> str:
    """Current name of a stored tensor: words between its dots and slashes that were renamed, modules that moved.

    Weights are read through this (bundles, evaluators, checkpoints), so that files of earlier versions load.

    >>> current_name("model/pyramid.quantiser.codes")
    'model/pyramid.quantizers.0.codes'
    """
    key = re.sub(r"[^./]+", lambda word: EARLIER_WORDS.get(word[0], word[0]), key)
    for earlier, now in _MOVED:
        key = earlier.sub(now, key)
    return key


def current(found: Mapping[str, T], split: Callable[[T], Sequence[T]]) -> dict[str, T]:
    """Tensors (or their shapes) of a file of any version, as this version names and cuts them.

    ``split`` cuts a tensor (or shape) of gains into one per scale; flags of pyramids without gains are left out.
    """
    named = {current_name(key): value for key, value in found.items()}
    for key in [key for key in named if key.endswith("pyramid.log_gains")]:
        named |= {f"{key}.{scale}": part for scale, part in enumerate(split(named.pop(key))[:_MOST_SCALES])}
    for key in [key for key in named if key.endswith("pyramid.begun")]:
        if f"{key.removesuffix('begun')}log_gains.0" not in named:
            del named[key]
    return named


def read_shapes(path: Path) -> Shapes:
    """Names and shapes; ``BundleError`` for a file that is absent, corrupt, cut short or far too large."""
    if not path.is_file():
        raise BundleError(f"{path.parent} is not a whole bundle: {path.name} is missing; copy it again.")
    size = path.stat().st_size
    if size > MAX_WEIGHT_BYTES:
        raise BundleError(f"{path}: {size} bytes of weights; at most {MAX_WEIGHT_BYTES} are read.")
    try:
        with safe_open(path, framework="np") as file:
            found = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as problem:
        raise corrupt(path, problem) from None
    return current(found, lambda shape: [(1,)] * min(math.prod(shape), _MOST_SCALES))


def corrupt(path: Path, problem: Exception) -> BundleError:
    """The error for a weights file that cannot be read."""
    reason = " ".join(str(problem).split())[:160]
    return BundleError(f"{path}: is corrupt or cut short ({reason}); copy it again.")


def sizes(shapes: Shapes) -> dict[str, int]:
    """Stored numbers of each network: what stands before the first dot of a name."""
    totals: dict[str, int] = {}
    for key, shape in shapes.items():
        owner = key.partition(".")[0]
        totals[owner] = totals.get(owner, 0) + math.prod(shape)
    return totals
