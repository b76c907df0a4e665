"""MoSa's runs: a tiny one for tests, two for rotations of our own corpora, and the published ones.

Liu et al. 2025 (MoSa, arXiv 2511.01200); the published numbers are those of sections 2.4 and 3 of the method notes.
The published runs also made the root's and the contacts' features count five times as much in the normalized features;
here every feature counts alike.
"""

from __future__ import annotations

from typing import Any

from kinescale.bundle.manifest import Part
from kinescale.recipes.base import (
    CPU_GENERATOR_STAGE,
    CPU_TOKENIZER_STAGE,
    DEBUG,
    SMALL_GENERATOR_STAGE,
    SMALL_TOKENIZER_STAGE,
)
from kinescale.recipes.moscale import ROTATIONS_TARGET, TRAINING_CLIPS
from kinescale.training.config import (
    DataConfig,
    DrawConfig,
    OptimizerConfig,
    RunConfig,
    ScheduleConfig,
    StageConfig,
)

KIT_TRAINING_CLIPS = 4_888
"""Clips in KIT-ML's training split, mirrored ones included."""

MOTIONX_TRAINING_CLIPS = 65_000
"""Roughly four fifths of Motion-X's 81 thousand clips; its split is not part of the method notes."""

KIT_POSITIONS = (4, 64)
"""Joint positions in the 251 features of KIT-ML's 21 joints."""

SMALL_TOKENIZER: dict[str, Any] = {
    "width": 96, "blocks": 1, "code_dim": 128, "max_frames": 256, "padding": "masked",
    # ten scales that keep whole bins in every sixteen latents, so that short clips get small layouts
    "bins": [4, 8, 12, 20, 28, 32, 40, 48, 56, 64],
    "codes": [128, 156, 185, 213, 242, 270, 299, 327, 356, 384],
    "explicit_slice": list(ROTATIONS_TARGET),
}  # fmt: skip
"""The tokenizer of the runs on our own corpora."""


def debug() -> RunConfig:
    """Every part at its smallest, for tests: two steps of each stage in seconds, no weights needed."""
    tokenizer = {
        "width": 8, "blocks": 1, "code_dim": 8, "bins": [4, 8, 16], "codes": [8, 12, 16], "max_frames": 64,
        "padding": "masked", "explicit_slice": list(ROTATIONS_TARGET),
    }  # fmt: skip
    generator = {"width": 16, "heads": 2, "layers": 2, "hidden": 32}
    return RunConfig(
        name="mosa.debug",
        feature=Part(name="rotations"),
        tokenizer=Part(name="mosa", config=tokenizer),
        generator=Part(name="mosa", config=generator),
        text=Part(name="hashed", config={"width": 16, "max_tokens": 16}),
        tokenizer_training=DEBUG,
        generator_training=DEBUG,
        workers=1,
    )


def small() -> RunConfig:
    """Rotations at 30 fps on humanml22, up to 8.5 s, MiniLM text.

    Sized for two CPU cores or minutes on an accelerator.
    """
    generator = {"width": 256, "heads": 4, "layers": 5, "hidden": 512, "dropout": 0.1}
    return RunConfig(
        name="mosa.small",
        feature=Part(name="rotations"),
        tokenizer=Part(name="mosa", config=SMALL_TOKENIZER),
        generator=Part(name="mosa", config=generator),
        text=Part(name="minilm", config={"max_tokens": 32}),
        tokenizer_training=SMALL_TOKENIZER_STAGE,
        generator_training=SMALL_GENERATOR_STAGE,
    )


def cpu() -> RunConfig:
    """As ``small``, but sized for an hour or so on two CPU cores."""
    # Dropout costs much of a step on a CPU; random codes in the inputs keep the network from learning by heart.
    generator = {"width": 192, "heads": 4, "layers": 5, "hidden": 384, "dropout": 0.0}
    return RunConfig(
        name="mosa.cpu",
        feature=Part(name="rotations"),
        tokenizer=Part(name="mosa", config=SMALL_TOKENIZER),
        generator=Part(name="mosa", config=generator),
        text=Part(name="minilm", config={"max_tokens": 32}),
        tokenizer_training=CPU_TOKENIZER_STAGE,
        generator_training=CPU_GENERATOR_STAGE,
    )


def humanml3d() -> RunConfig:
    """The published run on HumanML3D: 263 features at 20 fps, ten scales, CLIP text.

    It needs the data set and CLIP's weights.
    """
    return _published("humanml3d", Part(name="humanml3d"), TRAINING_CLIPS, 40)


def motionx() -> RunConfig:
    """The published run on Motion-X's bodies in the 263 features of HumanML3D.

    It needs the data set and CLIP's weights; windows of long clips are drawn from one set, not half and half from two.
    """
    return _published("motionx", Part(name="humanml3d"), MOTIONX_TRAINING_CLIPS, 40)


def kit() -> RunConfig:
    """The settings for KIT-ML: 251 features of 21 joints at 12.5 fps. The paper gives no results on it."""
    feature = Part(name="humanml3d", config={"variant": "kit"})
    return _published("kit", feature, KIT_TRAINING_CLIPS, 24, explicit_slice=list(KIT_POSITIONS))


def _published(name: str, feature: Part, clips: int, min_frames: int, **tokenizer: Any) -> RunConfig:
    """500 epochs of each stage; an epoch is ``clips`` windows, the last, smaller batch dropped."""
    first, second = clips // 256, clips // 64
    # the published sets already hold every clip's mirror image; each window of a long clip counts as a sample
    draw = DrawConfig(min_frames=min_frames, mirror=False, balance="frames")
    return RunConfig(
        name=f"mosa.{name}",
        feature=feature,
        tokenizer=Part(name="mosa", config={"faithful": True, **tokenizer}),
        generator=Part(name="mosa"),
        text=Part(name="clip", config={"max_tokens": 77, "masked": False}),
        data=DataConfig(dtype="float32", statistics="given", feature_bias=5.0),
        tokenizer_training=StageConfig(
            steps=500 * first,
            batch_size=256,
            draw=draw,
            optimizer=OptimizerConfig(lr=2e-4, betas=(0.9, 0.99)),
            schedule=ScheduleConfig(kind="step", warmup=2000, milestones=(300 * first,), factor=0.1),
        ),
        generator_training=StageConfig(
            steps=500 * second,
            batch_size=64,
            draw=draw.but(balance="none"),
            optimizer=OptimizerConfig(lr=2e-4, betas=(0.9, 0.99), weight_decay=1e-5),
            schedule=ScheduleConfig(kind="step", warmup=2000, milestones=(100 * second, 200 * second), factor=0.1),
        ),
    )
