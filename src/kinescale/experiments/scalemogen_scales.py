"""ScaleMoGen after each scale: the coarsest so many are decoded."""

from __future__ import annotations

from kinescale.experiments.base import SCALEMOGEN, Experiment, Row

EXPERIMENT = Experiment(
    title="ScaleMoGen after each scale",
    source=SCALEMOGEN,
    system="scalemogen",
    columns=("fid", "top1", "top3", "matching"),
    rows=tuple(
        Row(name=f"{count} scales", scales=count, paper={"fid": 0.03} if count == 11 else {}, x=count)
        for count in (1, 2, 3, 5, 7, 9, 10, 11)
    ),
    plot=("scales", "fid"),
    notes=("The paper shows motions after each scale; numbers of them are not known.",),
)
