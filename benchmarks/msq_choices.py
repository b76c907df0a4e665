"""Which of the choices that MSQ's paper leaves open keep most of a motion: preset, quantizer, residual or not.

    python benchmarks/msq_choices.py --data data/prepared [--minutes 6] [--only pyramid-fsq,limbs-fsq] [--clips 60]

Trains one tokenizer a variant, each for the same wall time on the CPU, and measures what its tokens keep of the
validation split after each scale. Runs are kept under ``--runs`` and taken up again. Writes
``docs/results/msq_choices.json``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from _reconstruction import reconstruction
from _record import RESULTS, save, table

from kinescale import recipes
from kinescale.training.config import RunConfig
from kinescale.training.export import build_bundle
from kinescale.training.overrides import override
from kinescale.training.run import train

VARIANTS: dict[str, dict[str, Any]] = {
    "pyramid-fsq": {},
    "pyramid-fsq-apart": {"residual": False},
    "pyramid-fsq-shared": {"share_scales": True},
    "pyramid-vq": {"quantizer": "vq", "share_scales": True},
    "pyramid-vq-cosine": {"quantizer": "vq", "share_scales": True, "lookup": "cosine"},
    "pyramid-vq-apart": {"quantizer": "vq", "share_scales": True, "residual": False},
    "grid-fsq": {"preset": "grid"},
    "limbs-fsq": {"preset": "limbs"},
    "limbs-fsq-apart": {"preset": "limbs", "residual": False},
    "limbs-vq": {"preset": "limbs", "quantizer": "vq", "share_scales": True},
    "pyramid-fsq-blend": {"blend": 0.5},
    "pyramid-fsq-mixed": {"cross_mix": 0.1},
}
"""What differs from the recipe ``msq.cpu`` with ``residual`` on."""


def main() -> None:
    """Train, measure, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/prepared"))
    parser.add_argument("--runs", type=Path, default=Path("runs/msq_choices"))
    parser.add_argument("--minutes", type=float, default=6.0, help="wall time of each variant")
    parser.add_argument("--steps", type=int, default=100_000, help="ends a variant before its time; 2 tries the script")
    parser.add_argument("--clips", type=int, default=60, help="validation clips; 0 is all")
    parser.add_argument("--only", default="", help="variants to run, comma-separated; all by default")
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    wanted = [name for name in chosen.only.split(",") if name] or list(VARIANTS)
    results = {name: measured(name, chosen) for name in wanted}
    print(shown(results))
    path = save("msq_choices", {"minutes": chosen.minutes, "variants": results}, chosen.out)
    print(f"wrote {path}")


def settings(name: str, minutes: float, steps: int) -> RunConfig:
    """The run of one variant: ``msq.cpu``'s tokenizer at a constant learning rate, since the time ends it."""
    changes = {f"tokenizer.config.{key}": value for key, value in {"residual": True, **VARIANTS[name]}.items()}
    stage = {
        "minutes": minutes,
        "steps": steps,
        "schedule.kind": "constant",
        "checkpoint_every": 200,
        "validate_every": 0,
    }
    changes |= {f"tokenizer_training.{key}": value for key, value in stage.items()}
    return override(recipes.get("msq.cpu"), {"device": "cpu", **changes})


def measured(name: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """Figures of one variant."""
    folder = chosen.runs / name
    print(f"{name} ...", flush=True)
    outcomes = train(settings(name, chosen.minutes, chosen.steps), chosen.data, folder, ("tokenizer",))
    bundle = build_bundle(folder)
    found = reconstruction(bundle, chosen.data, chosen.clips)
    return {
        "steps": outcomes["tokenizer"].step,
        "parameters": bundle.parameters["tokenizer"],
        "positions": bundle.tokenizer.layout().positions,
        "settings": VARIANTS[name],
        "scales": found["groups"]["all"],
        "data_hash": found["data_hash"],
    }


def shown(results: dict[str, dict[str, Any]]) -> str:
    """The table that is printed."""
    head = ["variant", "steps", "tokens", "MPJPE mm", "root-free mm", "feature RMSE", "RMSE after each scale"]
    rows = []
    for name, found in results.items():
        last, prefixes = found["scales"][-1], [f"{row['feature_rmse']:.2f}" for row in found["scales"]]
        figures = [f"{last['mpjpe_mm']:.1f}", f"{last['mpjpe_root_mm']:.1f}", f"{last['feature_rmse']:.3f}"]
        rows.append([name, str(found["steps"]), str(found["positions"]), *figures, " ".join(prefixes)])
    return table(head, rows)


if __name__ == "__main__":
    main()
