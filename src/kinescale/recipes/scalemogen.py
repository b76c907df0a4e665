"""ScaleMoGen's runs: a tiny one for tests, small ones for rotations of our own corpora, and the two published ones.

ScaleMoGen (arXiv 2605.11704); the published numbers are those of sections 1 to 3 of the method notes.
"""

from __future__ import annotations

from typing import Any

from kinescale.features.humanml3d import Config as HumanML3D
from kinescale.features.snapmogen import Config as SnapMoGen
from kinescale.generators import scalemogen as generator
from kinescale.recipes.base import debug_run, own_run
from kinescale.text import t5
from kinescale.tokenizers import scalemogen as tokenizer
from kinescale.training.config import DataConfig, DrawConfig, OptimizerConfig, RunConfig, ScheduleConfig, StageConfig

SHORT_SCHEDULE = (
    (64, ((0, 1, 2, 3, 4, 5, 6),)),
    (16, ((0, 3), (1, 2, 4, 5, 6))),
    (8, ((0, 3), (1, 2), (4, 5, 6))),
    (4, ((0,), (3,), (1, 2), (4, 5), (6,))),
    (2, ((0,), (1,), (2,), (3,), (4,), (5,), (6,))),
    (1, ((0,), (1,), (2,), (3,), (4,), (5,), (6,))),
)
"""Six scales that refine time and body together: 785 positions for the longest clip, against 1,127 of list 5."""

HUMANML3D_CLIPS, SNAPMOGEN_CLIPS = 24_550, 16_360
"""Clips in the training splits, which turn published epochs into steps; SnapMoGen's is four fifths of its clips."""

LEARNING_RATE = 6e-3 / 256 / 64
"""Of the published generators, for each clip of a batch."""


ABLATIONS: dict[str, dict[str, Any]] = {
    "no_scale_dropout": {"tokenizer.config.scale_dropout": 0.0},
    "no_flips": {"generator.config.flips": 0.0},
    # a codebook in place of signs: its indices as bits, or as one choice among all codes under MoScale's generator
    "codes_as_bits": {"tokenizer.config.quantizer": "vq"},
    "codes_by_index": {
        "tokenizer.config.quantizer": "vq",
        "generator.name": "moscale",
        "generator.config": {"layers": 12},
    },
    "time_before_parts": {"tokenizer.config.schedule": 0},
    "lower_and_upper_body": {"tokenizer.config.schedule": 1},
    "single_parts": {"tokenizer.config.schedule": 3},
}
"""Switches of the paper's studies, for ``kinescale train --ablation NAME``."""


def debug() -> RunConfig:
    """Every part at its smallest, for tests."""
    config = tokenizer.Config(width=8, bits=6, blocks=1, max_frames=64, factors=(16, 12, 8, 6, 4, 2, 1))
    return debug_run("scalemogen.debug", config, generator.Config(width=16, heads=2, layers=2, mlp_ratio=2))


def small() -> RunConfig:
    """Rotations at 30 fps, up to 8.5 s, MiniLM text; the eleven scales of list 5. Minutes on an accelerator."""
    first = StageConfig(
        steps=20_000,
        batch_size=32,
        draw=DrawConfig(min_frames=32, shorten=0.5, balance="frames"),
        optimizer=OptimizerConfig(lr=4e-4, betas=(0.9, 0.99), clip=0.5),
        schedule=ScheduleConfig(kind="cosine", warmup=500, final=0.02),
        ema_decay=0.999,
    )
    second = first.but(
        steps=40_000,
        draw=DrawConfig(min_frames=32, shorten=0.5, balance="class"),
        optimizer=OptimizerConfig(lr=4e-4, betas=(0.9, 0.97), weight_decay=0.005, clip=1.0),
        schedule=ScheduleConfig(kind="cosine", warmup=1000, warmup_start=0.005, final=0.02),
    )
    config = tokenizer.Config(width=96, max_frames=256, factors=(64, 32, 16, 8, 4, 2, 1))
    network = generator.Config(width=256, heads=4, layers=6)
    return own_run("scalemogen.small", config, network, stages=(first, second))


def cpu() -> RunConfig:
    """As ``small``, but narrower and with fewer scales: an hour or two on two CPU cores."""
    first = StageConfig(
        steps=2500,
        batch_size=12,
        draw=DrawConfig(crop_frames=96, min_frames=32, shorten=0.2, balance="frames"),
        optimizer=OptimizerConfig(lr=1e-3, betas=(0.9, 0.99), clip=0.5),
        schedule=ScheduleConfig(kind="cosine", warmup=150, final=0.02),
        ema_decay=0.99,
    )
    second = first.but(
        draw=DrawConfig(min_frames=32, shorten=0.3, balance="class"),
        optimizer=OptimizerConfig(lr=8e-4, betas=(0.9, 0.97), weight_decay=0.005, clip=1.0),
        schedule=ScheduleConfig(kind="cosine", warmup=200, warmup_start=0.005, final=0.02),
        ema_decay=0.995,
    )
    config = tokenizer.Config(
        width=48, max_frames=256, factors=(64, 32, 16, 8, 4, 2, 1), schedule=SHORT_SCHEDULE, dropout=0.0
    )
    network = generator.Config(width=192, heads=4, layers=5, stochastic_depth=0.0)
    return own_run("scalemogen.cpu", config, network, stages=(first, second))


