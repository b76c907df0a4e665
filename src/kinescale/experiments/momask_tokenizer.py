"""MoMask's tokenizer: reconstruction of HumanML3D."""

from __future__ import annotations

from kinescale.experiments.base import MOMASK, Experiment, Row

EXPERIMENT = Experiment(
    title="MoMask's tokenizer",
    source=MOMASK,
    system="momask",
    measure="reconstruction",
    columns=("reconstruction_fid", "mpjpe_mm", "codes_used"),
    rows=(Row(name="MoMask", paper={"reconstruction_fid": 0.019, "mpjpe_mm": 29.5}),),
    plot=("", "reconstruction_fid"),
)
