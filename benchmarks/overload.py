"""What becomes of the server when more is asked than it can do: open-loop Poisson arrivals up to 8 times its capacity.

    python benchmarks/overload.py [--bundle default] [--phase 60] [--requests 10000] [--quick]

Starts a server of its own on this machine and ends it. Latency counts from the planned send time. A tenth of the
clients leave while they wait, a twentieth reads slowly. ``--quick``: short phases and few requests, too few for the p99
of a phase to mean much. Writes ``docs/results/overload.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _http_load import REFUSALS, Sent, Target, percentile, poisson, send
from _record import RESULTS, against, save, table

FACTORS = (0.5, 0.8, 1.0, 2.0, 4.0, 8.0, 0.5)
CLIP_S = 1.0
BARS = {
    "goodput_lost_at_8x": 0.1,
    "accepted_p99_over_unloaded": 2.0,
    "rejected_p99_s": 0.05,
    "rejected_otherwise": 0.0,
    "recovery_s": 5.0,
    "rss_growth": 0.05,
}
"""Most of each figure."""


def main() -> None:
    """Measure, print beside the bars, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default="default")
    parser.add_argument("--phase", type=float, default=60.0, help="seconds of each phase")
    parser.add_argument("--requests", type=int, default=10_000, help="requests of the last part, memory")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    phase, requests = (15.0, 300) if chosen.quick else (chosen.phase, chosen.requests)
    with server(chosen.bundle) as (port, pid):
        figures = asyncio.run(measured(port, pid, phase, requests))
    head = ("figure", "most", "measured", "kept")
    rows = [
        (name, f"{bar:g}", _shown(figures["figures"][name]), _kept(figures["figures"][name], bar))
        for name, bar in BARS.items()
    ]
    print(table(head, rows))
    print(save("overload", {"quick": chosen.quick, "bars": BARS, **figures}, chosen.out))


@contextlib.contextmanager
def server(bundle: str) -> Iterator[tuple[int, int]]:
    """A server of a bundle: its port and process number; it is ended after the block."""
    words = [sys.executable, "-m", "kinescale", "serve", "--port", "0", "--bundle", bundle, "--max-queue", "64"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    log = process.stderr
    try:
        line = next(line for line in log if line.startswith("serving on"))
        # its log must be read, or the pipe fills up and the server stands still
        with subprocess.Popen(["cat"], stdin=log, stdout=subprocess.DEVNULL) as drain:
            yield int(line.rsplit(":", 1)[1]), process.pid
            process.terminate()
            process.wait(60)
            drain.terminate()
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


async def measured(port: int, pid: int, phase_s: float, requests: int) -> dict[str, Any]:
    """All figures of one server."""
    rng = random.Random(0)
    patient = Target(port, CLIP_S, 60.0)
    await send(patient, 0, time.perf_counter())
    alone = [(await send(patient, seed, time.perf_counter())).seconds for seed in range(8)]
    service_s = sum(alone) / len(alone)
    # what waits no longer than one motion takes is answered within twice that
    target = Target(port, CLIP_S, 0.9 * service_s)
    phases = []
    recovery = None
    for number, factor in enumerate(FACTORS):
        sent = await poisson(target, factor / service_s, phase_s, rng)
        phases.append(_phase(factor, factor / service_s, sent, phase_s))
        print(phases[-1], flush=True)
        if number == len(FACTORS) - 2:
            recovery = await _recovered(target, 2 * max(alone))
    before = _resident(pid)
    await poisson(target, 8 / service_s, requests * service_s / 8, rng)
    after = _resident(pid)
    best = max(one["goodput_per_s"] for one in phases)
    at_8 = phases[-2]
    return {
        "unloaded_s": alone,
        "capacity_per_s": 1 / service_s,
        "phase_s": phase_s,
        "phases": phases,
        "memory": {"requests": requests, "before_bytes": before, "after_bytes": after},
        "figures": {
            "goodput_lost_at_8x": 1 - at_8["goodput_per_s"] / best if best else None,
            "accepted_p99_over_unloaded": None
            if at_8["accepted_p99_s"] is None
            else at_8["accepted_p99_s"] / max(alone),
            "rejected_p99_s": at_8["rejected_p99_s"],
            "rejected_otherwise": sum(one["other"] for one in phases),
            "recovery_s": recovery,
            "rss_growth": after / before - 1,
        },
    }


def _phase(factor: float, rate: float, sent: list[Sent], seconds: float) -> dict[str, Any]:
    staying = [one for one in sent if one.kind != "leaving"]
    good = [one for one in staying if one.status == 200]
    refused = [one for one in staying if one.status in REFUSALS]
    plain = [one.seconds for one in good if one.kind == "plain"]
    return {
        "times_capacity": factor,
        "offered_per_s": rate,
        "sent": len(sent),
        "left": len(sent) - len(staying),
        "accepted": len(good),
        "rejected": len(refused),
        "rejected_without_retry_after": sum(not one.retry_after for one in refused),
        "other": len(staying) - len(good) - len(refused),
        "goodput_per_s": len(good) / seconds,
        "accepted_p50_s": percentile(plain, 0.5),
        "accepted_p99_s": percentile(plain, 0.99),
        "rejected_p50_s": percentile([one.seconds for one in refused], 0.5),
        "rejected_p99_s": percentile([one.seconds for one in refused], 0.99),
    }


async def _recovered(target: Target, within_s: float) -> float:
    """Seconds until a request is accepted and answered as quickly as without load."""
    start = time.perf_counter()
    while time.perf_counter() - start < 60:
        one = await send(target, 1, time.perf_counter())
        if one.status == 200 and one.seconds <= within_s:
            return time.perf_counter() - start - one.seconds
    return 60.0


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"


def _kept(value: float | None, bar: float) -> str:
    return "NO" if value is None else against(value, bar)


if __name__ == "__main__":
    main()
