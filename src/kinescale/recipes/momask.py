"""Runs of MoMask, the baseline: debug (tests), small and cpu (our corpora), the published HumanML3D and KIT-ML runs.

Guo et al. 2024 (MoMask, arXiv 2312.00063), section 4; schedules as its release has them.
"""

from __future__ import annotations

from kinescale.core.records import Record
from kinescale.features.humanml3d import Config as HumanML3D
from kinescale.generators import momask as generator
from kinescale.recipes.base import CPU, HUMANML3D_CLIPS, KIT_CLIPS, SMALL, debug_run, own_run
from kinescale.samplers import masked
from kinescale.text import clip
from kinescale.tokenizers import momask as tokenizer
from kinescale.training.config import DataConfig, DrawConfig, OptimizerConfig, RunConfig, ScheduleConfig, StageConfig

TOKENIZER_STEPS = 350_000
"""50 epochs of all windows of 64 frames (some 7,000 batches each): past the second milestone, at 250,000."""

EXPLICIT = ("rotations", "positions")
"""Blocks of the rotations feature that count extra in training."""

SMALL_TOKENIZER = tokenizer.Config(
    width=192, code_dim=128, codes=512, codebooks=6, blocks=3, max_frames=256, mask_padding=True, dropout=0.05,
    explicit_blocks=EXPLICIT,
)  # fmt: skip

SAMPLING = masked.Config(steps=(10, 1), guidance_scale=(4.0, 5.0), schedule="closed")
"""Section 4.1: ten passes for the first codebook, one for each further codebook."""


def debug() -> RunConfig:
    """Every part at its smallest, for tests."""
    config = tokenizer.Config(
        width=16,
        code_dim=8,
        codes=16,
        codebooks=3,
        blocks=1,
        max_frames=64,
        mask_padding=True,
        explicit_blocks=EXPLICIT,
    )
    return debug_run("momask.debug", config, generator.Config(width=16, heads=2, feed_forward=32, layers=2))


def small() -> RunConfig:
    """Rotations at 30 fps on humanml22, up to 8.5 s, MiniLM text; the sizes and steps of the other systems' small."""
    config = generator.Config(width=256, heads=4, feed_forward=768, layers=5)
    return own_run("momask.small", SMALL_TOKENIZER, config, SAMPLING, stages=SMALL)


def cpu() -> RunConfig:
    """As ``small``, but sized for an hour or so on two CPU cores."""
    # dropout keeps the fused attention from being used
    config = generator.Config(width=192, heads=4, feed_forward=512, layers=4, dropout=0.0)
    return own_run("momask.cpu", SMALL_TOKENIZER, config, SAMPLING.but(guidance_scale=(2.5, 2.5)), stages=CPU)


def humanml3d() -> RunConfig:
    """The published run on HumanML3D: 263 features at 20 fps, six codebooks, CLIP's pooled sentence.

    It needs the data set and CLIP's weights.
    """
    return _published("humanml3d", HumanML3D(), HUMANML3D_CLIPS, 40, 64, SAMPLING)


def kit() -> RunConfig:
    """The published run on KIT-ML: 251 features of 21 joints at 12.5 fps. It needs the data set and CLIP's weights."""
    return _published("kit", HumanML3D(variant="kit"), KIT_CLIPS, 24, 16, SAMPLING.but(guidance_scale=(2.0, 2.0)))


def _published(name: str, feature: Record, clips: int, min_frames: int, batch: int, sampling: Record) -> RunConfig:
    # the published sets already hold every clip's mirror image
    return RunConfig(
        name=f"momask.{name}",
        feature=feature,
        tokenizer=tokenizer.Config(),
        generator=generator.Config(),
        text=clip.Config(pooled=True),
        sampling=sampling,
        data=DataConfig(dtype="float32", statistics="given", feature_bias=5.0),
        tokenizer_training=StageConfig(
            steps=TOKENIZER_STEPS,
            batch_size=256,
            draw=DrawConfig(crop_frames=64, min_frames=64, mirror=False, balance="frames"),
            optimizer=OptimizerConfig(lr=2e-4, betas=(0.9, 0.99)),
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
