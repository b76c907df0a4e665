"""ScaleMoGen's lists of scales: from time alone to time and body together."""

from __future__ import annotations

from kinescale.experiments.base import SCALEMOGEN, TEXT_COLUMNS, Experiment, Row

EXPERIMENT = Experiment(
    title="ScaleMoGen by its list of scales",
    source=SCALEMOGEN,
    system="scalemogen",
    columns=(*TEXT_COLUMNS, "seconds_a_motion"),
    rows=tuple(
        Row(
            name=f"list {number}",
            changes={"tokenizer.config.schedule": number},
            paper={"fid": 0.03} if number == 5 else {},
            x=number,
        )
        for number in (1, 2, 3, 4, 5)
    ),
    plot=("list", "fid"),
    notes=("HumanML3D's published model has list 5, SnapMoGen's list 3; the study of lists is not known.",),
)
