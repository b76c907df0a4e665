"""Put a finished run's bundle into the package, as the default: half-precision weights, card and curves.

    python benchmarks/ship.py RUN
    python benchmarks/ship.py RUN --evaluator       # the run is one of `kinescale train evaluator...`

The card records the recipe, the data's hash, steps, device, wall time and the command given here as the run's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import kinescale.bundle
from kinescale.bundle.hub import DEFAULT, DEFAULT_EVALUATOR
from kinescale.training.evaluator_run import export_evaluator
from kinescale.training.export import export
from kinescale.training.run import read_run


def main() -> None:
    """Export, and say how large the bundle is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run folder of `kinescale train`")
    parser.add_argument("--weights", choices=("last", "best"), default="last", help="which weights")
    parser.add_argument("--evaluator", action="store_true", help="ship the default evaluator instead")
    chosen = parser.parse_args()
    if chosen.evaluator:
        command = "kinescale train evaluator.cpu --data DATA --run RUN ...; python benchmarks/ship.py RUN --evaluator"
        target = Path(kinescale.bundle.__file__).parent / DEFAULT_EVALUATOR
        export_evaluator(chosen.run, target, which=chosen.weights, weights="fp16", command=command)
        print(f"{DEFAULT_EVALUATOR}: {sum(file.stat().st_size for file in target.iterdir()) / 2**20:.1f} MiB")
        return
    recipe = read_run(chosen.run).config.name
    command = f"kinescale train {recipe} --data DATA --run RUN; python benchmarks/ship.py RUN"
    target = Path(kinescale.bundle.__file__).parent / DEFAULT
    export(chosen.run, target, which=chosen.weights, weights="fp16", command=command)
    size = sum(file.stat().st_size for file in target.iterdir())
    print(f"{DEFAULT}: {size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
