"""MoScale's passes per scale against FID and time."""

from __future__ import annotations

from kinescale.experiments.base import MOSCALE, TEXT_COLUMNS, Experiment, Row

STEPS = {
    (1, 1, 1, 1): {"fid": 0.049, "seconds_a_motion": 0.08},
    (1, 1, 2, 4): {},
    (1, 2, 3, 5): {},
    (1, 2, 5, 10): {"top1": 0.54, "fid": 0.046, "matching": 2.83, "seconds_a_motion": 0.28},
    (2, 4, 10, 20): {},
}

EXPERIMENT = Experiment(
    title="MoScale by passes per scale",
    source=MOSCALE,
    system="moscale",
    columns=("seconds_a_motion", *TEXT_COLUMNS),
    rows=tuple(
        Row(name=f"{sum(steps)} passes", sampling={"steps": steps}, paper=paper, x=sum(steps))
        for steps, paper in STEPS.items()
    ),
    plot=("passes", "fid"),
    notes=("The paper reports that twice (1, 2, 5, 10) brings almost nothing; other lists are ours.",),
)
