"""MoScale's size study: 4 to 16 blocks."""

from __future__ import annotations

from kinescale.experiments.base import MOSCALE, TEXT_COLUMNS, Experiment, Row

MILLIONS = {4: 46.114, 8: 88.639, 12: 131.165, 16: 173.691}

EXPERIMENT = Experiment(
    title="MoScale by depth",
    source=MOSCALE,
    system="moscale",
    columns=("parameters_m", *TEXT_COLUMNS, "seconds_a_motion"),
    rows=tuple(
        Row(
            name=f"{layers} blocks",
            changes={"generator.config.layers": layers},
            paper={"parameters_m": millions} | ({"top1": 0.54, "fid": 0.046, "matching": 2.83} if layers == 16 else {}),
            x=layers,
        )
        for layers, millions in MILLIONS.items()
    ),
    plot=("blocks", "fid"),
    notes=(
        "The paper reports that all numbers get better from 4 to 16 blocks; those of 4, 8 and 12 are not known.",
        "The parameters are those of the released code with each depth.",
    ),
)
