"""ScaleMoGen's runs: a tiny one for tests, small ones for rotations of our own corpora, and the two published ones.

ScaleMoGen (arXiv 2605.11704); the published numbers are those of sections 1 to 3 of the method notes.
"""

from __future__ import annotations

from typing import Any

from kinescale.bundle.manifest import Part
from kinescale.recipes.base import DEBUG
from kinescale.training.config import (
    DataConfig,
    DrawConfig,
    OptimizerConfig,
    RunConfig,
    ScheduleConfig,
    StageConfig,
)

ROTATIONS = {"max_frames": 256, "factors": [64, 32, 16, 8, 4, 2, 1]}
"""Up to 8.5 s at 30 fps."""

SHORT_SCHEDULE = [
    [64, [[0, 1, 2, 3, 4, 5, 6]]],
    [16, [[0, 3], [1, 2, 4, 5, 6]]],
    [8, [[0, 3], [1, 2], [4, 5, 6]]],
    [4, [[0], [3], [1, 2], [4, 5], [6]]],
    [2, [[0], [1], [2], [3], [4], [5], [6]]],
    [1, [[0], [1], [2], [3], [4], [5], [6]]],
]
"""Six scales that refine time and body together: 785 positions for the longest clip, against 1,127 of list 5."""

TRAINING_CLIPS = {"humanml3d": 24_550, "snapmogen": 16_360}
"""Clips in the training splits, which turn published epochs into steps; SnapMoGen's is four fifths of its clips."""

SIZES = {
    "layer16": (16, 1152, 12), "layer24": (24, 1536, 16), "layer32": (32, 2080, 20), "layer40": (40, 2688, 24),
    "layer48": (48, 3360, 28),
}  # fmt: skip
"""Blocks, width and heads of the generators that the release names beside its own of 12 blocks."""

LEARNING_RATE = 6e-3 / 256 / 64
"""Of the published generators, for each clip of a batch."""


def debug() -> RunConfig:
    """Every part at its smallest, for tests: two steps of each stage in seconds, no weights needed."""
    tokenizer = {"width": 8, "bits": 6, "blocks": 1, "max_frames": 64, "factors": [16, 12, 8, 6, 4, 2, 1]}
    return RunConfig(
        name="scalemogen.debug",
        feature=Part(name="rotations"),
        tokenizer=Part(name="scalemogen", config=tokenizer),
        generator=Part(name="scalemogen", config={"width": 16, "heads": 2, "layers": 2, "mlp_ratio": 2}),
        text=Part(name="hashed", config={"width": 16, "max_tokens": 16}),
        tokenizer_training=DEBUG,
        generator_training=DEBUG,
        workers=1,
    )


def small() -> RunConfig:
    """Rotations at 30 fps on humanml22, up to 8.5 s, MiniLM text; the eleven scales of list 5.

    Sized for minutes on an accelerator; a CPU can train it a little.
    """
    tokenizer = {"width": 96, **ROTATIONS}
    return RunConfig(
        name="scalemogen.small",
        feature=Part(name="rotations"),
        tokenizer=Part(name="scalemogen", config=tokenizer),
        generator=Part(name="scalemogen", config={"width": 256, "heads": 4, "layers": 6}),
        text=Part(name="minilm", config={"max_tokens": 32}),
        tokenizer_training=StageConfig(
            steps=20_000,
            batch_size=32,
            draw=DrawConfig(min_frames=32, shorten=0.5, balance="frames"),
            optimizer=OptimizerConfig(lr=4e-4, betas=(0.9, 0.99), clip=0.5),
            schedule=ScheduleConfig(kind="cosine", warmup=500, final=0.02),
            ema_decay=0.999,
        ),
        generator_training=StageConfig(
            steps=40_000,
            batch_size=32,
            draw=DrawConfig(min_frames=32, shorten=0.5, balance="class"),
            optimizer=OptimizerConfig(lr=4e-4, betas=(0.9, 0.97), weight_decay=0.005, clip=1.0),
            schedule=ScheduleConfig(kind="cosine", warmup=1000, warmup_start=0.005, final=0.02),
            ema_decay=0.999,
        ),
    )


