"""All metrics of embeddings of 5,000 motions, 512 wide, and both protocols' reports of them.

    python benchmarks/metrics.py [--threads 2] [--repeats 3]

Nothing but the package is needed. Writes ``docs/results/metrics_speed.json``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from _record import RESULTS, against, save, table

from kinescale.evaluation import protocol as protocols
from kinescale.evaluation.plan import plan
from kinescale.evaluation.report import Embedded, Space, measure
from kinescale.metrics import clip_score, diversity, fid, matching, multimodality, r_precision

MOTIONS, WIDTH, PROMPTS, SAMPLES = 5_000, 512, 96, 30
BARS_S = {"all metrics": 5.0}


def main() -> None:
    """Measure each, print beside the bar, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    text, real, made, samples = (drawn(MOTIONS), drawn(MOTIONS), drawn(MOTIONS), drawn(PROMPTS, SAMPLES))
    rng = np.random.default_rng(0)
    pools = rng.permutation(MOTIONS)[: MOTIONS // 32 * 32].reshape(-1, 32)
    others = torch.from_numpy(rng.integers(0, MOTIONS, (MOTIONS, 31)))
    jobs: dict[str, Callable[[], object]] = {
        "fid": lambda: fid.fid(real, made),
        "r_precision, batches": lambda: r_precision.r_precision(text, made, pools),
        "r_precision, own pools": lambda: r_precision.hits_against(text, made, others),
        "matching": lambda: matching.matching(text, made),
        "clip_score": lambda: clip_score.clip_score(text, made),
        "diversity, all pairs": lambda: diversity.diversity_of_all(made),
        "multimodality, all pairs": lambda: multimodality.multimodality_of_all(samples),
    }
    every = {name: seconds_of(job, chosen.repeats) for name, job in jobs.items()}
    every["all metrics"] = [
        (sum(wall for wall, _ in turn), sum(spent for _, spent in turn)) for turn in zip(*every.values(), strict=True)
    ]
    captions = [[f"sentence {i}"] for i in range(MOTIONS)]
    for name, protocol in protocols.PROTOCOLS.items():
        (part,) = plan(protocol, captions, seed=0, repeats=1)
        every[f"plan, {name}"] = seconds_of(lambda p=protocol: plan(p, captions, seed=0, repeats=1), 1)
        item = Embedded(text, Space(real, real), Space(made, made), Space(samples, samples))
        job = lambda p=protocol, q=part, item=item: measure(p, q, item)  # noqa: E731
        every[f"real and generated row, {name}"] = seconds_of(job, chosen.repeats)
    medians = {name: statistics.median(wall for wall, _ in values) for name, values in every.items()}
    spent = {name: statistics.median(cpu for _, cpu in values) for name, values in every.items()}
    settings = {"motions": MOTIONS, "width": WIDTH, "prompts": PROMPTS, "samples": SAMPLES, "threads": chosen.threads}
    path = save(
        "metrics_speed",
        {**settings, "median_s": medians, "median_cpu_s": spent, "bars_s": BARS_S, "every_s": every},
        chosen.out,
    )
    rows = [
        [
            name,
            f"{value:.3f}",
            f"{spent[name]:.3f}",
            f"{BARS_S[name]:g}" if name in BARS_S else "",
            against(value, BARS_S.get(name)),
        ]
        for name, value in medians.items()
    ]
    print(table(["job", "median s", "of a processor", "bar s", "kept"], rows), f"see {path}", sep="\n")


def drawn(*shape: int) -> torch.Tensor:
    """float32 embeddings as an evaluator would give them."""
    return torch.randn(*shape, WIDTH, generator=torch.Generator().manual_seed(len(shape)))


def seconds_of(job: Callable[[], object], times: int) -> list[tuple[float, float]]:
    """Wall and processor seconds of each run, after one that warms the caches."""
    found = []
    for _ in range(times + 1):
        start, spent = time.perf_counter(), time.process_time()
        job()
        found.append((time.perf_counter() - start, time.process_time() - spent))
    return found[1:]


if __name__ == "__main__":
    main()
