"""ScaleMoGen's ablation: bit flips in training, scale dropout, numbers of bits, and codes by index in place of bits."""

from __future__ import annotations

from kinescale.experiments.base import SCALEMOGEN, TEXT_COLUMNS, Experiment, Row

EXPERIMENT = Experiment(
    title="ScaleMoGen without its parts",
    source=SCALEMOGEN,
    system="scalemogen",
    columns=TEXT_COLUMNS,
    rows=(
        Row(name="ScaleMoGen", paper={"fid": 0.03}),
        Row(name="no flipped bits in training", changes={"generator.config.flips": 0.0}),
        Row(name="no scale dropout", changes={"tokenizer.config.scale_dropout": 0.0}),
        Row(name="16 bits", changes={"tokenizer.config.bits": 16}),
        Row(name="32 bits", changes={"tokenizer.config.bits": 32}),
        Row(name="codes by index", recipe="skeletal_moscale"),
    ),
    notes=(
        "The paper's ablations could not be read: only the full system's number is known.",
        "Codes by index are those of the same pyramid under MoScale's generator, which has no published recipe.",
    ),
)
