"""ScaleMoGen's tokenizer: reconstruction by bits, scale dropout and list of scales."""

from __future__ import annotations

from kinescale.experiments.base import SCALEMOGEN, Experiment, Row

EXPERIMENT = Experiment(
    title="ScaleMoGen's tokenizer",
    source=SCALEMOGEN,
    system="scalemogen",
    measure="reconstruction",
    columns=("reconstruction_fid", "mpjpe_mm", "codes_used"),
    rows=(
        Row(name="ScaleMoGen, 24 bits"),
        Row(name="16 bits", changes={"tokenizer.config.bits": 16}),
        Row(name="32 bits", changes={"tokenizer.config.bits": 32}),
        Row(name="no scale dropout", changes={"tokenizer.config.scale_dropout": 0.0}),
    ),
    plot=("", "reconstruction_fid"),
    notes=(
        "The paper's reconstruction tables are not known. Another group's run of the same encoder with 32 bits has a "
        "reconstruction FID of 0.0205 and 29.4 mm.",
    ),
)
