"""MoSa's table on Motion-X."""

from __future__ import annotations

from kinescale.experiments.base import MOSA, TEXT_COLUMNS, Experiment, Row

EXPERIMENT = Experiment(
    title="MoSa on Motion-X",
    source=MOSA,
    system="mosa",
    published="motionx",
    columns=TEXT_COLUMNS,
    rows=(
        Row(
            name="MoMask, as MoSa's authors ran it",
            paper={"top1": 0.437, "fid": 0.2, "matching": 3.18},
            cited=True,
        ),
        Row(name="MoSa", paper={"top1": 0.448, "fid": 0.061, "matching": 2.982}),
    ),
    notes=("The authors trained an evaluator on Motion-X; with another one the numbers cannot be compared.",),
)
