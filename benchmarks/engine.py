"""How near generation is to the arithmetic it needs: counted operations, processor time, and their ratio, part by part.

    python benchmarks/engine.py [--systems default,moscale] [--batches 1,32] [--seconds 2,5,9.8] [--budget 60]

Published sizes with random weights, and the default bundle. The *floor* of a row is its counted operations over the
rate of a large matrix product, measured on the same threads between the row's own repeats, so that other load on the
machine weighs on both; the ratio of processor time to floor is what the row says. Every system runs in a process of
its own, whose peak memory is reported. A batch is drawn clip by clip, as by default; ``--shared`` draws it in shared
passes. ``--budget``: processor seconds per row, beyond which it is not repeated, and a batch is not drawn whole: the
row says how many clips were. ``--cold`` measures a whole process instead, sentence to file, beside ``import torch``.

Writes ``docs/results/engine.json``; systems that are not measured keep their figures.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _record import RESULTS, save, table

SYSTEMS = ("default", "momask", "mosa", "moscale", "msq", "scalemogen")
PROMPT = "a person walks forward and turns to the left"
FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_tile", "amx_bf16", "amx_int8")
FLOOR_SIZE = 1024
REPEATS = 3
PAGE = Path("docs/engine.md")
PUBLISHED_FPS = 20.0


def matmul_rate(size: int = FLOOR_SIZE) -> float:
    """Operations per processor second of a large product of float32 matrices, times the threads it keeps busy."""
    import torch

    a, b = torch.randn(2, size, size)
    a @ b
    start = time.process_time()
    a @ b
    return 2.0 * size**3 / (time.process_time() - start)


def counted(work: Callable[[], Any]) -> float:
    """Floating-point operations of ``work`` in products, convolutions and attention."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

    def attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
        return sdpa_flop_count(query, key, value)

    # torch counts the attention kernels of accelerators alone
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    with FlopCounterMode(display=False, custom_mapping={kernel: attention}) as counter:
        work()
    return float(counter.get_total_flops())


def timed(work: Callable[[], Any], budget_s: float) -> dict[str, float]:
    """Medians of processor time and of the floor's rate, measured in turn; counted operations; their ratio."""
    flops = counted(work)
    spent, rates = [], [matmul_rate()]
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
        rates.append(matmul_rate())
        if sum(spent) > budget_s:
            break
    cpu_s, rate = statistics.median(spent), statistics.median(rates)
    floor_s = flops / rate
    ratio = cpu_s / floor_s if flops else 0.0
    return {"cpu_s": cpu_s, "gflop": flops / 1e9, "floor_s": floor_s, "ratio": ratio, "repeats": len(spent)}


def default_rows(batches: list[int], seconds: list[float], shared: bool, budget_s: float) -> list[dict[str, Any]]:
    """Rows of the bundle in the package."""
    from kinescale.bundle import Bundle

    bundle = Bundle.from_pretrained()
    longest = bundle.max_frames
    lengths = [min(round(length * bundle.feature.fps), longest) for length in seconds]
    return [default_row(bundle, batch, frames, shared, budget_s) for frames in lengths for batch in batches]


