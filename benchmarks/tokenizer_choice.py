"""Which tokens keep fast motion and the way through the world: tokenizers at equal processor time, same draws.

    python benchmarks/tokenizer_choice.py --data data/prepared [--cpu-minutes 4] [--variants grouped,skeletal]

Each variant is trained on one thread for the same processor time, on the same windows with the same kinematic losses
(``recipes.grouped``; ``moscale_features`` has none, as published), then held against held-out recordings by the
tokenizer's yardstick (``evaluation.tokenizer_yardstick``). Writes ``docs/results/tokenizer_choice.json`` and
``docs/tokenizer_choice.md``. Variants already in the JSON at the same budget stay there.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from _budget import TRIAL_STEPS, Clock, step_cost
from _record import RESULTS, command_line, save, table

from kinescale import recipes
from kinescale.core.files import atomic_write_text
from kinescale.data.prepared import open_prepared
from kinescale.evaluation.tokenizer_samples import samples
from kinescale.evaluation.tokenizer_yardstick import TokenizerYardstick
from kinescale.training.config import RunConfig
from kinescale.training.export import build_bundle
from kinescale.training.run import train

SKELETAL = [
    [8, [[0, 1, 2, 3, 4, 5, 6]]], [4, [[0, 3], [1, 2, 4, 5, 6]]], [2, [[0, 3], [1, 2], [4, 5, 6]]],
    [1, [[0], [1], [2], [3], [4], [5], [6]]],
]  # fmt: skip

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "moscale_features": ("moscale", {"kinematics": False}),
    "moscale": ("moscale", {}),
    "skeletal": ("scalemogen", {}),
    "grouped": ("grouped", {}),
    "grouped_shallow": ("grouped", {"scales": [8, 4, 2, 1]}),
    "grouped_two_groups": ("grouped", {"groups": 2, "scales": [8, 4, 2, 1, 1]}),
    "grouped_four_groups": ("grouped", {"groups": 4, "code_dim": 32, "codes": 512, "scales": [8, 4, 2, 1]}),
}
"""Tokenizer family and what differs from its settings here."""


HEAD = (
    *("variant", "steps", "parameters", "tokens/s", "Bandai mm", "CMU mm", "HDM05 mm"),
    *("world Bandai", "world CMU", "world HDM05", "kick", "hop", "dance"),
)


def recipe(variant: str, steps: int) -> RunConfig:
    """The grouped recipe's tokenizer stage with another tokenizer in it."""
    base = recipes.get("grouped.cpu")
    family, changes = VARIANTS[variant]
    if family == "grouped":
        part = base.tokenizer.but(config={**base.tokenizer.config, **changes, "continuous_steps": steps // 5})
    elif family == "moscale":
        small = recipes.get("moscale.cpu").tokenizer
        part = small.but(config={**small.config, "width": 160, "dropout": 0.0})
    else:
        small = recipes.get("skeletal_moscale.cpu").tokenizer
        part = small.but(config={**small.config, "schedule": SKELETAL})
    stage = base.tokenizer_training
    schedule = stage.schedule.but(warmup=min(100, steps // 10))
    kinematics = stage.kinematics if changes.get("kinematics", True) else type(stage.kinematics)()
    stage = stage.but(steps=steps, schedule=schedule, kinematics=kinematics, validate_every=0, checkpoint_every=steps)
    return base.but(name=f"{variant}.choice", tokenizer=part, generator=None, text=None, sampling=None, device="cpu",
                    workers=1, tokenizer_training=stage)  # fmt: skip


def measured(variant: str, chosen: argparse.Namespace, yardstick: TokenizerYardstick) -> dict[str, Any]:
    """Train a variant for the budget and measure what it keeps."""
    with tempfile.TemporaryDirectory() as name:
        cost = step_cost(recipe(variant, TRIAL_STEPS), "tokenizer", chosen.data, Path(name) / "trial")
        steps = max(TRIAL_STEPS, int(chosen.cpu_minutes * 60 / cost))
        clock = Clock()
        train(recipe(variant, steps), chosen.data, Path(name) / "run", ["tokenizer"], watch=clock)
        bundle = build_bundle(Path(name) / "run")
    tokenizer = bundle.tokenizer
    report = yardstick.measure(tokenizer, bundle.normalizer).to_json()
    layout = tokenizer.layout()
    return {
        "steps": steps,
        "step_cpu_s": cost,
        "cpu_s": clock.scores[-1] - clock.scores[0],
        "parameters": sum(p.numel() for p in tokenizer.parameters()),
        "tokens_per_second": layout.positions / (layout.max_frames / bundle.feature.fps),
        "kept": report,
    }


def page(found: dict[str, Any], chosen: argparse.Namespace) -> str:
    """The table as Markdown."""
    rows = []
    for variant, row in found.items():
        bars = {bar["name"]: bar["value"] for bar in row["kept"]["bars"]}
        names = [
            *(f"{corpus}: root-aligned error, mm" for corpus in ("bandai_namco", "cmu", "hdm05")),
            *(f"{corpus}: world error after 4 s, mm" for corpus in ("bandai_namco", "cmu", "hdm05")),
        ]
        peaks = ("kick: foot height kept", "hop: hop height kept", "dance: foot speed kept")
        shown = [f"{bars[n]:.0f}" if bars.get(n) is not None else "–" for n in names]
        shown += [f"{bars[n]:.2f}" if bars.get(n) is not None else "–" for n in peaks]
        sizes = [str(row["steps"]), f"{row['parameters']:,}", f"{row['tokens_per_second']:.0f}"]
        rows.append([variant, *sizes, *shown])
    return (
        f"# Tokenizers at equal processor time\n\n{chosen.cpu_minutes:g} processor minutes each, one thread.\n\n"
        f"```text\n{command_line()}\n```\n\n"
        "*mm*: mean root-aligned joint error of held-out recordings; *world*: joint error after 4 s, both starting "
        "alike; *kick, hop, dance*: median share of the recording's peak that is kept (foot height, hop height, foot "
        "speed). All but `moscale_features` are trained with the kinematic losses.\n\n" + table(HEAD, rows) + "\n"
    )


def main() -> None:
    """Train what is missing, then write JSON and page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/prepared"))
    parser.add_argument("--cpu-minutes", type=float, default=4.0)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=Path("docs/tokenizer_choice.md"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    path = chosen.out / "tokenizer_choice.json"
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    found = old["variants"] if old.get("cpu_minutes") == chosen.cpu_minutes else {}
    prepared = open_prepared(chosen.data)
    feature = _feature()
    yardstick = TokenizerYardstick(feature, samples(prepared, ("test",)))
    for variant in chosen.variants.split(","):
        if variant not in found:
            print(f"{variant} ...", flush=True)
            found[variant] = measured(variant, chosen, yardstick)
        save("tokenizer_choice", {"cpu_minutes": chosen.cpu_minutes, "variants": found}, chosen.out)
        atomic_write_text(chosen.page, page(found, chosen))


def _feature() -> Any:
    """The feature of the grouped recipe."""
    from kinescale.training.parts import build_feature

    return build_feature(recipes.get("grouped.cpu").feature)


if __name__ == "__main__":
    main()
