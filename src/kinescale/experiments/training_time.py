"""Training speed of the systems: steps a second of the generators, on one machine."""

from __future__ import annotations

from kinescale.experiments.base import MOSCALE, Experiment, Row

EXPERIMENT = Experiment(
    title="Training speed",
    source=f"{MOSCALE}; MoSa; ScaleMoGen; MSQ",
    system="moscale",
    measure="training",
    columns=("steps_a_second", "samples_a_second", "hours", "parameters_m"),
    rows=(
        Row(name="MoScale", paper={"parameters_m": 173.691}),
        Row(name="MoSa", recipe="mosa", paper={"parameters_m": 18.94}),
        Row(name="ScaleMoGen", recipe="scalemogen", paper={"parameters_m": 125.167}),
        Row(name="MSQ", recipe="msq"),
        Row(name="MoMask", recipe="momask", paper={"parameters_m": 25.85}),
    ),
    plot=("", "steps_a_second"),
    notes=(
        "Training times and machines of the papers are not known; the parameters are those of the released code "
        "(MoMask's: masked and residual transformer, and length estimator).",
        "With --minutes a run that is not over has no row yet; for speed alone take --generator_training.steps 200 "
        "and --tokenizer_training.steps 200.",
    ),
)
