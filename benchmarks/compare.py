"""All systems trained alike: what their tokens keep, and what their generators make of the same sentences.

    python benchmarks/compare.py --data data/prepared [--cpu-minutes 8] [--systems moscale,mosa] [--stages tokenizer]

Each system's ``cpu`` recipe on one core, first the tokenizers, then the generators, each for the same processor time:
a short trial measures what a step costs, and the steps that fit become the stage's length, so that every learning
rate comes down at its end. Runs are kept under ``--runs`` and taken up again. Writes ``docs/results/compare.json``,
``docs/compare.md`` and a picture sheet of six sentences a system (``docs/compare``). Systems already in the JSON stay
there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _budget import Clock, step_cost
from _quality import mean_of, quality
from _reconstruction import reconstruction
from _record import RESULTS, command_line, save, table
from PIL import Image

from kinescale import recipes
from kinescale.bundle import Bundle
from kinescale.core.files import atomic_write_text
from kinescale.core.records import write_json
from kinescale.data.prepared import open_prepared
from kinescale.motion import canonicalize
from kinescale.pipelines import TextToMotion
from kinescale.quantizers.base.usage import perplexity as token_perplexity
from kinescale.quantizers.base.usage import usage
from kinescale.render import render
from kinescale.training.config import RunConfig, Stage
from kinescale.training.export import build_bundle
from kinescale.training.overrides import override
from kinescale.training.run import train

SYSTEMS = ("moscale", "momask", "mosa", "msq", "scalemogen", "skeletal_moscale")
STAGES: tuple[Stage, ...] = ("tokenizer", "generator")
PROMPTS = (
    "a person walks forward and turns to the left",
    "a person runs forward",
    "a person waves the right hand",
    "a person bows",
    "a person kicks with the left leg",
    "an old person walks slowly",
)
PROMPT_SECONDS, PROMPT_SEED = 4.0, 11
TIMED_FRAMES, TIMED_REPEATS = 192, 5

NOTES = """\
*MPJPE*: mean joint distance in the world, both motions starting at the origin; *root-free*: each frame's root taken
away; *feature RMSE*: of normalized features, after each scale in brackets. *codes used* and *perplexity*: of a scale's
vocabulary, mean over the scales, counted on the validation clips; for bits, the share of bits that are neither always
on nor always off, and the perplexity of a bit (1 to 2). Times: median, one core, a clip of 6.4 s.

