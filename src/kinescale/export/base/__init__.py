"""The export contract. A target's package offers ``Config`` (a Record), ``export(bundle, folder, config) -> Report``
and ``load(folder) -> Bundle``, a bundle that runs in the target's runtime and that pipelines take like any other."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Report:
    """What an export wrote.

    Parameters
    ----------
    folder : where the files are.
    files : name of each file -> its bytes.
    notes : sentences on choices that the export made, such as whether weights were quantized and why.
    """

    folder: Path
    files: dict[str, int]
    notes: tuple[str, ...] = field(default_factory=tuple)
