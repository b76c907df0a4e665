"""Which of a system's parts a checkpoint file holds: by the entry its weights lie under and a tensor only it has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from kinescale.bundle.imports.base.checkpoint import Content, read_content
from kinescale.core.errors import BundleError
from kinescale.core.files import sha256_file

States = dict[str, dict[str, Tensor]]
"""Part -> its state dict under the authors' names."""


@dataclass(frozen=True)
class Slot:
    """One part of a published system.

    ``keys``: entries that its weights may lie under in the authors' files, the likeliest first (a dot goes one level
    down); ``marker``: pattern of the name of a tensor that this part has and the others of its system lack; ``needs``:
    parts without which it is of no use.
    """

    part: str
    keys: tuple[str, ...]
    marker: str
    needs: tuple[str, ...] = ()

    def key_in(self, content: Content) -> str | None:
        """The entry under which a file holds this part; ``None`` where it does not."""
        for key in self.keys:
            found = content.find(key)
            if found and any(isinstance(name, str) and re.fullmatch(self.marker, name) for name in found):
                return key
        return None


@dataclass(frozen=True, eq=False)
class Sorted:
    """The parts found in files. ``sources``: a line for each part: part, file name, digest."""

    states: States
    sources: tuple[str, ...]


def sort_files(files: Sequence[Path], slots: Sequence[Slot], system: str) -> Sorted:
    """The parts that the files hold; where two hold one part, the one with the likelier entry.

    Raises ``BundleError`` for a file that holds none of the parts, two files that hold the same, or a part without
    one that it needs.
    """
    taken: dict[str, tuple[int, Content, str]] = {}
    for path in files:
        content = read_content(path)
        inside = {slot: key for slot in slots if (key := slot.key_in(content)) is not None}
        if not inside:
            wanted = "; ".join(f"{slot.part} under {' or '.join(map(repr, slot.keys))}" for slot in slots)
            raise BundleError(f"{path} holds {content.listed}; none is a part of {system} (expected {wanted}).")
        for slot, key in inside.items():
            rank = slot.keys.index(key)
            before = taken.get(slot.part)
            if before is not None and before[0] == rank:
                raise BundleError(f"{before[1].path} and {path} both hold the {slot.part} of {system}; name one.")
            if before is None or rank < before[0]:
                taken[slot.part] = (rank, content, key)
    _check_whole(set(taken), slots, system)
    digests = {content.path: sha256_file(content.path) for _, content, _ in taken.values()}
    lines = [
        f"{part}: {content.path.name} (SHA-256 {digests[content.path]})" for part, (_, content, _) in taken.items()
    ]
    return Sorted({part: content.state(key) for part, (_, content, key) in taken.items()}, tuple(lines))


def _check_whole(there: set[str], slots: Sequence[Slot], system: str) -> None:
    for slot in slots:
        lacking = [part for part in slot.needs if part not in there]
        if slot.part in there and lacking:
            raise BundleError(
                f"the files hold the {slot.part} of {system} but not its {lacking[0]}; name that file as well."
            )