def default_row(bundle: Any, batch: int, frames: int, shared: bool, budget_s: float) -> dict[str, Any]:
    """One batch of the bundle, and for a single clip the other parts: text, decode, post-processing, file."""
    import torch

    from kinescale.pipelines import runtime
    from kinescale.tokens import TextFeatures

    _, config = bundle.sampler()
    text = runtime.encode_text(bundle, [PROMPT])
    many = TextFeatures(text.tokens.expand(batch, -1, -1), text.mask.expand(batch, -1))
    latents = -(-frames // bundle.stride)
    layout = bundle.tokenizer.layout(latents * bundle.stride)
    marks: list[float] = []

    def draw() -> Any:
        marks[:] = [time.process_time()]
        return runtime.sample(
            bundle,
            many,
            layout,
            torch.full((batch,), latents),
            config=config,
            rngs=[torch.Generator().manual_seed(seed) for seed in range(batch)],
            on_scale=lambda *_: marks.append(time.process_time()),
            shared_passes=shared,
        )

    parts = {"scales": timed(draw, budget_s)}
    parts["scales"]["ms_per_scale"] = [1000 * (b - a) for a, b in itertools.pairwise(marks)]
    if batch == 1:
        parts |= other_parts(bundle, bundle.plain(draw().tokens), frames, budget_s)
    return {"batch": batch, "clips": batch, "frames": frames, "positions": layout.positions, **parts}


def other_parts(bundle: Any, tokens: Any, frames: int, budget_s: float) -> dict[str, dict[str, float]]:
    """What a single clip costs beside its tokens."""
    from kinescale.formats import write_motion
    from kinescale.pipelines import runtime
    from kinescale.pipelines.post_process import FINISH, postprocess

    features = runtime.decode(bundle, tokens, frames)
    motion = postprocess(bundle.feature, features, FINISH).motion
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "made.bvh"
        return {
            "text": timed(lambda: runtime.encode_text(bundle, [PROMPT]), budget_s),
            "decode": timed(lambda: runtime.decode(bundle, tokens, frames), budget_s),
            "post_process": timed(lambda: postprocess(bundle.feature, features, FINISH), budget_s),
            "file": timed(lambda: write_motion(motion, file, force=True), budget_s),
        }


def published_rows(
    system: str, batches: list[int], seconds: list[float], shared: bool, budget_s: float
) -> list[dict[str, Any]]:
    """Rows of a published system at its size, random weights, at the frame rate of its data."""
    from systems import build

    built = build(system, faithful=False)
    for module in built[:2]:
        # the counter follows modules by gradient hooks, which are not there for all of them without gradients
        module.requires_grad_(False)
    layout = built[0].layout()
    lengths = [min(round(length * PUBLISHED_FPS), layout.max_frames) for length in seconds]
    found: list[dict[str, Any]] = []
    for frames in lengths:
        single_s = 0.0
        for batch in sorted(batches):
            # in passes of their own clips cost alike: some of them stand for all
            clips = batch if shared or not single_s else max(1, min(batch, int(budget_s / single_s)))
            row = published_row(system, built, clips, frames, shared, budget_s)
            single_s = row["scales"]["cpu_s"] if batch == 1 else single_s
            found.append({"batch": batch, **row})
    return found


def published_row(
    system: str, built: tuple[Any, Any, Any], clips: int, frames: int, shared: bool, budget_s: float
) -> dict[str, Any]:
    """One batch of a published system."""
    import torch
    from systems import TEXT_TOKENS, generator_name

    from kinescale import generators, samplers
    from kinescale.samplers.base import SampleRequest
    from kinescale.tokens import TextFeatures

    tokenizer, generator, sampling = built
    module = samplers.FAMILY.load(generators.FAMILY.get(generator_name(system), "SAMPLER"))
    config = module.Config.parse({} if sampling is None else sampling.config)
    stride = tokenizer.layout().stride
    latents = -(-frames // stride)
    features = torch.randn(clips, TEXT_TOKENS, generator.config.text_width)

    def draw() -> Any:
        request = SampleRequest(
            generator=generator,
            codec=tokenizer.codec.view(generator.token_kind),
            text=TextFeatures(features, torch.ones(clips, TEXT_TOKENS, dtype=torch.bool)),
            layout=tokenizer.layout(latents * stride),
            latent_lengths=torch.full((clips,), latents),
            rngs=[torch.Generator().manual_seed(seed) for seed in range(clips)],
            shared_passes=shared,
        )
        return module.sample(request, config)

    row: dict[str, Any] = {"clips": clips, "frames": frames, "positions": tokenizer.layout(latents * stride).positions}
    row["scales"] = timed(draw, budget_s)
    if clips == 1:
        tokens = draw().tokens
        row["decode"] = timed(lambda: tokenizer.decode(tokens), budget_s)
    return row


def measure(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows of one system, in this process."""
    import torch

    torch.set_num_threads(chosen.threads)
    torch.manual_seed(0)
    numbers = ([int(x) for x in chosen.batches.split(",")], [float(x) for x in chosen.seconds.split(",")])
    with torch.no_grad():
        if chosen.systems == "default":
            rows = default_rows(*numbers, chosen.shared, chosen.budget)
        else:
            rows = published_rows(chosen.systems, *numbers, chosen.shared, chosen.budget)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    shared = {"system": chosen.systems, "threads": chosen.threads, "passes": "shared" if chosen.shared else "own"}
    return [{**shared, **row, "process_peak_gb": peak} for row in rows]


def cold_start(repeats: int) -> dict[str, Any]:
    """Processor seconds of a sentence to a file and of ``import torch``, in turn, and what the imports cost."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["-m", "kinescale", "generate", PROMPT, "-o", f"{folder}/made.bvh", "--force"]
        commands = {
            "import_torch": ["-c", "import torch"],
            "generate": words,
            "generate_one_candidate": [*words, "--candidates", "1"],
        }
        spent: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(repeats + 1):
            for name, command in commands.items():
                seconds = _processor_seconds([sys.executable, *command])
                if turn:
                    spent[name].append(seconds)
        said = subprocess.run([sys.executable, "-X", "importtime", *words], capture_output=True, text=True, check=True)
    medians = {name: statistics.median(values) for name, values in spent.items()}
    return {
        "cpu_s": medians,
        "over_import_torch": medians["generate"] / medians["import_torch"],
        "over_import_torch_one_candidate": medians["generate_one_candidate"] / medians["import_torch"],
        "import_ms": import_profile(said.stderr),
        "every": spent,
    }


def import_profile(log: str, most: int = 15) -> dict[str, float]:
    """Milliseconds of the costliest packages in what ``python -X importtime`` prints, their own modules alone."""
    own: Counter[str] = Counter()
    for line in log.splitlines():
        if found := re.match(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", line):
            parts = found[2].split(".")
            own[".".join(parts[: 2 if parts[0] in ("torch", "kinescale") else 1])] += int(found[1])
    return {name: own[name] / 1000 for name, _ in own.most_common(most)}


def _processor_seconds(command: list[str]) -> float:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return used.ru_utime + used.ru_stime


def processor_flags() -> list[str]:
    """Instruction sets that matter here and the processor has."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return []
    have = set(next((line for line in text.splitlines() if line.startswith("flags")), "").split())
    return [flag for flag in FLAGS if flag in have]


def merged(out: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with those of earlier runs that were not measured again."""

    def key(row: dict[str, Any]) -> tuple[Any, ...]:
        return row["system"], row["passes"], row["threads"], row["batch"], row["frames"]

    kept = {key(row): row for row in _before(out).get("rows", [])}
    return [row for _, row in sorted((kept | {key(row): row for row in rows}).items())]


def _before(out: Path) -> dict[str, Any]:
    path = out / "engine.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def show(results: dict[str, Any]) -> str:
    """The rows as a table, per clip."""
    head = ["system", "passes", "batch", "frames", "positions", "GFLOP", "cpu s", "floor s", "ratio", "decode ratio"]
    lines = []
    for row in results["rows"]:
        scales, clips = row["scales"], row["clips"]
        line = [row["system"], row["passes"], str(row["batch"]), str(row["frames"]), str(row["positions"])]
        line += [f"{scales['gflop'] / clips:.1f}", f"{scales['cpu_s'] / clips:.3f}"]
        line += [f"{scales['floor_s'] / clips:.3f}", f"{scales['ratio']:.2f}"]
        lines.append([*line, f"{row['decode']['ratio']:.2f}" if "decode" in row else ""])
    return table(head, lines)


def write_page(results: dict[str, Any]) -> None:
    """The tables into ``docs/engine.md``."""
    text = PAGE.read_text(encoding="utf-8")
    cold = results["cold_start"]
    lines = [] if not cold else [[name, f"{value:.2f}"] for name, value in cold["cpu_s"].items()]
    blocks = {
        ("<!-- table: begin (benchmarks/engine.py) -->", "<!-- table: end -->"): show(results),
        ("<!-- cold: begin (benchmarks/engine.py --cold) -->", "<!-- cold: end -->"): table(
            ["process", "processor seconds"], lines
        ),
    }
    for (begin, end), shown in blocks.items():
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{shown}\n{end}{rest.partition(end)[2]}"
    PAGE.write_text(text, encoding="utf-8")


def main() -> None:
    """Measure every system in a process of its own; print a table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--batches", default="1,32")
    parser.add_argument("--seconds", default="2,5,9.8")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--cold", action="store_true", help="measure the cold start alone")
    parser.add_argument("--one", action="store_true", help="measure one system here and print its JSON")
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measure(chosen)))
        return
    results = {"rows": _before(chosen.out).get("rows", []), "cold_start": _before(chosen.out).get("cold_start", {})}
    if chosen.cold:
        results["cold_start"] = cold_start(REPEATS)
    else:
        words = ["--batches", chosen.batches, "--seconds", chosen.seconds, "--threads", str(chosen.threads)]
        words += ["--budget", str(chosen.budget), *(["--shared"] if chosen.shared else []), "--one"]
        for system in chosen.systems.split(","):
            command = [sys.executable, __file__, "--systems", system, *words]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            results["rows"] = merged(chosen.out, json.loads(done.stdout.splitlines()[-1]))
            path = save("engine", {"processor_flags": processor_flags(), **results}, chosen.out)
            print(system, "done", flush=True)
    path = save("engine", {"processor_flags": processor_flags(), **results}, chosen.out)
    if chosen.out == RESULTS:
        write_page(results)
    print(show(results), results["cold_start"].get("over_import_torch"), f"see {path}", sep="\n")


if __name__ == "__main__":
    main()
