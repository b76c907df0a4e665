"""MoSa's editing rule beside our exact editing: in-between, out-paint, prefix and suffix."""

from __future__ import annotations

from kinescale.experiments.base import MOSA, Experiment, Row
from kinescale.experiments.base.edits import EDIT_COLUMNS

EXPERIMENT = Experiment(
    title="MoSa's edits",
    source=MOSA,
    system="mosa",
    measure="editing",
    columns=EDIT_COLUMNS,
    rows=(Row(name="published rule", rule="mosa"), Row(name="exact editing")),
    notes=("The tables of the editing tasks are not known.",),
)
