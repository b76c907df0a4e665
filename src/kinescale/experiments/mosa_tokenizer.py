"""MoSa's tokenizer: reconstruction and use of the codes, with and without its parts."""

from __future__ import annotations

from kinescale.experiments.base import MOSA, Experiment, Row
from kinescale.experiments.base.changes import equal_codebooks

EXPERIMENT = Experiment(
    title="MoSa's tokenizer",
    source=MOSA,
    system="mosa",
    measure="reconstruction",
    columns=("reconstruction_fid", "mpjpe_mm", "codes_used"),
    rows=(
        Row(name="MoSa", paper={"reconstruction_fid": 0.03, "codes_used": 0.995}),
        Row(
            name="without attention",
            changes={"tokenizer.config.attention": False},
            paper={"reconstruction_fid": 0.055},
        ),
        Row(
            name="look-up by distance",
            changes={"tokenizer.config.lookup": "distance"},
            paper={"codes_used": 0.889},
        ),
        Row(name="equal codebooks", changes=equal_codebooks),
        Row(name="one convolution stack less", changes={"tokenizer.config.phi_depth": 0}),
    ),
    plot=("", "reconstruction_fid"),
    notes=("Of the last two rows, and of joint errors, the paper's numbers are not known.",),
)
