"""MoSa's ablation: generation without parts of its tokenizer and of its generator."""

from __future__ import annotations

from kinescale.experiments.base import MOSA, TEXT_COLUMNS, Experiment, Row
from kinescale.experiments.base.changes import equal_codebooks

EXPERIMENT = Experiment(
    title="MoSa without its parts",
    source=MOSA,
    system="mosa",
    columns=TEXT_COLUMNS,
    rows=(
        Row(name="MoSa", paper={"top1": 0.53, "fid": 0.085, "matching": 2.836}),
        Row(name="without attention", changes={"tokenizer.config.attention": False}, paper={"fid": 0.15}),
        Row(name="look-up by distance", changes={"tokenizer.config.lookup": "distance"}, paper={"fid": 0.124}),
        Row(name="equal codebooks", changes=equal_codebooks),
        Row(name="no random tokens in training", changes={"generator.config.keep": 1.0}),
        Row(name="rotary positions", changes={"generator.config.positions": "rotary"}),
        Row(name="sinusoidal positions", changes={"generator.config.positions": "sinusoidal"}),
        Row(name="learned positions", changes={"generator.config.positions": "learned"}),
    ),
    notes=(
        "The paper reports that its positions are better than plain rotary, sinusoidal and learned ones; their numbers "
        "are not known, nor those of equal codebooks and of training without random tokens.",
        "Text by a prefix token or by modulation, which the paper also compares, is not offered.",
    ),
)
