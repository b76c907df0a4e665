"""MSQ's runs: a tiny one for tests, small ones for rotations of our own corpora, and reconstructions of the paper's.

Wang et al. 2025 (MSQ, arXiv 2508.08991). The paper's own settings could not be read: what is said of HumanML3D and
KIT-ML here is the method notes' reconstruction, sections 2 to 4, and no published setting.
"""

from __future__ import annotations

from typing import Any

from kinescale.bundle.manifest import Part
from kinescale.recipes.base import CPU_TOKENIZER_STAGE, DEBUG, SMALL_GENERATOR_STAGE, SMALL_TOKENIZER_STAGE
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

TRAINING_CLIPS = 23_384
KIT_TRAINING_CLIPS = 4_888
"""Clips in the training splits, mirrored ones included; they turn epochs into steps."""

SMALL_TOKENIZER: dict[str, Any] = {
    "feature": "rotations", "max_frames": 256, "explicit_slice": list(ROTATIONS_TARGET),
    "widths": [128, 96, 64], "code_dims": [128, 96, 64], "decoder_width": 192, "dropout": 0.1, "residual": False,
}  # fmt: skip
"""Each scale codes the whole motion: of the pyramids of FSQ that kept most (``docs/msq.md``)."""


def debug() -> RunConfig:
    """Every part at its smallest, for tests: two steps of each stage in seconds, no weights needed."""
    tokenizer = {
        "feature": "rotations", "max_frames": 64, "explicit_slice": list(ROTATIONS_TARGET), "blocks": 1,
        "widths": [12, 8, 8], "code_dims": [12, 8, 6], "decoder_width": 16, "levels": [5, 3],
    }  # fmt: skip
    return RunConfig(
        name="msq.debug",
        feature=Part(name="rotations"),
        tokenizer=Part(name="msq", config=tokenizer),
        generator=Part(name="msq", config={"width": 16, "heads": 2, "layers": 2, "hidden": 32}),
        text=Part(name="hashed", config={"width": 16, "max_tokens": 16}),
        sampling=Part(name="masked", config={"steps": [4]}),
        tokenizer_training=DEBUG,
        generator_training=DEBUG,
        workers=1,
    )


def small() -> RunConfig:
    """Rotations at 30 fps on humanml22, up to 8.5 s, MiniLM text, ``pyramid`` of FSQ.

    Sized for minutes on an accelerator.
    """
    return _small("small")


def small_grid() -> RunConfig:
    """As ``small`` with every granularity at every length: half again as many tokens."""
    return _small("small_grid", preset="grid")


def small_limbs() -> RunConfig:
    """Six limb streams alone, residual books of 512: no token covers more than one part; most of a motion is kept."""
    return _small("small_limbs", preset="limbs", quantizer="vq", share_scales=True, residual=True)


def small_residual() -> RunConfig:
    """As ``small``, but each scale codes what the coarser ones left, and the sum is decoded."""
    return _small("small_residual", residual=True)


def small_vq() -> RunConfig:
    """As ``small_residual`` with a codebook of 512 a stream in place of FSQ."""
    return _small("small_vq", quantizer="vq", share_scales=True, residual=True)


def cpu() -> RunConfig:
    """As ``small``, but sized for an hour or two on two CPU cores: attention in turns, no dropout, fewer steps."""
    generator = {"width": 128, "heads": 4, "layers": 4, "hidden": 384, "dropout": 0.0, "in_turns": True}
    return RunConfig(
        name="msq.cpu",
        feature=Part(name="rotations"),
        tokenizer=Part(name="msq", config={**SMALL_TOKENIZER, "dropout": 0.0}),
        generator=Part(name="msq", config=generator),
        text=Part(name="minilm", config={"max_tokens": 32}),
        sampling=Part(name="masked", config={"guidance_scale": [2.0]}),
        tokenizer_training=CPU_TOKENIZER_STAGE,
        generator_training=StageConfig(
            steps=2500,
            batch_size=24,
            draw=DrawConfig(min_frames=32, shorten=0.3, balance="class"),
            optimizer=OptimizerConfig(lr=8e-4, betas=(0.9, 0.98), weight_decay=0.05, clip=2.0),
            schedule=ScheduleConfig(kind="cosine", warmup=200, warmup_start=0.005, final=0.02),
            ema_decay=0.995,
        ),
    )


def humanml3d() -> RunConfig:
    """The reconstruction on HumanML3D: 263 features at 20 fps, CLIP text. No published setting.

    It needs the data set and CLIP's weights.
    """
    return _reconstruction("humanml3d", Part(name="humanml3d"), TRAINING_CLIPS, 40, 64, {}, 4.0)


def kit() -> RunConfig:
    """The reconstruction on KIT-ML: 251 features of 21 joints at 12.5 fps. No published setting.

    It needs the data set and CLIP's weights.
    """
    feature = Part(name="humanml3d", config={"variant": "kit"})
    tokenizer = {"feature_config": feature.config, "explicit_slice": list(KIT_POSITIONS)}
    return _reconstruction("kit", feature, KIT_TRAINING_CLIPS, 24, 16, tokenizer, 2.0)


def _small(name: str, **tokenizer: Any) -> RunConfig:
    return RunConfig(
        name=f"msq.{name}",
        feature=Part(name="rotations"),
        tokenizer=Part(name="msq", config={**SMALL_TOKENIZER, **tokenizer}),
        generator=Part(name="msq", config={"width": 256, "heads": 4, "layers": 6, "hidden": 768}),
        text=Part(name="minilm", config={"max_tokens": 32}),
        tokenizer_training=SMALL_TOKENIZER_STAGE,
        generator_training=SMALL_GENERATOR_STAGE,
    )


def _reconstruction(
    name: str,
    feature: Part,
    clips: int,
    min_frames: int,
    batch: int,
    tokenizer: dict[str, Any],
    guidance_scale: float,
) -> RunConfig:
    """MoMask's schedules: 50 epochs of windows of 64 frames (as many as its step milestones need), then 500 epochs."""
    # the published sets already hold every clip's mirror image
    return RunConfig(
        name=f"msq.{name}",
        feature=feature,
        tokenizer=Part(name="msq", config=tokenizer),
        generator=Part(name="msq"),
        text=Part(name="clip", config={"max_tokens": 77}),
        sampling=Part(name="masked", config={"guidance_scale": [guidance_scale]}),
        data=DataConfig(dtype="float32", statistics="given"),
        tokenizer_training=StageConfig(
            steps=300_000,
            batch_size=256,
            draw=DrawConfig(crop_frames=64, min_frames=min_frames, mirror=False, balance="frames"),
            optimizer=OptimizerConfig(lr=3e-4, betas=(0.9, 0.99)),
            schedule=ScheduleConfig(kind="step", warmup=2000, milestones=(150_000, 250_000), factor=0.05),
        ),
        generator_training=StageConfig(
            steps=500 * (clips // batch),
            batch_size=batch,
            draw=DrawConfig(min_frames=min_frames, mirror=False),
            optimizer=OptimizerConfig(lr=2e-4, betas=(0.9, 0.99)),
            schedule=ScheduleConfig(kind="step", warmup=2000, milestones=(50_000,), factor=0.1),
        ),
    )
