"""Long sequences of several sentences: how smooth the passages between them are, and how long they take."""

from __future__ import annotations

from kinescale.experiments.base import MOSA, MOSCALE, Experiment, Row

EXPERIMENT = Experiment(
    title="Long sequences",
    source=f"{MOSCALE}; {MOSA}",
    system="moscale",
    measure="sequences",
    columns=("border_jerk", "inner_jerk", "seconds_a_second"),
    rows=(
        Row(name="MoScale"),
        Row(name="MoSa", recipe="mosa"),
        Row(name="ScaleMoGen", recipe="scalemogen"),
        Row(name="MSQ", recipe="msq"),
        Row(name="MoMask", recipe="momask"),
    ),
    plot=("", "border_jerk"),
    notes=("The papers show long sequences as pictures; numbers of them are not known.",),
)
