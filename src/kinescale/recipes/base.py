"""What recipes share: training stages, the smallest run, and runs on corpora at 30 fps.

Systems that are compared are trained alike. A recipe that differs changes a field
(``SMALL_GENERATOR_STAGE.but(batch_size=32)``).
"""

from __future__ import annotations

from kinescale.core.records import Record
from kinescale.features import rotations
from kinescale.text import hashed, minilm
from kinescale.training.config import DrawConfig, OptimizerConfig, RunConfig, ScheduleConfig, StageConfig

DEBUG = StageConfig(
    steps=4,
    batch_size=4,
    log_every=1,
    validate_every=4,
    validate_batches=1,
    checkpoint_every=2,
    draw=DrawConfig(min_frames=16, shorten=0.5),
    ema_decay=0.9,
)
"""Two steps of anything in seconds, for tests."""

SMALL_TOKENIZER_STAGE = StageConfig(
    steps=30_000,
    batch_size=32,
    draw=DrawConfig(min_frames=32, shorten=0.5, balance="frames"),
    optimizer=OptimizerConfig(lr=3e-4, betas=(0.9, 0.99), clip=0.5),
    schedule=ScheduleConfig(kind="cosine", warmup=500, final=0.02),
    ema_decay=0.999,
)
SMALL_GENERATOR_STAGE = StageConfig(
    steps=40_000,
    batch_size=64,
    draw=DrawConfig(min_frames=32, shorten=0.5, balance="class"),
    optimizer=OptimizerConfig(lr=4e-4, betas=(0.9, 0.98), weight_decay=0.05, clip=2.0),
    schedule=ScheduleConfig(kind="cosine", warmup=1000, warmup_start=0.005, final=0.02),
    ema_decay=0.999,
)
SMALL = (SMALL_TOKENIZER_STAGE, SMALL_GENERATOR_STAGE)
"""Stages of the ``small`` recipes, for an accelerator."""

CPU_TOKENIZER_STAGE = StageConfig(
    steps=2500,
    batch_size=24,
    draw=DrawConfig(crop_frames=128, min_frames=32, shorten=0.2, balance="frames"),
    optimizer=OptimizerConfig(lr=6e-4, betas=(0.9, 0.99), clip=0.5),
    schedule=ScheduleConfig(kind="cosine", warmup=150, final=0.02),
    ema_decay=0.99,
)
CPU_GENERATOR_STAGE = StageConfig(
    steps=3200,
    batch_size=48,
    draw=DrawConfig(min_frames=32, shorten=0.3, balance="class"),
    optimizer=OptimizerConfig(lr=8e-4, betas=(0.9, 0.98), weight_decay=0.05, clip=2.0),
    schedule=ScheduleConfig(kind="cosine", warmup=200, warmup_start=0.005, final=0.02),
    ema_decay=0.995,
)
CPU = (CPU_TOKENIZER_STAGE, CPU_GENERATOR_STAGE)
"""Stages of the ``cpu`` recipes, for an hour or two on two cores."""

HUMANML3D_CLIPS, KIT_CLIPS = 23_384, 9_652
"""Clips in the training splits of HumanML3D and KIT-ML, mirrored ones included; they turn epochs into steps."""


def debug_run(name: str, tokenizer: Record, generator: Record, sampling: Record | None = None) -> RunConfig:
    """A run for tests: two steps of each stage in seconds, no weights needed."""
    return RunConfig(
        name=name,
        feature=rotations.Config(),
        tokenizer=tokenizer,
        generator=generator,
        text=hashed.Config(width=16, max_tokens=16),
        sampling=sampling,
        tokenizer_training=DEBUG,
        generator_training=DEBUG,
        length_training=DEBUG,
        workers=1,
    )


def own_run(
    name: str,
    tokenizer: Record,
    generator: Record,
    sampling: Record | None = None,
    *,
    stages: tuple[StageConfig, StageConfig],
    text_tokens: int = 32,
    limits: tuple[str, ...] = (),
) -> RunConfig:
    """A run on the prepared corpora: rotations at 30 fps on humanml22, up to 8.5 s, MiniLM text."""
    return RunConfig(
        name=name,
        feature=rotations.Config(),
        tokenizer=tokenizer,
        generator=generator,
        text=minilm.Config(max_tokens=text_tokens),
        sampling=sampling,
        tokenizer_training=stages[0],
        generator_training=stages[1],
        limits=limits,
    )
