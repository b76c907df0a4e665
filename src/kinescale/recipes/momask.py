"""Runs of MoMask, the baseline: debug (tests), small and cpu (our corpora), the published HumanML3D and KIT-ML runs.

Guo et al. 2024 (MoMask, arXiv 2312.00063), section 4; schedules as its release has them.
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
from kinescale.training.config import (
    DataConfig,
    DrawConfig,
    OptimizerConfig,
    RunConfig,
    ScheduleConfig,
    StageConfig,
)

ROTATIONS_TARGET = (4, 202)
"""Rotations (132) and positions (66) in the rotations feature of 22 joints: they count extra in training."""

KIT_POSITIONS = (4, 64)
"""Joint positions in KIT-ML's 251 features."""

HUMANML3D_CLIPS, KIT_CLIPS = 23_384, 9_652
"""Clips in the training splits, mirrored ones included; they turn published epochs into steps."""

TOKENIZER_STEPS = 350_000
"""50 epochs of all windows of 64 frames (some 7,000 batches each): past the second milestone, at 250,000."""

SMALL_TOKENIZER: dict[str, Any] = {
    "width": 192, "code_dim": 128, "codes": 512, "codebooks": 6, "blocks": 3, "max_frames": 256, "mask_padding": True,
    "dropout": 0.05, "explicit_slice": list(ROTATIONS_TARGET),
}  # fmt: skip


def debug() -> RunConfig:
    """Every part at its smallest, for tests: two steps of each stage in seconds, no weights needed."""
    tokenizer = {
        "width": 16, "code_dim": 8, "codes": 16, "codebooks": 3, "blocks": 1, "max_frames": 64, "mask_padding": True,
        "explicit_slice": list(ROTATIONS_TARGET),
    }  # fmt: skip
    return RunConfig(
        name="momask.debug",
        feature=Part(name="rotations"),
        tokenizer=Part(name="momask", config=tokenizer),
        generator=Part(name="momask", config={"width": 16, "heads": 2, "feed_forward": 32, "layers": 2}),
        text=Part(name="hashed", config={"width": 16, "max_tokens": 16}),
        tokenizer_training=DEBUG,
        generator_training=DEBUG,
        workers=1,
    )


def small() -> RunConfig:
    """Rotations at 30 fps on humanml22, up to 8.5 s, MiniLM text; the sizes and steps of the other systems' small."""
    return RunConfig(
        name="momask.small",
        feature=Part(name="rotations"),
        tokenizer=Part(name="momask", config=SMALL_TOKENIZER),
        generator=Part(name="momask", config={"width": 256, "heads": 4, "feed_forward": 768, "layers": 5}),
        text=Part(name="minilm", config={"max_tokens": 32}),
        sampling=Part(name="masked", config=SAMPLING),
        tokenizer_training=SMALL_TOKENIZER_STAGE,
        generator_training=SMALL_GENERATOR_STAGE,
    )


SAMPLING: dict[str, Any] = {"steps": [10, 1], "guidance": [4.0, 5.0], "schedule": "closed"}
"""Section 4.1: ten passes for the first book, one for each further book."""


def cpu() -> RunConfig:
    """As ``small``, but sized for an hour or so on two CPU cores."""
    # Dropout keeps the fused attention from being used.
    generator = {"width": 192, "heads": 4, "feed_forward": 512, "layers": 4, "dropout": 0.0}
    return RunConfig(
        name="momask.cpu",
        feature=Part(name="rotations"),
        tokenizer=Part(name="momask", config=SMALL_TOKENIZER),
        generator=Part(name="momask", config=generator),
        text=Part(name="minilm", config={"max_tokens": 32}),
        sampling=Part(name="masked", config={**SAMPLING, "guidance": [2.5, 2.5]}),
        tokenizer_training=CPU_TOKENIZER_STAGE,
        generator_training=CPU_GENERATOR_STAGE,
    )


def humanml3d() -> RunConfig:
    """The published run on HumanML3D: 263 features at 20 fps, six books, CLIP's pooled sentence.

    It needs the data set and CLIP's weights.
    """
    return _published("humanml3d", Part(name="humanml3d"), HUMANML3D_CLIPS, 40, 64, SAMPLING)


def kit() -> RunConfig:
    """The published run on KIT-ML: 251 features of 21 joints at 12.5 fps. It needs the data set and CLIP's weights."""
    feature = Part(name="humanml3d", config={"variant": "kit"})
    sampling = {**SAMPLING, "guidance": [2.0, 2.0]}
    return _published("kit", feature, KIT_CLIPS, 24, 16, sampling, explicit_slice=list(KIT_POSITIONS))


def _published(
    name: str, feature: Part, clips: int, min_frames: int, batch: int, sampling: dict[str, Any], **tokenizer: Any
) -> RunConfig:
    epoch = clips // batch
    # the published sets already hold every clip's mirror image
    return RunConfig(
        name=f"momask.{name}",
        feature=feature,
        tokenizer=Part(name="momask", config=tokenizer),
        generator=Part(name="momask"),
        text=Part(name="clip", config={"pooled": True}),
        sampling=Part(name="masked", config=sampling),
        data=DataConfig(dtype="float32", statistics="given", feature_bias=5.0),
        tokenizer_training=StageConfig(
            steps=TOKENIZER_STEPS,
            batch_size=256,
            draw=DrawConfig(crop_frames=64, min_frames=64, mirror=False, balance="frames"),
            optimizer=OptimizerConfig(lr=2e-4, betas=(0.9, 0.99)),
            schedule=ScheduleConfig(kind="step", warmup=2000, milestones=(150_000, 250_000), factor=0.05),
        ),
        generator_training=StageConfig(
            steps=500 * epoch,
            batch_size=batch,
            draw=DrawConfig(min_frames=min_frames, mirror=False),
            optimizer=OptimizerConfig(lr=2e-4, betas=(0.9, 0.99)),
            schedule=ScheduleConfig(kind="step", warmup=2000, milestones=(50_000,), factor=0.1),
        ),
    )
