"""MoScale's main table on HumanML3D, with the systems that it compares with."""

from __future__ import annotations

from kinescale.experiments.base import MOSCALE, TEXT_COLUMNS, Experiment, Row

EXPERIMENT = Experiment(
    title="MoScale on HumanML3D",
    source=MOSCALE,
    system="moscale",
    columns=(*TEXT_COLUMNS, "seconds_a_motion"),
    rows=(
        Row(
            name="T2M-GPT", paper={"top1": 0.492, "fid": 0.141, "matching": 3.121, "diversity": 9.722}, cited=True
        ),
        Row(name="ParCo", paper={"top1": 0.515, "fid": 0.109, "matching": 2.927, "diversity": 9.576}, cited=True),
        Row(name="ReMoDiffuse", paper={"top1": 0.51, "fid": 0.103, "matching": 2.974, "diversity": 9.018}, cited=True),
        Row(name="MoMask++", paper={"top1": 0.528, "fid": 0.072, "matching": 2.912}, cited=True),
        Row(
            name="MoScale, 18 steps",
            sampling={"steps": (1, 2, 5, 10)},
            paper={
                "top1": 0.54, "top3": 0.817, "fid": 0.046, "matching": 2.83, "diversity": 9.525,
                "multimodality": 0.873, "seconds_a_motion": 0.28,
            },
        ),
        Row(name="MoScale, 4 steps", sampling={"steps": (1, 1, 1, 1)}, paper={"fid": 0.049, "seconds_a_motion": 0.08}),
    ),
    notes=("R@2 and the intervals could not be read; the paper's times are those of its GPU, which is not known.",),
)  # fmt: skip
