"""Runs of a pair no paper has: ScaleMoGen's skeletal-temporal pyramid, of codes, under MoScale's in-scale refinement.

Tokenizer: ScaleMoGen (arXiv 2605.11704) with a codebook in place of sign bits; generator and sampler: MoScale (arXiv
2604.03799). The scales have MoScale's lengths in time and grow in the body from one group to the seven parts. No
published setting.
"""

from __future__ import annotations

from typing import Any

from kinescale.bundle.manifest import Part
from kinescale.recipes.base import DEBUG
from kinescale.training.config import DrawConfig, OptimizerConfig, RunConfig, ScheduleConfig, StageConfig

SCHEDULE = [
    [8, [[0, 1, 2, 3, 4, 5, 6]]],
    [4, [[0, 3], [1, 2, 4, 5, 6]]],
    [2, [[0, 3], [1, 2], [4, 5, 6]]],
    [1, [[0], [1], [2], [3], [4], [5], [6]]],
]
"""(Latents a bin, groups of the seven parts): body, legs and the rest, legs, trunk and arms, single parts."""

TOKENIZER: dict[str, Any] = {
    "quantizer": "vq", "schedule": SCHEDULE, "max_frames": 256, "codes": 512, "code_dim": 64, "scale_dropout": 0.1,
    "commitment_weight": 0.02,
}  # fmt: skip
"""Scales are left out less often than published: codes of a fixed size cannot stand in for those left out."""


def debug() -> RunConfig:
    """Every part at its smallest, for tests: two steps of each stage in seconds, no weights needed."""
    tokenizer = {**TOKENIZER, "width": 8, "blocks": 1, "max_frames": 64, "codes": 16, "code_dim": 8}
    generator = {
        "latent_dim": 16, "head_latent_dim": 16, "heads": 2, "layers": 2, "mlp_ratio": 2, "prefix_pool_heads": 2,
    }  # fmt: skip
    return RunConfig(
        name="skeletal_moscale.debug",
        feature=Part(name="rotations"),
        tokenizer=Part(name="scalemogen", config=tokenizer),
        generator=Part(name="moscale", config=generator),
        text=Part(name="hashed", config={"width": 16, "max_tokens": 16}),
        sampling=Part(name="next_scale", config={"steps": [1, 2, 3, 4]}),
        tokenizer_training=DEBUG,
        generator_training=DEBUG,
        workers=1,
    )


def small() -> RunConfig:
    """Rotations at 30 fps on humanml22, up to 8.5 s, MiniLM text.

    Sized for minutes on an accelerator.
    """
    return RunConfig(
        name="skeletal_moscale.small",
        feature=Part(name="rotations"),
        tokenizer=Part(name="scalemogen", config={**TOKENIZER, "width": 96, "code_dim": 128}),
        generator=Part(
            name="moscale",
            config={"latent_dim": 128, "head_latent_dim": 256, "heads": 4, "layers": 5, "prefix_pool_heads": 2},
        ),
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
            optimizer=OptimizerConfig(lr=4e-4, betas=(0.9, 0.98), weight_decay=0.05, clip=2.0),
            schedule=ScheduleConfig(kind="cosine", warmup=1000, warmup_start=0.005, final=0.02),
            ema_decay=0.999,
        ),
    )


def cpu() -> RunConfig:
    """As ``small``, but narrower and on windows of at most 4.2 s: about five minutes a stage on one CPU core."""
    tokenizer = {**TOKENIZER, "width": 48, "blocks": 1, "dropout": 0.0}
    generator = {
        "latent_dim": 96, "head_latent_dim": 128, "heads": 4, "layers": 4, "mlp_ratio": 2, "prefix_pool_heads": 2,
        "dropout": 0.0, "stochastic_depth": 0.0,
    }  # fmt: skip
    return RunConfig(
        name="skeletal_moscale.cpu",
        feature=Part(name="rotations"),
        tokenizer=Part(name="scalemogen", config=tokenizer),
        generator=Part(name="moscale", config=generator),
        text=Part(name="minilm", config={"max_tokens": 32}),
        sampling=Part(name="next_scale", config={"guidance_scale": 2.5}),
        tokenizer_training=StageConfig(
            steps=1200,
            batch_size=8,
            draw=DrawConfig(crop_frames=64, min_frames=32, shorten=0.2, balance="frames"),
            optimizer=OptimizerConfig(lr=1.5e-3, betas=(0.9, 0.99), clip=0.5),
            schedule=ScheduleConfig(kind="cosine", warmup=80, final=0.02),
            ema_decay=0.98,
            validate_every=400,
        ),
        generator_training=StageConfig(
            steps=800,
            batch_size=8,
            draw=DrawConfig(crop_frames=128, min_frames=32, shorten=0.3, balance="class"),
            optimizer=OptimizerConfig(lr=1e-3, betas=(0.9, 0.98), weight_decay=0.05, clip=2.0),
            schedule=ScheduleConfig(kind="cosine", warmup=80, warmup_start=0.005, final=0.02),
            ema_decay=0.98,
            validate_every=400,
        ),
        limits=("The generator saw windows of at most 4.2 s; what it makes of longer clips was not trained.",),
    )
