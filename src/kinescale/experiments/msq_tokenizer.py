"""MSQ's tokenizer: reconstruction by pyramid and quantizer."""

from __future__ import annotations

from kinescale.experiments.base import MSQ, Experiment, Row

EXPERIMENT = Experiment(
    title="MSQ's tokenizer",
    source=MSQ,
    system="msq",
    measure="reconstruction",
    columns=("reconstruction_fid", "mpjpe_mm", "codes_used"),
    rows=(
        Row(name="MSQ", paper={"reconstruction_fid": 0.037}),
        Row(name="grid", changes={"tokenizer.config.preset": "grid"}),
        Row(name="limbs", changes={"tokenizer.config.preset": "limbs"}),
        Row(name="each scale by itself", changes={"tokenizer.config.residual": False}),
    ),
    plot=("", "reconstruction_fid"),
    notes=("The one number is from another project's notes and unverified.",),
)
