"""MoScale's rate of corrupted tokens in training, against FID."""

from __future__ import annotations

from kinescale.experiments.base import MOSCALE, TEXT_COLUMNS, Experiment, Row

EXPERIMENT = Experiment(
    title="MoScale by its highest corruption rate",
    source=MOSCALE,
    system="moscale",
    columns=TEXT_COLUMNS,
    rows=tuple(
        Row(
            name=f"up to {rate:g}",
            changes={"generator.config.corruption": rate},
            paper={"top1": 0.54, "fid": 0.046, "matching": 2.83} if rate == 0.6 else {},
            x=rate,
        )
        for rate in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    ),
    plot=("highest corruption rate", "fid"),
    notes=("The paper reports that 0.6 is best; which other rates it has, and their numbers, are not known.",),
)
