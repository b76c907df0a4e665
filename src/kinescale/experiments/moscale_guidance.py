"""MoScale's guidance scale against FID."""

from __future__ import annotations

from kinescale.experiments.base import MOSCALE, TEXT_COLUMNS, Experiment, Row

EXPERIMENT = Experiment(
    title="MoScale by guidance",
    source=MOSCALE,
    system="moscale",
    columns=TEXT_COLUMNS,
    rows=tuple(
        Row(
            name=f"w = {w:g}",
            # the paper counts from 0, where guidance is off
            sampling={"guidance_scale": 1.0 + w},
            paper={"top1": 0.54, "fid": 0.046, "matching": 2.83} if w == 5 else {},
            x=w,
        )
        for w in (0, 1, 2, 3, 4, 5, 6, 7)
    ),
    plot=("guidance w", "fid"),
    notes=("The paper reports that w = 5 is best; the numbers of the others are not known.",),
)