A budget this short says which design learns fast on a processor, not which is best: a system whose step costs more
(MSQ's and MoSa's generators attend over hundreds of positions) took fewer of them, and no generator is trained out.
"""


def main() -> None:
    """Train what is not trained yet, measure all, write page, sheets and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/prepared"))
    parser.add_argument("--runs", type=Path, default=Path("runs/compare"))
    parser.add_argument("--cpu-minutes", type=float, default=8.0, help="processor time of each stage (8)")
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--clips", type=int, default=100, help="validation clips of the measurement (100; 0: all)")
    parser.add_argument(
        "--join", type=Path, nargs="+", default=[], help="other such JSONs of the same budget, to take in"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=Path("docs/compare.md"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    path = chosen.out / "compare.json"
    found = json.loads(path.read_text(encoding="utf-8"))["systems"] if path.is_file() else {}
    for file in chosen.join:
        other = json.loads(file.read_text(encoding="utf-8"))
        if other["cpu_minutes"] != chosen.cpu_minutes:
            parser.error(f"{file} was made with {other['cpu_minutes']} minutes")
        found |= {system: {"command": other["command"], **row} for system, row in other["systems"].items()}
        save("compare", {"cpu_minutes": chosen.cpu_minutes, "systems": found}, chosen.out)
    for stage in (name for name in STAGES if name in chosen.stages.split(",")):
        for system in (name for name in chosen.systems.split(",") if name):
            print(f"{system}: {stage} ...", flush=True)
            spent = trained(system, stage, chosen)
            bundle = build_bundle(chosen.runs / system)
            row = found.setdefault(system, {})
            row[stage] = {**spent, **(_tokenizer if stage == "tokenizer" else _generator)(system, bundle, chosen)}
            row["data_hash"] = open_prepared(chosen.data).manifest_hash
            save("compare", {"cpu_minutes": chosen.cpu_minutes, "systems": found}, chosen.out)
    page(found, chosen)


def trained(system: str, stage: Stage, chosen: argparse.Namespace) -> dict[str, Any]:
    """Train one stage for the budget; what was spent."""
    folder = chosen.runs / system
    budget = folder / f"{stage}_budget.json"
    config = plan(folder, system)
    if not budget.is_file():
        cost = trial(config, stage, chosen)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(budget, {"step_cpu_s": cost, "steps": max(2, int(chosen.cpu_minutes * 60 / cost))})
        config = plan(folder, system)
    clock = Clock()
    outcome = train(config, chosen.data, folder, (stage,), watch=clock)[stage]
    planned = json.loads(budget.read_text(encoding="utf-8"))
    if len(clock.marks) > 1:
        planned["cpu_s_of_last_call"] = clock.marks[-1] - clock.marks[0]
        write_json(budget, planned)
    return {"steps": outcome.step, "finished": outcome.finished, **planned}


def plan(folder: Path, system: str) -> RunConfig:
    """The recipe ``cpu``, its stages as long as the budgets that are known; warm-up at most a tenth of them."""
    recipe = recipes.get(f"{system}.cpu")
    changes: dict[str, Any] = {"device": "cpu"}
    for stage in STAGES:
        file = folder / f"{stage}_budget.json"
        if file.is_file():
            steps = json.loads(file.read_text(encoding="utf-8"))["steps"]
            settings = recipe.stage(stage)
            changes |= {
                f"{stage}_training.steps": steps,
                f"{stage}_training.schedule.warmup": min(settings.schedule.warmup, steps // 10),
                f"{stage}_training.validate_every": 0,
                f"{stage}_training.checkpoint_every": 100,
            }
    return override(recipe, changes)


def trial(config: RunConfig, stage: Stage, chosen: argparse.Namespace) -> float:
    """Processor seconds of a step, from a run that is thrown away."""
    source = chosen.runs / config.name.partition(".")[0]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "trial"
        if (source / "tokenizer").is_dir() and stage == "generator":
            shutil.copytree(source, folder)
        return step_cost(config, stage, chosen.data, folder)


def _tokenizer(system: str, bundle: Bundle, chosen: argparse.Namespace) -> dict[str, Any]:
    kept = reconstruction(bundle, chosen.data, chosen.clips)
    return {
        "parameters": bundle.parameters["tokenizer"],
        "positions": bundle.tokenizer.layout().positions,
        "scales": kept["groups"]["all"],
        "recorded": kept["recorded"],
        "clips": kept["clips"],
        **codes_used(bundle, chosen),
        **timed(bundle),
    }


@torch.no_grad()
def codes_used(bundle: Bundle, chosen: argparse.Namespace) -> dict[str, float]:
    """How much of each scale's vocabulary the validation clips use; means over the scales."""
    prepared = open_prepared(chosen.data)
    indices = [i for i, clip in enumerate(prepared.clips) if clip.split == "val"]
    indices = indices[:: max(1, len(indices) // chosen.clips)][: chosen.clips] if chosen.clips else indices
    tokenizer, seen = bundle.tokenizer, []
    for index in indices:
        features = bundle.normalizer.apply(bundle.feature.from_motion(canonicalize(prepared.motion(index))))
        whole = min(len(features), bundle.max_frames) // bundle.stride * bundle.stride
        if whole:
            seen.append(tokenizer.encode(features[None, :whole], torch.tensor([whole])).tokens)
    used, perplexity = [], []
    for scale, vocabulary in enumerate(tokenizer.codec.vocabularies):
        valid = [tokens.scales[scale][tokens.valid(scale)] for tokens in seen]
        if tokenizer.codec.token_kind == "codes":
            codes = torch.cat([part.flatten() for part in valid])
            codes = codes[codes >= 0]
            used.append(float(usage(codes, vocabulary)))
            perplexity.append(float(token_perplexity(codes, vocabulary)))
        else:
            on = torch.cat(valid).double().mean(0)
            used.append(float(((on > 0) & (on < 1)).double().mean()))
            entropy = -(torch.xlogy(on, on) + torch.xlogy(1 - on, 1 - on)).mean()
            perplexity.append(float(torch.exp(entropy)))
    return {"used": float(np.mean(used)), "perplexity": float(np.mean(perplexity))}


@torch.no_grad()
def timed(bundle: Bundle) -> dict[str, float]:
    """Milliseconds of coding and decoding one clip, medians."""
    whole = TIMED_FRAMES // bundle.stride * bundle.stride
    clip, lengths = torch.randn(1, whole, bundle.feature.width), torch.tensor([whole])
    tokens = bundle.tokenizer.encode(clip, lengths).tokens
    times: dict[str, list[float]] = {"encode_ms": [], "decode_ms": []}
    for _ in range(TIMED_REPEATS):
        start = time.perf_counter()
        bundle.tokenizer.encode(clip, lengths)
        middle = time.perf_counter()
        bundle.tokenizer.decode(tokens)
        times["encode_ms"].append(1000 * (middle - start))
        times["decode_ms"].append(1000 * (time.perf_counter() - middle))
    return {name: statistics.median(values) for name, values in times.items()}


def _generator(system: str, bundle: Bundle, chosen: argparse.Namespace) -> dict[str, Any]:
    pipe = TextToMotion(bundle)
    made = [pipe(prompt, PROMPT_SECONDS, 1, PROMPT_SEED) for prompt in PROMPTS]
    motions = [one.motions[0] for one in made]
    folder = chosen.page.parent / chosen.page.stem
    folder.mkdir(parents=True, exist_ok=True)
    render(motions, folder / f"{system}.png")
    shrink(folder / f"{system}.png")
    return {
        "parameters": bundle.parameters["generator"],
        "sampling_s": statistics.median(one.timings["sampling"] for one in made),
        "prompts": list(PROMPTS),
        "quality": mean_of([quality(motion) for motion in motions]),
    }


def shrink(picture: Path) -> None:
    """The picture in 64 colors: a quarter of the bytes."""
    with Image.open(picture) as whole:
        small = whole.convert("RGB").quantize(64)
    small.save(picture, optimize=True)


def page(found: dict[str, Any], chosen: argparse.Namespace) -> None:
    """The Markdown page: both tables and the sheets."""
    made = dict.fromkeys(row.get("command", command_line()) for row in found.values())
    budget = f"{chosen.cpu_minutes:g} processor minutes a stage, one core of a busy machine."
    parts = ["# All systems trained alike", budget, "\n".join(["```text", *made, "```"]), NOTES]
    head = ["system", "steps", "parameters", "tokens", "MPJPE mm", "root-free mm", "feature RMSE", "codes used"]
    head += ["perplexity", "encode ms", "decode ms"]
    rows = []
    for system, row in found.items():
        if "tokenizer" in row:
            one, last = row["tokenizer"], row["tokenizer"]["scales"][-1]
            after = " ".join(f"{scale['feature_rmse']:.2f}" for scale in one["scales"])
            figures = [
                f"{last['mpjpe_mm']:.0f}",
                f"{last['mpjpe_root_mm']:.0f}",
                f"{last['feature_rmse']:.3f} ({after})",
            ]
            figures += [f"{one['used']:.0%}", f"{one['perplexity']:.1f}"]
            figures += [f"{one['encode_ms']:.0f}", f"{one['decode_ms']:.0f}"]
            rows.append([system, str(one["steps"]), f"{one['parameters']:,}", str(one["positions"]), *figures])
    parts += ["## Tokenizers", table(head, rows)]
    mpjpe = [
        [system, *(f"{scale['mpjpe_mm']:.0f}" for scale in row["tokenizer"]["scales"])]
        for system, row in found.items()
        if "tokenizer" in row
    ]
    most = max((len(row) for row in mpjpe), default=1) - 1
    head = ["MPJPE mm after", *(f"{k + 1}" for k in range(most))]
    parts += [table(head, [row + [""] * (most + 1 - len(row)) for row in mpjpe])]
    head = ["system", "steps", "parameters", "sampling s (4 s clip)", "slide m/s", "jerk m/s³"]
    rows = [
        [
            system,
            str(row["generator"]["steps"]),
            f"{row['generator']['parameters']:,}",
            f"{row['generator']['sampling_s']:.2f}",
            f"{row['generator']['quality']['slide_m_s']:.2f}",
            f"{row['generator']['quality']['jerk_mean_m_s3']:.0f}",
        ]
        for system, row in found.items()
        if "generator" in row
    ]
    parts += ["## Generators", table(head, rows), "The same six sentences, seed 11, 4 seconds:"]
    parts += [
        f"### {system}\n\n![{system}]({chosen.page.stem}/{system}.png)"
        for system, row in found.items()
        if "generator" in row
    ]
    atomic_write_text(chosen.page, "\n\n".join(part.strip() for part in parts) + "\n")
    print(table(head, rows))


if __name__ == "__main__":
    main()
