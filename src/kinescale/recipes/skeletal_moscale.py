"""Runs of a pair no paper has: ScaleMoGen's skeletal-temporal pyramid, of codes, under MoScale's in-scale refinement.

Tokenizer: ScaleMoGen (arXiv 2605.11704) with a codebook in place of sign bits; generator and sampler: MoScale (arXiv
2604.03799). The scales have MoScale's lengths in time and grow in the body from one group to the seven parts. No
published setting.
"""

from __future__ import annotations

from kinescale.generators import moscale as generator
from kinescale.recipes.base import debug_run, own_run
from kinescale.samplers import next_scale
from kinescale.tokenizers import scalemogen as tokenizer
from kinescale.training.config import DrawConfig, OptimizerConfig, RunConfig, ScheduleConfig, StageConfig

SCHEDULE = (
    (8, ((0, 1, 2, 3, 4, 5, 6),)),
    (4, ((0, 3), (1, 2, 4, 5, 6))),
    (2, ((0, 3), (1, 2), (4, 5, 6))),
    (1, ((0,), (1,), (2,), (3,), (4,), (5,), (6,))),
)
"""(Latents per bin, groups of the seven parts): body, legs and the rest, legs, trunk and arms, single parts."""

TOKENIZER = tokenizer.Config(
    quantizer="vq", schedule=SCHEDULE, max_frames=256, codes=512, code_dim=64, scale_dropout=0.1, commitment_weight=0.02
)
"""Scales are left out less often than published: codes of a fixed size cannot stand in for those left out."""


def debug() -> RunConfig:
    """Every part at its smallest, for tests."""
    config = TOKENIZER.but(width=8, blocks=1, max_frames=64, codes=16, code_dim=8)
    network = generator.Config(latent_dim=16, head_latent_dim=16, heads=2, layers=2, mlp_ratio=2, prefix_pool_heads=2)
    return debug_run("skeletal_moscale.debug", config, network, next_scale.Config(steps=(1, 2, 3, 4)))


def small() -> RunConfig:
    """Rotations at 30 fps on humanml22, up to 8.5 s, MiniLM text; minutes on an accelerator."""
    network = generator.Config(latent_dim=128, head_latent_dim=256, heads=4, layers=5, prefix_pool_heads=2)
    first = StageConfig(
        steps=20_000,
        batch_size=32,
        draw=DrawConfig(min_frames=32, shorten=0.5, balance="frames"),
        optimizer=OptimizerConfig(lr=4e-4, betas=(0.9, 0.99), clip=0.5),
        schedule=ScheduleConfig(kind="cosine", warmup=500, final=0.02),
        ema_decay=0.999,
    )
    second = first.but(
        steps=40_000,
        draw=DrawConfig(min_frames=32, shorten=0.5, balance="class"),
        optimizer=OptimizerConfig(lr=4e-4, betas=(0.9, 0.98), weight_decay=0.05, clip=2.0),
        schedule=ScheduleConfig(kind="cosine", warmup=1000, warmup_start=0.005, final=0.02),
    )
    return own_run("skeletal_moscale.small", TOKENIZER.but(width=96, code_dim=128), network, stages=(first, second))


def cpu() -> RunConfig:
    """As ``small``, but narrower and on windows of at most 4.2 s: about five minutes per stage on one CPU core."""
    network = generator.Config(
        latent_dim=96, head_latent_dim=128, heads=4, layers=4, mlp_ratio=2, prefix_pool_heads=2, dropout=0.0,
        stochastic_depth=0.0,
    )  # fmt: skip
    first = StageConfig(
        steps=1200,
        batch_size=8,
        draw=DrawConfig(crop_frames=64, min_frames=32, shorten=0.2, balance="frames"),
        optimizer=OptimizerConfig(lr=1.5e-3, betas=(0.9, 0.99), clip=0.5),
        schedule=ScheduleConfig(kind="cosine", warmup=80, final=0.02),
        ema_decay=0.98,
        validate_every=400,
    )
    second = first.but(
        steps=800,
        draw=DrawConfig(crop_frames=128, min_frames=32, shorten=0.3, balance="class"),
        optimizer=OptimizerConfig(lr=1e-3, betas=(0.9, 0.98), weight_decay=0.05, clip=2.0),
        schedule=ScheduleConfig(kind="cosine", warmup=80, warmup_start=0.005, final=0.02),
    )
    return own_run(
        "skeletal_moscale.cpu",
        TOKENIZER.but(width=48, blocks=1, dropout=0.0),
        network,
        next_scale.Config(guidance_scale=2.5),
        stages=(first, second),
        limits=("The generator saw windows of at most 4.2 s; what it makes of longer clips was not trained.",),
    )
