"""MSQ on HumanML3D: generation, and what of the paper is only known second hand."""

from __future__ import annotations

from kinescale.experiments.base import MSQ, TEXT_COLUMNS, Experiment, Row

EXPERIMENT = Experiment(
    title="MSQ on HumanML3D",
    source=MSQ,
    system="msq",
    columns=(*TEXT_COLUMNS, "seconds_a_motion"),
    rows=(
        Row(name="MoMask", recipe="momask", paper={"top1": 0.521, "top2": 0.713, "top3": 0.807, "fid": 0.045}),
        Row(name="MSQ", paper={"fid": 0.063}),
    ),
    notes=(
        "MSQ's FID is from another project's notes and unverified; the method here is a reconstruction (docs/msq.md).",
        "MoMask's row is that of its own paper.",
    ),
)
