"""MoSa's FID after each scale: the coarsest so many are sampled and decoded."""

from __future__ import annotations

from kinescale.experiments.base import MOSA, Experiment, Row

PAPER = {1: {"fid": 23.92}, 10: {"top1": 0.53, "fid": 0.085, "matching": 2.836}}

EXPERIMENT = Experiment(
    title="MoSa after each scale",
    source=MOSA,
    system="mosa",
    columns=("fid", "top1", "top3", "matching", "seconds_a_motion"),
    rows=tuple(
        Row(name=f"{count} scales", sampling={"scales": count}, scales=count, paper=PAPER.get(count, {}), x=count)
        for count in range(1, 11)
    ),
    plot=("scales", "fid"),
    notes=("The paper's numbers for 2 to 9 scales are not known.",),
)
