"""What every benchmark writes beside its figures: the command, the machine, a JSON file and a short table."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kinescale.core.records import write_json

RESULTS = Path("docs/results")


def command_line(argv: Sequence[str] | None = None) -> str:
    """The command as typed from the repository's root; a path elsewhere keeps its last name only."""
    words = list(sys.argv if argv is None else argv)
    words[0] = f"benchmarks/{Path(words[0]).name}"
    return " ".join(["python", *(_quoted(_plain(word)) for word in words)])


def machine() -> dict[str, Any]:
    """Processor, cores, versions, and how busy the machine was: figures mean little without them."""
    import torch

    import kinescale

    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "load_average_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "niceness": os.nice(0) if hasattr(os, "nice") else None,
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "kinescale": kinescale.__version__,
    }


def save(name: str, results: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Write ``folder/name.json`` with the command, the date and the machine; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    path = folder / f"{name}.json"
    write_json(path, {"command": command_line(), "date": date, "machine": machine(), **rounded(results)})
    return path


def rounded(value: Any, digits: int = 4) -> Any:
    """The value with every float cut to some digits after the point."""
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, dict):
        return {str(key): rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item, digits) for item in value]
    return value


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns, to print or to put in a page."""
    cells = [list(head), *(list(row) for row in rows)]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    rule = "| " + " | ".join("-" * width for width in widths) + " |"
    return "\n".join([lines[0], rule, *lines[1:]])


def against(value: float, bar: float | None) -> str:
    """ "yes" or "NO": whether a figure keeps its bar; empty where there is none."""
    return "" if bar is None else "yes" if value <= bar else "NO"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _plain(word: str) -> str:
    """A word without the folders of one machine."""
    head, equals, tail = word.rpartition("=")
    path = Path(tail)
    if not path.is_absolute():
        return word
    try:
        short = path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        short = path.name
    return f"{head}{equals}{short}"


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word
