"""ScaleMoGen by the size of its generator: the sizes that the release names."""

from __future__ import annotations

from kinescale.experiments.base import SCALEMOGEN, TEXT_COLUMNS, Experiment, Row

SIZES = {12: (768, 8, 125.167), 16: (1152, 12, 361.6), 24: (1536, 16, 940.9), 32: (2080, 20, 2273.7)}
"""Blocks -> width, heads and published parameters in millions."""

EXPERIMENT = Experiment(
    title="ScaleMoGen by size",
    source=SCALEMOGEN,
    system="scalemogen",
    columns=("parameters_m", *TEXT_COLUMNS, "seconds_a_motion"),
    rows=tuple(
        Row(
            name=f"{layers} blocks",
            changes={
                "generator.config.layers": layers,
                "generator.config.width": width,
                "generator.config.heads": heads,
            },
            paper={"parameters_m": millions} | ({"fid": 0.03} if layers == 12 else {}),
            x=layers,
        )
        for layers, (width, heads, millions) in SIZES.items()
    ),
    plot=("blocks", "fid"),
    notes=("Only the smallest is trained in the release; results of the others are not known. 32 blocks need 9 GB.",),
)
