"""MSQ's choices: which granularity of the body gets which scales, residual or not, and the quantizer."""

from __future__ import annotations

from kinescale.experiments.base import MSQ, TEXT_COLUMNS, Experiment, Row

EXPERIMENT = Experiment(
    title="MSQ by its pyramid and quantizer",
    source=MSQ,
    system="msq",
    columns=(*TEXT_COLUMNS, "seconds_a_motion"),
    rows=(
        Row(name="pyramid", changes={"tokenizer.config.preset": "pyramid"}),
        Row(name="grid", changes={"tokenizer.config.preset": "grid"}),
        Row(name="limbs", changes={"tokenizer.config.preset": "limbs"}),
        Row(name="residual", changes={"tokenizer.config.residual": True}),
        Row(name="each scale by itself", changes={"tokenizer.config.residual": False}),
        Row(name="codebook", changes={"tokenizer.config.quantizer": "vq"}),
        Row(name="finite scalars", changes={"tokenizer.config.quantizer": "fsq"}),
    ),
    notes=("The paper could not be read past its introduction: none of its tables is known.",),
)
