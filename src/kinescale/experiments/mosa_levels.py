"""MoSa's number of scales: trained with 6, 10 and 15."""

from __future__ import annotations

from kinescale.experiments.base import MOSA, TEXT_COLUMNS, Experiment, Row
from kinescale.experiments.base.changes import scale_count

EXPERIMENT = Experiment(
    title="MoSa by its number of scales",
    source=MOSA,
    system="mosa",
    columns=TEXT_COLUMNS,
    rows=(
        Row(name="6 scales", changes=scale_count(6), x=6),
        Row(name="10 scales", paper={"top1": 0.53, "fid": 0.085, "matching": 2.836}, x=10),
        Row(name="15 scales", changes=scale_count(15), x=15),
    ),
    plot=("scales", "fid"),
    notes=(
        "The paper reports that 10 are best; the numbers of 6 and 15 are not known, nor the lengths of their scales "
        "(here they are evenly spread).",
    ),
)
