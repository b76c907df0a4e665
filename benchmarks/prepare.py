"""How long a published corpus takes to prepare, the whole command, with two workers.

    python benchmarks/prepare.py CORPUS SOURCE [--workers 2]

CORPUS is a name of the datasets family, SOURCE its folder as published or an archive of it. What is prepared goes
to a temporary folder. Writes ``docs/results/prepare_CORPUS.json``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _record import RESULTS, against, save, table

from kinescale.core.records import read_json

BARS_S = {"bandai_namco": 180.0}


def main() -> None:
    """Prepare once, print the time beside the bar, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("source", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wall_s, cpu_s = prepare(chosen.corpus, chosen.source, Path(folder), chosen.workers)
        statistics = read_json(Path(folder) / chosen.corpus / "statistics.json")
        skipped = len(read_json(Path(folder) / chosen.corpus / "report.json")["skipped"])
    bar = BARS_S.get(chosen.corpus)
    results = {
        "corpus": chosen.corpus,
        "source": "folder" if chosen.source.is_dir() else "".join(chosen.source.suffixes),
        "workers": chosen.workers,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "clips": statistics["clips"],
        "skipped": skipped,
        "minutes_of_motion": statistics["minutes"],
        "bar_wall_s": bar,
    }
    path = save(f"prepare_{chosen.corpus}", results, chosen.out)
    row = [chosen.corpus, str(statistics["clips"]), f"{statistics['minutes']:.0f}", f"{wall_s:.1f}", f"{cpu_s:.1f}"]
    head = ["corpus", "clips", "minutes", "wall s", "processor s", "bar s", "kept"]
    print(table(head, [[*row, "" if bar is None else f"{bar:g}", against(wall_s, bar)]]), f"see {path}", sep="\n")


def prepare(corpus: str, source: Path, folder: Path, workers: int) -> tuple[float, float]:
    """Run the command; wall seconds, and processor seconds of it and its workers."""
    program = str(Path(sys.executable).with_name("kinescale"))
    command = [program, "prepare", corpus, str(source), "--out", str(folder), "--workers", str(workers)]
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    wall_s, after = time.perf_counter() - start, os.times()
    if done.returncode != 0:
        raise SystemExit(f"kinescale prepare failed: {(done.stderr or done.stdout).strip()}")
    return wall_s, sum(after[2:4]) - sum(before[2:4])


if __name__ == "__main__":
    main()
