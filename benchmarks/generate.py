"""What a sentence costs: ``kinescale generate`` as a whole process, and sampling alone with the model loaded.

    python benchmarks/generate.py [PROMPT] [--bundle RUN_OR_BUNDLE] [--repeats 5]

Also the wall time of ``import kinescale`` and ``kinescale --help``. Writes ``docs/results/generate.json``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from _record import RESULTS, against, save, table

SECONDS = 4.0
BARS = {
    "process_wall_s": 12.0,
    "sampling_s": 1.0,
    "peak_memory_gb": 1.5,
    "import_wall_s": 0.3,
    "help_wall_s": 0.5,
}


@dataclass(frozen=True)
class Cost:
    """Of one process: wall and processor seconds, and the largest resident set in bytes."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


def main() -> None:
    """Measure, print beside the bars, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompt", nargs="?", default="a person walks forward and turns to the left")
    parser.add_argument("--bundle", default="default")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    program = str(Path(sys.executable).with_name("kinescale"))
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "made.bvh")
        words = ["generate", chosen.prompt, "-o", target, "--seconds", f"{SECONDS:g}", "--force"]
        runs = {
            "process": repeated([program, *words, "--bundle", chosen.bundle], chosen.repeats),
            "import": repeated([sys.executable, "-c", "import kinescale"], chosen.repeats),
            "help": repeated([program, "--help"], chosen.repeats),
            "python": repeated([sys.executable, "-c", "pass"], chosen.repeats),
        }
    inside, bundle = sampling(chosen.prompt, chosen.bundle, chosen.repeats)
    figures = {
        "process_wall_s": median(runs["process"], "wall_s"),
        "process_cpu_s": median(runs["process"], "cpu_s"),
        "sampling_s": statistics.median(timing["sampling"] for timing in inside),
        "decoding_s": statistics.median(timing["decoding"] for timing in inside),
        "text_s": statistics.median(timing["text"] for timing in inside),
        "peak_memory_gb": max(cost.peak_bytes for cost in runs["process"]) / 1e9,
        "import_wall_s": median(runs["import"], "wall_s"),
        "help_wall_s": median(runs["help"], "wall_s"),
        "python_wall_s": median(runs["python"], "wall_s"),
    }
    every = {name: [asdict(cost) for cost in costs] for name, costs in runs.items()}
    results = {"bundle": bundle, "prompt": chosen.prompt, "seconds": SECONDS, "figures": figures, "bars": BARS}
    path = save("generate", {**results, "processes": every, "in_process": inside}, chosen.out)
    rows = [
        [name, f"{value:.3f}", f"{BARS[name]:g}" if name in BARS else "", against(value, BARS.get(name))]
        for name, value in figures.items()
    ]
    print(table(["figure", "median (memory: most)", "bar", "kept"], rows), f"see {path}", sep="\n")


def repeated(command: list[str], times: int) -> list[Cost]:
    """The costs of running a command, after one run that warms the caches."""
    return [cost_of(command) for _ in range(times + 1)][1:]


def cost_of(command: list[str]) -> Cost:
    """Run a command to its end; ``SystemExit`` with what it said when it fails."""
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)} failed: {said.read().decode(errors='replace').strip()}")
    # the unit of ru_maxrss is bytes on macOS and KiB on Linux
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss * unit)


def median(costs: list[Cost], name: str) -> float:
    """The median of one figure over runs."""
    return statistics.median(getattr(cost, name) for cost in costs)


def sampling(prompt: str, bundle: str, times: int) -> tuple[list[dict[str, float]], str]:
    """Timings inside a process that has the model loaded, another seed each; the bundle's hash."""
    from kinescale.pipelines import TextToMotion

    pipe = TextToMotion.from_pretrained(bundle)
    timings = [pipe(prompt, SECONDS, 1, seed).timings for seed in range(times + 1)][1:]
    return timings, pipe.bundle.content_hash


if __name__ == "__main__":
    main()
