"""MoScale's table on KIT-ML."""

from __future__ import annotations

from kinescale.experiments.base import MOSCALE, TEXT_COLUMNS, Experiment, Row

EXPERIMENT = Experiment(
    title="MoScale on KIT-ML",
    source=MOSCALE,
    system="moscale",
    published="kit",
    columns=TEXT_COLUMNS,
    rows=(
        Row(name="ParCo", paper={"top1": 0.43, "fid": 0.453, "matching": 2.82}, cited=True),
        Row(name="MoMask", recipe="momask", paper={"top1": 0.433, "fid": 0.204, "matching": 2.779}),
        Row(name="MoScale, 18 steps", paper={"top1": 0.442, "top3": 0.791, "fid": 0.173, "matching": 2.717}),
    ),
)
