"""Names and shapes of a bundle's weights, from the file's header alone and without torch."""

from __future__ import annotations

import math
import re
from pathlib import Path

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


def current_name(key: str) -> str:
    """Current name of a stored tensor: the words between its dots and slashes that were renamed are replaced.

    Weights are read through this (bundles, evaluators, checkpoints), so that files of earlier versions load.

    >>> current_name("model/pyramid.quantiser.codes")
    'model/pyramid.quantizer.codes'
    """
    return re.sub(r"[^./]+", lambda word: EARLIER_WORDS.get(word[0], word[0]), key)


def read_shapes(path: Path) -> Shapes:
    """Names and shapes; ``BundleError`` for a file that is absent, corrupt, cut short or far too large."""
    if not path.is_file():
        raise BundleError(f"{path.parent} is not a whole bundle: {path.name} is missing; copy it again.")
    size = path.stat().st_size
    if size > MAX_WEIGHT_BYTES:
        raise BundleError(f"{path}: {size} bytes of weights; at most {MAX_WEIGHT_BYTES} are read.")
    try:
        with safe_open(path, framework="np") as file:
            return {current_name(key): tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as problem:
        raise corrupt(path, problem) from None


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
