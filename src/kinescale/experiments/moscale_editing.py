"""MoScale's editing rule beside our exact editing: in-between, out-paint, prefix and suffix."""

from __future__ import annotations

from kinescale.experiments.base import MOSCALE, Experiment, Row
from kinescale.experiments.base.edits import EDIT_COLUMNS

EXPERIMENT = Experiment(
    title="MoScale's edits",
    source=MOSCALE,
    system="moscale",
    measure="editing",
    columns=EDIT_COLUMNS,
    rows=(Row(name="published rule", rule="moscale"), Row(name="exact editing")),
    notes=(
        "The paper has a user study (82.0 % and 78.4 % prefer it in two editing tasks) and no numbers of an evaluator.",
    ),
)
