"""Runs of Kinescale's own pair: the grouped tokenizer under MoScale's generator.

Tokenizer: a residual pyramid of grouped codebooks (``tokenizers.grouped``), trained with losses on forward kinematics;
generator and sampler: MoScale (arXiv 2604.03799). No published setting.
"""

from __future__ import annotations

from kinescale.generators import moscale as generator
from kinescale.recipes.base import DEBUG, debug_run, own_run
from kinescale.samplers import next_scale
from kinescale.tokenizers import grouped as tokenizer
from kinescale.training.config import DrawConfig, OptimizerConfig, RunConfig, ScheduleConfig, StageConfig
from kinescale.training.kinematic_loss import Config as KinematicLossConfig

TOKENIZER = tokenizer.Config(
    width=256, frame_width=96, groups=1, code_dim=64, codes=1024, scales=(8, 4, 2, 1, 1, 1), max_frames=256
)

GENERATOR = generator.Config(
    latent_dim=104, head_latent_dim=192, heads=4, layers=6, mlp_ratio=2, prefix_pool_heads=2, dropout=0.0,
    stochastic_depth=0.0, tied=True, scale_balance=0.5, span_share=0.25, corruption=0.3,
)  # fmt: skip
"""No dropout: it costs three quarters of a step on a processor; corruption and masking regularize as well."""

KINEMATICS = KinematicLossConfig(positions=10.0, velocities=1.0, planted=0.5, path=1.0, jerk=0.3, features=0.3)
"""Joints in meters count most: they are what is seen (LOG.md has the comparison)."""

SHARES = {
    "bandai_namco": 0.42, "cmu": 0.28, "hdm05": 0.16, "accad": 0.03, "kaykit": 0.04, "mesh2motion": 0.07,
}  # fmt: skip
"""Share of each corpus among the tokenizer's windows: fast and rare motions are in the small ones."""

OPEN_SHARES = {"cmu": 0.8, "accad": 0.04, "kaykit": 0.06, "mesh2motion": 0.1}
"""As ``SHARES``, of the corpora that may be used commercially."""


def debug() -> RunConfig:
    """Every part at its smallest, for tests."""
    config = debug_run(
        "grouped.debug",
        TOKENIZER.but(
            width=16, frame_width=8, code_dim=8, codes=16, encoder_blocks=1, decoder_blocks=1, max_frames=64,
            scales=(4, 2, 1, 1),
        ),
        generator.Config(
            latent_dim=16, head_latent_dim=16, heads=2, layers=2, mlp_ratio=2, prefix_pool_heads=2, tied=True,
            scale_balance=0.5, span_share=0.25,
        ),
        next_scale.Config(steps=(1, 2, 2, 2)),
    )  # fmt: skip
    return config.but(tokenizer_training=DEBUG.but(kinematics=KINEMATICS))


def cpu() -> RunConfig:
    """Rotations at 30 fps on humanml22, up to 8.5 s, MiniLM text: some hours on two CPU cores."""
    first = StageConfig(
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
    )
    second = StageConfig(
        steps=20_000,
        batch_size=48,
        draw=DrawConfig(min_frames=12, shorten=0.2, balance="class"),
        optimizer=OptimizerConfig(lr=6e-4, betas=(0.9, 0.98), weight_decay=0.05, clip=2.0),
        schedule=ScheduleConfig(kind="cosine", warmup=300, warmup_start=0.005, final=0.05),
        ema_decay=0.998,
    )
    sampling = next_scale.Config(guidance_scale=2.5, steps=(1, 2, 3, 4, 4, 4))
    config = TOKENIZER.but(continuous_steps=1000)
    run = own_run("grouped.cpu", config, GENERATOR, sampling, stages=(first, second), text_tokens=48)
    return run.but(candidates=6)


def open() -> RunConfig:
    """As ``cpu``, on corpora for commercial use.

    CMU, ACCAD, KayKit, Mesh2Motion and clips composed of them; prepare those alone.
    """
    run = cpu()
    first, second = run.tokenizer_training, run.generator_training
    first = first.but(steps=6000, draw=first.draw.but(shares=OPEN_SHARES))
    optimizer = OptimizerConfig(kind="muon", lr=1.5e-3, betas=(0.9, 0.98), weight_decay=0.05, clip=2.0)
    second = second.but(steps=4000, batch_size=32, optimizer=optimizer)
    return run.but(name="grouped.open", tokenizer_training=first, generator_training=second)
