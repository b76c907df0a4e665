"""MoSa's guidance scale against FID."""

from __future__ import annotations

from kinescale.experiments.base import MOSA, TEXT_COLUMNS, Experiment, Row

EXPERIMENT = Experiment(
    title="MoSa by guidance",
    source=MOSA,
    system="mosa",
    columns=TEXT_COLUMNS,
    rows=tuple(
        Row(
            name=f"w = {w:g}",
            sampling={"guidance_scale": 1.0 + w},
            paper={"top1": 0.53, "fid": 0.085, "matching": 2.836} if w == 4 else {},
            x=w,
        )
        for w in (0, 1, 2, 3, 4, 5, 6)
    ),
    plot=("guidance w", "fid"),
    notes=("The published default is w = 4; the numbers of others are not known.",),
)
