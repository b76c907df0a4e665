"""MSQ's runs: a tiny one for tests, small ones for rotations of our own corpora, and reconstructions of the paper's.

Wang et al. 2025 (MSQ, arXiv 2508.08991). The paper's own settings could not be read: what is said of HumanML3D and
KIT-ML here is the method notes' reconstruction, sections 2 to 4, and no published setting.
"""

from __future__ import annotations

from kinescale.features.humanml3d import Config as HumanML3D
from kinescale.generators import msq as generator
from kinescale.recipes.base import CPU_TOKENIZER_STAGE, HUMANML3D_CLIPS, SMALL, debug_run, own_run
from kinescale.samplers import masked
from kinescale.text import clip
from kinescale.tokenizers import msq as tokenizer
from kinescale.training.config import DataConfig, DrawConfig, OptimizerConfig, RunConfig, ScheduleConfig, StageConfig

KIT_CLIPS = 4_888
"""Clips in KIT-ML's training split, mirrored ones included."""

EXPLICIT = ("rotations", "positions")
"""Blocks of the rotations feature that count extra in training."""

SMALL_TOKENIZER = tokenizer.Config(
    max_frames=256, explicit_blocks=EXPLICIT, widths=(128, 96, 64), code_dims=(128, 96, 64), decoder_width=192,
    dropout=0.1, residual=False,
)  # fmt: skip
"""Each scale codes the whole motion: of the pyramids of FSQ the one with the lowest error (``docs/msq.md``)."""

SMALL_GENERATOR = generator.Config(width=256, heads=4, layers=6, hidden=768)


def debug() -> RunConfig:
    """Every part at its smallest, for tests."""
    config = tokenizer.Config(
        max_frames=64, explicit_blocks=EXPLICIT, blocks=1, widths=(12, 8, 8), code_dims=(12, 8, 6), decoder_width=16,
        levels=(5, 3),
    )  # fmt: skip
    network = generator.Config(width=16, heads=2, layers=2, hidden=32)
    return debug_run("msq.debug", config, network, masked.Config(steps=(4,)))


def small() -> RunConfig:
    """Rotations at 30 fps on humanml22, up to 8.5 s, MiniLM text, ``pyramid`` of FSQ; minutes on an accelerator."""
    return own_run("msq.small", SMALL_TOKENIZER, SMALL_GENERATOR, stages=SMALL)


def small_grid() -> RunConfig:
    """As ``small`` with every granularity at every length: half again as many tokens."""
    return own_run("msq.small_grid", SMALL_TOKENIZER.but(preset="grid"), SMALL_GENERATOR, stages=SMALL)


def small_limbs() -> RunConfig:
    """Six limb streams alone, residual codebooks of 512: no token covers more than one part; lowest error of all."""
    config = SMALL_TOKENIZER.but(preset="limbs", quantizer="vq", share_scales=True, residual=True)
    return own_run("msq.small_limbs", config, SMALL_GENERATOR, stages=SMALL)


def small_residual() -> RunConfig:
    """As ``small``, but each scale codes what the coarser ones left, and the sum is decoded."""
    return own_run("msq.small_residual", SMALL_TOKENIZER.but(residual=True), SMALL_GENERATOR, stages=SMALL)


def small_vq() -> RunConfig:
    """As ``small_residual`` with a codebook of 512 per stream in place of FSQ."""
    config = SMALL_TOKENIZER.but(quantizer="vq", share_scales=True, residual=True)
    return own_run("msq.small_vq", config, SMALL_GENERATOR, stages=SMALL)


def cpu() -> RunConfig:
    """As ``small``, but sized for an hour or two on two CPU cores: attention in turns, no dropout, fewer steps."""
    network = generator.Config(width=128, heads=4, layers=4, hidden=384, dropout=0.0, in_turns=True)
    second = StageConfig(
        steps=2500,
        batch_size=24,
        draw=DrawConfig(min_frames=32, shorten=0.3, balance="class"),
        optimizer=OptimizerConfig(lr=8e-4, betas=(0.9, 0.98), weight_decay=0.05, clip=2.0),
        schedule=ScheduleConfig(kind="cosine", warmup=200, warmup_start=0.005, final=0.02),
        ema_decay=0.995,
    )
    stages, sampling = (CPU_TOKENIZER_STAGE, second), masked.Config(guidance_scale=(2.0,))
    return own_run("msq.cpu", SMALL_TOKENIZER.but(dropout=0.0), network, sampling, stages=stages)


def humanml3d() -> RunConfig:
    """The reconstruction on HumanML3D: 263 features at 20 fps, CLIP text (needs the set and CLIP's weights)."""
    return _reconstruction("humanml3d", HumanML3D(), HUMANML3D_CLIPS, 40, 64, 4.0)


def kit() -> RunConfig:
    """The reconstruction on KIT-ML: 251 features of 21 joints at 12.5 fps (needs the set and CLIP's weights)."""
    return _reconstruction("kit", HumanML3D(variant="kit"), KIT_CLIPS, 24, 16, 2.0)


def _reconstruction(
    name: str, feature: HumanML3D, clips: int, min_frames: int, batch: int, guidance_scale: float
) -> RunConfig:
    """MoMask's schedules: 50 epochs of windows of 64 frames (as many as its step milestones need), then 500 epochs."""
    # the published sets already hold every clip's mirror image
    return RunConfig(
        name=f"msq.{name}",
        feature=feature,
        tokenizer=tokenizer.Config(),
        generator=generator.Config(),
        text=clip.Config(max_tokens=77),
        sampling=masked.Config(guidance_scale=(guidance_scale,)),
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
