"""Runs of Kinescale's own pair: the grouped tokenizer under MoScale's generator. The bundles in the package are of it.

Tokenizer: a residual pyramid of grouped codebooks (``tokenizers.grouped``), trained with losses on forward kinematics;
generator and sampler: MoScale (arXiv 2604.03799). No published setting.
"""

from __future__ import annotations

from typing import Any

from kinescale.bundle.manifest import Part
from kinescale.recipes.base import DEBUG
from kinescale.training.config import DrawConfig, OptimizerConfig, RunConfig, ScheduleConfig, StageConfig
from kinescale.training.kinematic_loss import Config as KinematicLossConfig

TOKENIZER: dict[str, Any] = {
    "width": 256, "frame_width": 96, "groups": 1, "code_dim": 64, "codes": 1024, "scales": [8, 4, 2, 1, 1, 1],
    "max_frames": 256,
}  # fmt: skip

GENERATOR: dict[str, Any] = {
    "latent_dim": 104, "head_latent_dim": 192, "heads": 4, "layers": 6, "mlp_ratio": 2, "prefix_pool_heads": 2,
    "dropout": 0.0, "stochastic_depth": 0.0, "tied": True, "scale_balance": 0.5, "span_share": 0.25,
    "corruption": 0.3,
}  # fmt: skip
"""No dropout: it costs three quarters of a step on a processor; corruption and masking regularize as well."""

KINEMATICS = KinematicLossConfig(positions=10.0, velocities=1.0, planted=0.5, path=1.0, jerk=0.3, features=0.3)
"""Joints in meters count most: they are what is seen (LOG.md has the comparison)."""

SHARES = {
    "bandai_namco": 0.42, "cmu": 0.28, "hdm05": 0.16, "accad": 0.03, "kaykit": 0.04, "mesh2motion": 0.07,
}  # fmt: skip
"""Share of each corpus among the tokenizer's windows: what moves fast or seldom is in the small ones."""


def debug() -> RunConfig:
    """Every part at its smallest, for tests: two steps of each stage in seconds, no weights needed."""
    tokenizer = {
        **TOKENIZER, "width": 16, "frame_width": 8, "code_dim": 8, "codes": 16, "encoder_blocks": 1,
        "decoder_blocks": 1, "max_frames": 64, "scales": [4, 2, 1, 1],
    }  # fmt: skip
    generator = {
        "latent_dim": 16, "head_latent_dim": 16, "heads": 2, "layers": 2, "mlp_ratio": 2, "prefix_pool_heads": 2,
        "tied": True, "scale_balance": 0.5, "span_share": 0.25,
    }  # fmt: skip
    return RunConfig(
        name="grouped.debug",
        feature=Part(name="rotations"),
        tokenizer=Part(name="grouped", config=tokenizer),
        generator=Part(name="moscale", config=generator),
        text=Part(name="hashed", config={"width": 16, "max_tokens": 16}),
        sampling=Part(name="next_scale", config={"steps": [1, 2, 2, 2]}),
        tokenizer_training=DEBUG.but(kinematics=KINEMATICS),
        generator_training=DEBUG,
        workers=1,
    )


def cpu() -> RunConfig:
    """The run behind the bundles in the package: rotations at 30 fps on humanml22, up to 8.5 s, MiniLM text.

    Sized for some hours on two CPU cores, or minutes on an accelerator.
    """
    return RunConfig(
        name="grouped.cpu",
        feature=Part(name="rotations"),
        tokenizer=Part(name="grouped", config={**TOKENIZER, "continuous_steps": 1000}),
        generator=Part(name="moscale", config=GENERATOR),
        text=Part(name="minilm", config={"max_tokens": 48}),
        sampling=Part(name="next_scale", config={"guidance_scale": 2.5, "steps": [1, 2, 3, 4, 4, 4]}),
        tokenizer_training=StageConfig(
            steps=12_000,
            batch_size=32,
            draw=DrawConfig(crop_frames=64, min_frames=12, shorten=0.1, balance="class_frames", shares=SHARES),
            optimizer=OptimizerConfig(lr=1e-3, betas=(0.9, 0.99), weight_decay=1e-4, clip=1.0),
            schedule=ScheduleConfig(kind="cosine", warmup=100, final=0.02),
            kinematics=KINEMATICS,
            ema_decay=0.995,
            log_every=200,
            validate_every=1000,
            checkpoint_every=500,
        ),
        generator_training=StageConfig(
            steps=20_000,
            batch_size=48,
            draw=DrawConfig(min_frames=12, shorten=0.2, balance="class"),
            optimizer=OptimizerConfig(lr=6e-4, betas=(0.9, 0.98), weight_decay=0.05, clip=2.0),
            schedule=ScheduleConfig(kind="cosine", warmup=300, warmup_start=0.005, final=0.05),
            ema_decay=0.998,
        ),
    )
