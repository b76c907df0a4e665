"""Time of a motion and size of the generators of all systems, beside FID."""

from __future__ import annotations

from kinescale.experiments.base import MOSA, MOSCALE, Experiment, Row

EXPERIMENT = Experiment(
    title="Time of a motion",
    source=f"{MOSCALE}; {MOSA}",
    system="moscale",
    columns=("seconds_a_motion", "parameters_m", "fid", "top1"),
    rows=(
        Row(
            name="MoScale, 18 passes", sampling={"steps": (1, 2, 5, 10)}, paper={"seconds_a_motion": 0.28, "fid": 0.046}
        ),
        Row(name="MoScale, 4 passes", sampling={"steps": (1, 1, 1, 1)}, paper={"seconds_a_motion": 0.08, "fid": 0.049}),
        Row(name="MoSa", recipe="mosa", paper={"seconds_a_motion": 0.045, "fid": 0.085, "top1": 0.53}),
        Row(name="MoMask", recipe="momask", paper={"seconds_a_motion": 0.062}),
        Row(name="ScaleMoGen", recipe="scalemogen", paper={"fid": 0.03}),
        Row(name="MSQ", recipe="msq", paper={"fid": 0.063}),
    ),
    plot=("", "seconds_a_motion"),
    notes=(
        "The papers' times are of graphics cards that are not known: the first two of MoScale's authors, the next two "
        "of MoSa's.",
    ),
)
