"""What more processes give, measured on this machine, and a model on paper of many accelerators and many clips.

    python benchmarks/scale.py [--processes 1,2,4] [--steps 4] [--batch 16] [--clips 6]

Trains the generator of ``moscale.cpu`` on made features by 1, 2 and 4 connected processes (gloo) and counts wall time
and processor time. On a busy machine only the latter says something: efficiency is processor time per sample of one
process over that of several, that is, how much of the work is not overhead. The model takes what is measured (floating
point operations, kernels and collectives per step, bytes of gradients, processor time per generated clip, bytes per
clip) and assumptions that it lists. Writes ``docs/results/scale.json`` and the tables in ``docs/scale.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _record import machine, save, table
from torch import distributed as processes
from torch.utils.flop_counter import FlopCounterMode

from kinescale import recipes
from kinescale.pipelines.bulk import Settings, generate_bulk
from kinescale.tokens import TextFeatures
from kinescale.training import loop
from kinescale.training.config import StageConfig
from kinescale.training.data import Batch
from kinescale.training.generator_step import GeneratorStep, Told
from kinescale.training.parts import build_feature, build_generator, build_tokenizer

PAGE = Path(__file__).resolve().parents[1] / "docs" / "scale.md"
BEGIN, END = "<!-- table: begin (benchmarks/scale.py) -->", "<!-- table: end -->"
FRAMES, TEXT_WIDTH, TEXT_TOKENS = 256, 384, 32
ASSUMED = {
    "accelerator_flops": 400e12,
    "utilization": 0.3,
    "kernel_s": 6e-6,
    "link_bytes_per_s": 25e9,
    "collective_s": 40e-6,
    "generating_cores": 64,
}
"""Assumptions of the model, none of them measured here: an accelerator's dense bf16 rate and the share of it that is
reached; launch of a kernel; bandwidth per accelerator between machines; latency of a small collective; cores of a
machine that generates."""


class MadeBatches:
    """Stands for ``Batches``: features and text from the step's number, this process's rows of them."""

    def __init__(self, batch: int, width: int, rank: int, world: int):
        self.batch, self.width, self.rank, self.each = batch, width, rank, batch // world

    def train(self, step: int) -> Batch:
        rng = torch.Generator().manual_seed(step)
        features = torch.randn(self.batch, FRAMES, self.width, generator=rng)
        return Batch(features, torch.full((self.batch,), FRAMES)).part(self.mine)

    @property
    def mine(self) -> slice:
        return slice(self.rank * self.each, (self.rank + 1) * self.each)


class MadeStep(GeneratorStep):
    """The generator's stage on made batches."""

    def batch(self, step: int) -> Told:
        motion = self._batches.train(step)
        rows = len(motion)
        return Told(motion, TextFeatures(torch.randn(rows, 32, TEXT_WIDTH), torch.ones(rows, 32, dtype=torch.bool)))

    def validation(self, index: int) -> None:
        return None


def step_of(batch: int, rank: int, world: int) -> MadeStep:
    config = recipes.get("moscale.cpu")
    feature = build_feature(config.feature)
    tokenizer = build_tokenizer(config.tokenizer, feature, 0)
    generator = build_generator(config.generator, tokenizer, TEXT_WIDTH, TEXT_TOKENS, 0)
    batches: Any = MadeBatches(batch, feature.width, rank, world)
    texts: Any = None
    return MadeStep(generator, tokenizer, batches, texts, torch.device("cpu"))


def in_world(size: int, folder: Path, work: Callable[[int], dict[str, float]]) -> list[dict[str, float]]:
    """What ``work`` says in each of ``size`` connected forks."""
    folder.mkdir()
    children = []
    for rank in range(size):
        child = os.fork()
        if child == 0:
            try:
                os.environ.update(RANK=str(rank), WORLD_SIZE=str(size))
                if size > 1:
                    processes.init_process_group(
                        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size
                    )
                (folder / f"{rank}.json").write_text(json.dumps(work(rank)))
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(size)]


