"""MoSa's main table on HumanML3D."""

from __future__ import annotations

from kinescale.experiments.base import MOSA, TEXT_COLUMNS, Experiment, Row

EXPERIMENT = Experiment(
    title="MoSa on HumanML3D",
    source=MOSA,
    system="mosa",
    columns=(*TEXT_COLUMNS, "seconds_a_motion"),
    rows=(
        Row(
            name="MoMask, as MoSa's authors ran it",
            recipe="momask",
            paper={"top1": 0.523, "fid": 0.172, "matching": 3.016, "seconds_a_motion": 0.062},
        ),
        Row(name="MoSa", paper={"top1": 0.53, "fid": 0.085, "matching": 2.836, "seconds_a_motion": 0.045}),
    ),
    notes=(
        "MoMask's own paper has FID 0.045.",
        "R@2, R@3, diversity and multimodality are not known; the times are those of the authors' GPU.",
    ),
)
