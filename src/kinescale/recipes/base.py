"""Training stages that recipes share: systems that are compared are trained alike.

A recipe that differs has its own, or changes a field (``SMALL_GENERATOR_STAGE.but(batch_size=32)``).
"""

from kinescale.training.config import DrawConfig, OptimizerConfig, ScheduleConfig, StageConfig

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
"""The ``small`` recipes, for an accelerator."""

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
"""The ``cpu`` recipes, for an hour or two on two cores."""
