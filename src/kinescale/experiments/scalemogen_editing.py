"""ScaleMoGen's editing rule beside our exact editing: in-between, out-paint, prefix and suffix."""

from __future__ import annotations

from kinescale.experiments.base import SCALEMOGEN, Experiment, Row
from kinescale.experiments.base.edits import EDIT_COLUMNS

EXPERIMENT = Experiment(
    title="ScaleMoGen's edits",
    source=SCALEMOGEN,
    system="scalemogen",
    measure="editing",
    columns=EDIT_COLUMNS,
    rows=(Row(name="published rule", rule="scalemogen"), Row(name="exact editing")),
    notes=(
        "The study of its thresholds and its user study are not known; the clips here are recordings, which the paper "
        "does not edit.",
    ),
)