def humanml3d() -> RunConfig:
    """The published run on HumanML3D: 263 features at 20 fps, eleven scales, Flan-T5-XL text, 12 blocks.

    It needs the data set and T5's weights. (The released generator is named for step 248 of epoch 228, which is step
    350,000; the published configuration says 100 epochs.)
    """
    config = tokenizer.Config(max_frames=196, factors=(49, 24, 16, 7, 4, 2, 1), schedule=5, faithful=True)
    epochs = (500 * (HUMANML3D_CLIPS // 64), 100 * (HUMANML3D_CLIPS // 16))
    draw = DrawConfig(min_frames=40, mirror=False, coin=1 / 3)
    return _published("humanml3d", HumanML3D(), config, draw, batches=(64, 16), steps=epochs)


def humanml3d_layer16() -> RunConfig:
    """The published run with the 16-block generator that the release names but does not train: 362 M parameters."""
    return _sized("layer16", layers=16, width=1152, heads=12)


def humanml3d_layer24() -> RunConfig:
    """As ``humanml3d_layer16`` with 24 blocks: 941 M parameters."""
    return _sized("layer24", layers=24, width=1536, heads=16)


def humanml3d_layer32() -> RunConfig:
    """As ``humanml3d_layer16`` with 32 blocks: 2.3 billion parameters."""
    return _sized("layer32", layers=32, width=2080, heads=20)


def humanml3d_layer40() -> RunConfig:
    """As ``humanml3d_layer16`` with 40 blocks: 4.7 billion parameters."""
    return _sized("layer40", layers=40, width=2688, heads=24)


def humanml3d_layer48() -> RunConfig:
    """As ``humanml3d_layer16`` with 48 blocks: 8.8 billion parameters."""
    return _sized("layer48", layers=48, width=3360, heads=28)


def snapmogen() -> RunConfig:
    """The published run on SnapMoGen: 296 features at 30 fps, seven scales of single parts, Flan-T5-XL text."""
    config = tokenizer.Config(
        feature_width=296, body="snapmogen24", max_frames=320, factors=(80, 40, 20, 10, 5, 2, 1), schedule=3,
        faithful=True,
    )  # fmt: skip
    epochs = (500 * (SNAPMOGEN_CLIPS // 32), 200 * (SNAPMOGEN_CLIPS // 8))
    draw = DrawConfig(min_frames=128, mirror=False, coin=0.0, unit=8)
    return _published("snapmogen", SnapMoGen(), config, draw, batches=(32, 8), steps=epochs)


def _sized(size: str, *, layers: int, width: int, heads: int) -> RunConfig:
    network = generator.Config(faithful=True, layers=layers, width=width, heads=heads)
    return humanml3d().but(name=f"scalemogen.humanml3d_{size}", generator=network)


def _published(
    name: str,
    feature: HumanML3D | SnapMoGen,
    config: tokenizer.Config,
    draw: DrawConfig,
    *,
    batches: tuple[int, int],
    steps: tuple[int, int],
) -> RunConfig:
    """Published schedules; the published sets already hold every clip's mirror image."""
    return RunConfig(
        name=f"scalemogen.{name}",
        feature=feature,
        tokenizer=config,
        generator=generator.Config(faithful=True),
        text=t5.Config(model="google/flan-t5-xl", max_tokens=512),
        data=DataConfig(dtype="float32", statistics="given"),
        tokenizer_training=StageConfig(
            steps=steps[0],
            batch_size=batches[0],
            draw=draw,
            optimizer=OptimizerConfig(lr=2e-4, betas=(0.9, 0.99), clip=0.5),
            schedule=ScheduleConfig(kind="step", warmup=2000, milestones=(152_000, 252_000), factor=0.3),
        ),
        generator_training=StageConfig(
            steps=steps[1],
            batch_size=batches[1],
            draw=draw,
            # the published bound of the gradient falls from 6 to 1, most of it in the first fifth of the run
            optimizer=OptimizerConfig(
                lr=LEARNING_RATE * batches[1], betas=(0.9, 0.97), weight_decay=0.005, clip=1.0, clip_extra=5.0
            ),
            schedule=ScheduleConfig(kind="constant"),
        ),
    )
