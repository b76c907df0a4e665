"""The log of a stage: a JSON line per interval, cut back to the checkpoint when a run goes on; TensorBoard."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kinescale.core.files import atomic_write_text
from kinescale.core.json_input import parse_json

FILE = "log.jsonl"


def read_log(path: Path) -> list[dict[str, Any]]:
    """All whole lines of a log; a last line that a kill cut short is dropped."""
    if not path.is_file():
        return []
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            value = parse_json(line)
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("step"), int):
            entries.append(value)
    return entries


class Log:
    """Appends entries to ``log.jsonl``; values that are not finite become null."""

    def __init__(self, folder: Path, start: int):
        self._path = folder / FILE
        kept = [entry for entry in read_log(self._path) if entry["step"] <= start] if start else []
        # What was logged after the checkpoint will be done, and logged, again.
        atomic_write_text(self._path, "".join(_line(entry) for entry in kept))

    def write(self, entry: Mapping[str, Any]) -> None:
        """Add one line, on disk at once."""
        with self._path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(_line(entry))


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps({key: _plain(value) for key, value in entry.items()}, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 9) if math.isfinite(value) else None
    return value


def open_tensorboard(folder: Path, start: int) -> Any | None:
    """A TensorBoard writer that forgets what came after ``start``.

    ``None`` when TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=start + 1)