def used() -> tuple[float, float]:
    """Wall and processor seconds so far."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return time.monotonic(), spent.ru_utime + spent.ru_stime


def training(size: int, batch: int, steps: int, folder: Path) -> dict[str, float]:
    """Wall and processor seconds of a step (the first one not counted) and collectives per step."""

    def work(rank: int) -> dict[str, float]:
        marks, calls = [], [0]
        plain = processes.all_reduce

        def counted(*args: Any, **more: Any) -> Any:
            calls[0] += 1
            return plain(*args, **more)

        processes.all_reduce = counted

        class Marks(loop.Watch):
            def advance(self, task: str, done: int) -> None:
                marks.append((*used(), calls[0]))

        config = StageConfig(steps=steps + 1, batch_size=batch, validate_every=0, checkpoint_every=10**6)
        run = loop._Run(step_of(batch, rank, size), config, folder / f"run-{rank}", 0, torch.device("cpu"), {}, Marks())
        run.watch = Marks()
        run.go()
        (wall, cpu, first), (wall_end, cpu_end, last) = marks[0], marks[-1]
        return {
            "wall_s": (wall_end - wall) / steps,
            "cpu_s": (cpu_end - cpu) / steps,
            "collectives": (last - first) / steps,
            "memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        }

    for rank in range(size):
        (folder / f"run-{rank}").mkdir(parents=True)
    found = in_world(size, folder / "world", work)
    wall, cpu = max(one["wall_s"] for one in found), sum(one["cpu_s"] for one in found)
    return {
        "processes": size,
        "samples_per_wall_s": batch / wall,
        "cpu_s_per_sample": cpu / batch,
        "collectives_per_step": max(one["collectives"] for one in found),
        "memory_gb_per_process": max(one["memory_gb"] for one in found),
    }


def work_of_a_step(batch: int) -> dict[str, float]:
    """Floating point operations and kernels of a step per sample, and bytes of gradients."""
    from torch.autograd.profiler import profile

    step = step_of(batch, 0, 1)
    told = step.batch(0)
    step.module.train()
    with FlopCounterMode(display=False) as counter:
        step.loss(step.module, told, torch.Generator().manual_seed(0)).loss.backward()
    with profile() as kernels:
        step.loss(step.module, told, torch.Generator().manual_seed(0)).loss.backward()
    learned = sum(value.numel() for value in step.module.parameters())
    return {
        "parameters": learned,
        "gradient_bytes": 4 * learned,
        "flops_per_sample": counter.get_total_flops() / batch,
        "operations_per_step": sum(event.count for event in kernels.key_averages() if event.key.startswith("aten::")),
    }


def generating(clips: int, folder: Path) -> dict[str, float]:
    """Processor seconds and bytes of a generated clip of 4 seconds: default bundle, one draw."""
    prompts = folder / "prompts.txt"
    prompts.write_text("".join(f"a person walks forward number {n}\n" for n in range(clips)))
    settings = Settings.parse({"seconds": 4.0, "options": {"candidates": 1}})
    generate_bulk(prompts, folder / "first", settings)
    _, before = used()
    generate_bulk(prompts, folder / "made", settings)
    _, after = used()
    size = sum(path.stat().st_size for path in (folder / "made").rglob("motions.parquet"))
    return {"cpu_s_per_clip": (after - before) / clips, "bytes_per_clip": size / clips}


def predicted(one: dict[str, float], size: int, work: dict[str, float], batch: int) -> float:
    """Processor seconds per sample of ``size`` processes: the work is shared, the optimizer's is done by each."""
    optimizer = 12e-9 * work["parameters"]
    return one["cpu_s_per_sample"] + (size - 1) * optimizer / batch


def many_accelerators(work: dict[str, float], collectives: float, batch_each: int) -> list[dict[str, float]]:
    """The model: time of a step on 1 to 64 accelerators with ``batch_each`` samples on each."""
    found = []
    for count in (1, 8, 16, 64):
        compute = work["flops_per_sample"] * batch_each / (ASSUMED["accelerator_flops"] * ASSUMED["utilization"])
        launches = work["operations_per_step"] * ASSUMED["kernel_s"]
        gradients = 2 * (count - 1) / count * work["gradient_bytes"] / ASSUMED["link_bytes_per_s"]
        small = collectives * ASSUMED["collective_s"] if count > 1 else 0.0
        step = max(compute, launches) + max(0.0, gradients - 0.5 * max(compute, launches)) + small
        found.append(
            {
                "accelerators": count,
                "compute_ms": 1e3 * compute,
                "launches_ms": 1e3 * launches,
                "gradients_ms": 1e3 * gradients,
                "small_collectives_ms": 1e3 * small,
                "samples_per_s": count * batch_each / step,
                "efficiency": max(compute, launches) / step,
            }
        )
    return found


def many_clips(made: dict[str, float], clips: int = 10_000_000) -> dict[str, float]:
    """The model: ten million clips."""
    return {
        "clips": clips,
        "core_hours": clips * made["cpu_s_per_clip"] / 3600,
        "hours_on_one_machine": clips * made["cpu_s_per_clip"] / 3600 / ASSUMED["generating_cores"],
        "terabytes": clips * made["bytes_per_clip"] / 1e12,
        "shards_of_256": clips / 256,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", default="1,2,4")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--clips", type=int, default=6)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sizes = [int(size) for size in options.processes.split(",")]
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        # forks first: a process that has run autograd must not be forked
        measured = [training(size, options.batch, options.steps, place / str(size)) for size in sizes]
        work = work_of_a_step(options.batch)
        made = generating(options.clips, place)
    one = measured[0]
    for row in measured:
        row["efficiency"] = one["cpu_s_per_sample"] / row["cpu_s_per_sample"]
        row["predicted_cpu_s_per_sample"] = predicted(one, int(row["processes"]), work, options.batch)
    results = {
        "measured": measured,
        "work": work,
        "generated": made,
        "assumed": ASSUMED,
        "accelerators": many_accelerators(work, measured[-1]["collectives_per_step"], 64),
        "clips": many_clips(made),
    }
    save("scale", results)
    write_page(results)


def write_page(results: dict[str, Any]) -> None:
    def rows(key: str, names: tuple[str, ...]) -> str:
        cells = [[f"{row[name]:.4g}" for name in names] for row in results[key]]
        return table([name.replace("_", " ") for name in names], cells)

    busy = machine()["load_average_1min"]
    first = rows("measured", tuple(results["measured"][0]))
    second = rows("accelerators", tuple(results["accelerators"][0]))
    text = f"Measured (load average {busy}):\n\n{first}\n\nOn paper, 64 samples on each accelerator:\n\n{second}"
    old = PAGE.read_text(encoding="utf-8")
    head, tail = old.split(BEGIN)[0], old.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