def cpu() -> RunConfig:
    """As ``small``, but narrower and with fewer scales: an hour or two on two CPU cores."""
    tokenizer = {"width": 48, **ROTATIONS, "schedule": SHORT_SCHEDULE, "dropout": 0.0}
    generator = {"width": 192, "heads": 4, "layers": 5, "stochastic_depth": 0.0}
    return RunConfig(
        name="scalemogen.cpu",
        feature=Part(name="rotations"),
        tokenizer=Part(name="scalemogen", config=tokenizer),
        generator=Part(name="scalemogen", config=generator),
        text=Part(name="minilm", config={"max_tokens": 32}),
        tokenizer_training=StageConfig(
            steps=2500,
            batch_size=12,
            draw=DrawConfig(crop_frames=96, min_frames=32, shorten=0.2, balance="frames"),
            optimizer=OptimizerConfig(lr=1e-3, betas=(0.9, 0.99), clip=0.5),
            schedule=ScheduleConfig(kind="cosine", warmup=150, final=0.02),
            ema_decay=0.99,
        ),
        generator_training=StageConfig(
            steps=2500,
            batch_size=12,
            draw=DrawConfig(min_frames=32, shorten=0.3, balance="class"),
            optimizer=OptimizerConfig(lr=8e-4, betas=(0.9, 0.97), weight_decay=0.005, clip=1.0),
            schedule=ScheduleConfig(kind="cosine", warmup=200, warmup_start=0.005, final=0.02),
            ema_decay=0.995,
        ),
    )


def humanml3d() -> RunConfig:
    """The published run on HumanML3D: 263 features at 20 fps, eleven scales, Flan-T5-XL text.

    It needs the data set and T5's weights. (The released generator is named for step 248 of epoch 228, which is step
    350,000; the published configuration says 100 epochs.)
    """
    tokenizer = {"max_frames": 196, "factors": [49, 24, 16, 7, 4, 2, 1], "schedule": 5, "faithful": True}
    return _published("humanml3d", tokenizer, batches=(64, 16), generator_epochs=100, min_frames=40, coin=1 / 3)


def humanml3d_layer16() -> RunConfig:
    """The published run with the 16-block generator that the release names but does not train: 362 M parameters."""
    return _sized("layer16")


def humanml3d_layer24() -> RunConfig:
    """As ``humanml3d_layer16`` with 24 blocks: 941 M parameters."""
    return _sized("layer24")


def humanml3d_layer32() -> RunConfig:
    """As ``humanml3d_layer16`` with 32 blocks: 2.3 billion parameters."""
    return _sized("layer32")


def humanml3d_layer40() -> RunConfig:
    """As ``humanml3d_layer16`` with 40 blocks: 4.7 billion parameters."""
    return _sized("layer40")


def humanml3d_layer48() -> RunConfig:
    """As ``humanml3d_layer16`` with 48 blocks: 8.8 billion parameters."""
    return _sized("layer48")


def _sized(size: str) -> RunConfig:
    config, (layers, width, heads) = humanml3d(), SIZES[size]
    assert config.generator is not None
    sizes = {**config.generator.config, "layers": layers, "width": width, "heads": heads}
    return config.but(name=f"scalemogen.humanml3d_{size}", generator=Part(name="scalemogen", config=sizes))


def snapmogen() -> RunConfig:
    """The published run on SnapMoGen: 296 features at 30 fps, seven scales of single parts, Flan-T5-XL text."""
    tokenizer = {
        "feature_width": 296, "body": "snapmogen24", "max_frames": 320, "factors": [80, 40, 20, 10, 5, 2, 1],
        "schedule": 3, "faithful": True,
    }  # fmt: skip
    return _published("snapmogen", tokenizer, batches=(32, 8), generator_epochs=200, min_frames=128, coin=0.0, unit=8)


def _published(
    dataset: str,
    tokenizer: dict[str, Any],
    batches: tuple[int, int],
    generator_epochs: int,
    min_frames: int,
    coin: float,
    unit: int = 0,
) -> RunConfig:
    first, second = (TRAINING_CLIPS[dataset] // size for size in batches)
    # the published sets already hold every clip's mirror image
    draw = DrawConfig(min_frames=min_frames, mirror=False, coin=coin, unit=unit)
    return RunConfig(
        name=f"scalemogen.{dataset}",
        feature=Part(name=dataset),
        tokenizer=Part(name="scalemogen", config=tokenizer),
        generator=Part(name="scalemogen", config={"faithful": True}),
        text=Part(name="t5", config={"model": "google/flan-t5-xl", "max_tokens": 512}),
        data=DataConfig(dtype="float32", statistics="given"),
        tokenizer_training=StageConfig(
            steps=500 * first,
            batch_size=batches[0],
            draw=draw,
            optimizer=OptimizerConfig(lr=2e-4, betas=(0.9, 0.99), clip=0.5),
            schedule=ScheduleConfig(kind="step", warmup=2000, milestones=(152_000, 252_000), factor=0.3),
        ),
        generator_training=StageConfig(
            steps=generator_epochs * second,
            batch_size=batches[1],
            draw=draw,
            # the published bound of the gradient falls from 6 to 1, most of it in the first fifth of the run
            optimizer=OptimizerConfig(
                lr=LEARNING_RATE * batches[1], betas=(0.9, 0.97), weight_decay=0.005, clip=1.0, clip_extra=5.0
            ),
            schedule=ScheduleConfig(kind="constant"),
        ),
    )
