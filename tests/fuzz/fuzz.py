"""Fuzz the readers: every broken file must end, soon and in little memory, in a finite motion or in our own error.

    python tests/fuzz/fuzz.py bvh --inputs 100000 [--out docs/results]

Runs a reader in a process of its own; one that hangs or dies is started again behind the input that did it, which is
counted and kept. Writes ``fuzz_READER.json`` with what was found.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from targets import ROOT, Target, broken, targets

from plain_read import PLAIN, plain_read_s

READS = 80
"""Processor time that an input may take, in plain reads of a megabyte (``tests/plain_read.py``)."""
FREE_BYTES, TIMES_SIZE = 256 * 1024 * 1024, 8
HANGS_AFTER_S = 60.0


@dataclass
class Summary:
    """Counts over all inputs, and the inputs that broke a rule."""

    inputs: int = 0
    motions: int = 0
    refused: int = 0
    bytes_most: int = 0
    seconds_most: float = 0.0
    memory_over_size_most: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)

    def add(self, found: dict[str, Any]) -> None:
        self.inputs += 1
        self.motions += found["end"] == "motion"
        self.refused += found["end"] == "refused"
        self.bytes_most = max(self.bytes_most, found["size"])
        self.seconds_most = max(self.seconds_most, found["seconds"])
        self.memory_over_size_most = max(self.memory_over_size_most, found["memory"] - TIMES_SIZE * found["size"])
        if found["why"]:
            self.failures.append({key: found[key] for key in ("number", "size", "seconds", "memory", "end", "why")})


def peak_bytes() -> int:
    """This process's highest memory since it was last asked to forget."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def forget_peak() -> int:
    """Forget the highest memory; what is in use now."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_bytes()


def try_one(target: Target, data: bytes, folder: Path, number: int) -> dict[str, Any]:
    """Read one broken file and say how it ended; ``why`` is empty when it ended as it must."""
    import torch

    from kinescale.core.errors import KinescaleError
    from kinescale.formats import read_motion

    path = folder / f"input{target.suffix}"
    path.write_bytes(data)
    if target.beside is not None:
        (folder / f"input{target.beside[0]}").write_bytes(target.beside[1])
    read = path.with_suffix(".amc") if target.suffix == ".asf" else path
    before = forget_peak()
    start = time.process_time()
    why = ""
    try:
        motion = read_motion(read)
        end = "motion"
        seconds, memory = time.process_time() - start, peak_bytes() - before
        if not bool(torch.isfinite(motion.positions()).all()):
            why = "positions that are not finite"
    except KinescaleError as problem:
        end = "refused"
        if "\n" in str(problem) or len(str(problem)) > 2000:
            why = "a message of many lines, or without end"
    except BaseException as problem:
        end = "escaped"
        why = f"{type(problem).__name__}: {str(problem)[:200]}"
    if end != "motion":
        seconds, memory = time.process_time() - start, peak_bytes() - before
    size = len(data) + (len(target.beside[1]) if target.beside else 0)
    reads = seconds / plain_read_s()
    if not why and reads > READS:
        why = f"{seconds:.1f} s, {reads:.0f} plain reads of {len(PLAIN)} bytes"
    if not why and memory > FREE_BYTES + TIMES_SIZE * size:
        why = f"{memory / 2**20:.0f} MiB for {size} bytes"
    return {"number": number, "size": size, "seconds": seconds, "memory": memory, "end": end, "why": why}


def work(name: str, first: int, last: int, pipe: Any) -> None:
    """In a process of its own: try inputs ``first`` to ``last - 1``, and send each one's end through ``pipe``."""
    import torch

    torch.set_num_threads(1)
    target = targets()[name]
    with tempfile.TemporaryDirectory() as scratch, contextlib.suppress(BrokenPipeError):
        folder = Path(scratch)
        seeds = target.seeds(folder)
        large = target.large(folder) if target.large is not None else []
        for number in range(first, last):
            pipe.send(number)
            pipe.send(try_one(target, broken(target, seeds, number, large), folder, number))
        pipe.send(None)


def run(name: str, inputs: int, first: int = 0) -> Summary:
    """Try ``inputs`` inputs of one target, from number ``first``.

    A hang or a crash is one failure, and the rest goes on.
    """
    summary = Summary()
    context = multiprocessing.get_context("spawn")
    last, at = first + inputs, first
    while at < last:
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(name, at, last, there), daemon=True)
        process.start()
        there.close()
        current, done = at, False
        with contextlib.suppress(EOFError):
            while here.poll(HANGS_AFTER_S):
                found = here.recv()
                if found is None:
                    done = True
                    break
                if isinstance(found, int):
                    current = found
                else:
                    summary.add(found)
                    at = found["number"] + 1
        if not done and at < last:
            alive = process.is_alive()
            why = f"no end within {HANGS_AFTER_S:g} s" if alive else "the process died"
            summary.add({"number": current, "size": 0, "seconds": 0.0, "memory": 0, "end": "lost", "why": why})
            at = current + 1
        process.kill()
        process.join()
        if done:
            break
    return summary


def main() -> int:
    """Fuzz one reader from the command line and write its summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", choices=sorted(targets()))
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    start = time.time()
    summary = run(given.reader, given.inputs, given.first)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    record = {
        "command": f"python tests/fuzz/fuzz.py {given.reader} --inputs {given.inputs}",
        "rules": {"plain_megabytes": READS, "memory_bytes": f"{FREE_BYTES} + {TIMES_SIZE} x size"},
        "reader": given.reader,
        "commit": commit,
        "python": platform.python_version(),
        "wall_s": round(time.time() - start, 1),
        **vars(summary),
    }
    record["seconds_most"] = round(summary.seconds_most, 3)
    print(json.dumps({**record, "failures": len(summary.failures)}, indent=2))
    for failure in summary.failures[:20]:
        print(failure)
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / f"fuzz_{given.reader}.json").write_text(json.dumps(record, indent=2) + "\n")
    return 1 if summary.failures else 0


if __name__ == "__main__":
    sys.exit(main())
