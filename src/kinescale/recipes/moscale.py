"""MoScale's runs: a tiny one for tests, a small one for rotations of our own corpora, and the published one.

Zheng et al. 2026 (MoScale, arXiv 2604.03799); the published numbers are those of sections 2.3 and 3.6 of
the method notes.
"""

from __future__ import annotations

from kinescale.bundle.manifest import Part
from kinescale.recipes._stages import (
    CPU_GENERATOR_STAGE,
    CPU_TOKENIZER_STAGE,
    DEBUG,
    SMALL_GENERATOR_STAGE,
    SMALL_TOKENIZER_STAGE,
)
from kinescale.training.config import (
    DataConfig,
    DrawConfig,
    OptimiserConfig,
    RunConfig,
    ScheduleConfig,
    StageConfig,
)

ROTATIONS_TARGET = (4, 202)
"""Rotations (132) and positions (66) in the rotations feature of 22 joints: they count extra in training."""

CPU_LIMITS = (
    "It knows what the corpora show: walking, running, turning, waving, raising hands, bowing, jumping, "
    "squatting, lying down, some dancing. Anything else becomes the nearest of these.",
    "It does not turn around on demand, throw a punch or put things down; a kick is a low swing of the right "
    "leg or the left one as asked (docs/judge.md has the shares).",
    "Angles, distances, speeds and counts in a sentence are not followed; a turn asked for may be too far, to "
    "the right side.",
    "Fast and rare motions are damped: a quarter to a half of the recordings' peak acceleration in kicks, "
    "dances and squats.",
    "Standing feet tremble by some centimetres a second, and in crouching or lying poses hands or feet can "
    "sink into the floor.",
    "22 joints: no fingers, no face. Clips of 0.13 to 8.5 s; below a second there is little to see.",
    "One adult body. English sentences only. Trained for an hour on two CPU cores: a start, not the state of the art.",
)
"""What the bundle in the package cannot do, as seen on the motions it makes (benchmarks/judge.py, pose sheets)."""

TRAINING_CLIPS = 23_384
"""Clips in HumanML3D's training split, mirrored ones included; it turns published epochs into steps."""

COIN = 1 / 3
"""Chance that a clip is cut one latent step shorter (the published loader's coin)."""


def debug() -> RunConfig:
    """Every part at its smallest, for tests: two steps of each stage in seconds, no weights needed."""
    tokenizer = {
        "width": 16, "code_dim": 8, "codes": 16, "blocks": 1, "heads": 2, "ffn_ratio": 2, "max_frames": 64,
        "scales": [4, 2, 1], "mask_padding": True, "explicit_slice": list(ROTATIONS_TARGET),
    }  # fmt: skip
    generator = {
        "latent_dim": 16,
        "head_latent_dim": 16,
        "heads": 2,
        "layers": 2,
        "mlp_ratio": 2,
        "prefix_pool_heads": 2,
    }
    return RunConfig(
        name="moscale.debug",
        feature=Part(name="rotations"),
        tokenizer=Part(name="moscale", config=tokenizer),
        generator=Part(name="moscale", config=generator),
        text=Part(name="hashed", config={"width": 16, "max_tokens": 16}),
        tokenizer_training=DEBUG,
        generator_training=DEBUG,
        workers=1,
    )


def small() -> RunConfig:
    """Rotations at 30 fps on humanml22, up to 8.5 s, MiniLM text.

    Sized for two CPU cores or minutes on an accelerator.
    """
    tokenizer = {
        "width": 192, "code_dim": 128, "codes": 512, "blocks": 3, "heads": 4, "ffn_ratio": 2,
        "max_frames": 256, "scales": [8, 4, 2, 1], "mask_padding": True, "dropout": 0.1,
        "explicit_slice": list(ROTATIONS_TARGET),
    }  # fmt: skip
    generator = {"latent_dim": 128, "head_latent_dim": 256, "heads": 4, "layers": 5, "prefix_pool_heads": 2}
    return RunConfig(
        name="moscale.small",
        feature=Part(name="rotations"),
        tokenizer=Part(name="moscale", config=tokenizer),
        generator=Part(name="moscale", config=generator),
        text=Part(name="minilm", config={"max_tokens": 32}),
        tokenizer_training=SMALL_TOKENIZER_STAGE,
        generator_training=SMALL_GENERATOR_STAGE,
    )


def cpu() -> RunConfig:
    """The run behind the bundle in the package.

    As ``small``, but sized for an hour or so on two CPU cores.
    """
    tokenizer = {
        "width": 192, "code_dim": 128, "codes": 512, "blocks": 3, "heads": 4, "ffn_ratio": 2,
        "max_frames": 256, "scales": [8, 4, 2, 1], "mask_padding": True,
        "dropout": 0.05, "attention_dropout": 0.0, "ffn_dropout": 0.0,
        "explicit_slice": list(ROTATIONS_TARGET),
    }  # fmt: skip
    # Dropout costs three quarters of a step on a CPU; corruption and masking keep the network from learning by heart.
    generator = {
        "latent_dim": 128, "head_latent_dim": 192, "heads": 4, "layers": 5, "prefix_pool_heads": 2,
        "dropout": 0.0, "stochastic_depth": 0.0,
    }  # fmt: skip
    return RunConfig(
        name="moscale.cpu",
        feature=Part(name="rotations"),
        tokenizer=Part(name="moscale", config=tokenizer),
        generator=Part(name="moscale", config=generator),
        text=Part(name="minilm", config={"max_tokens": 32}),
        limits=CPU_LIMITS,
        # chosen by benchmarks/judge.py among guidance 1 to 5 (LOG.md)
        sampling=Part(name="next_scale", config={"guidance": 1.5}),
        tokenizer_training=CPU_TOKENIZER_STAGE,
        generator_training=CPU_GENERATOR_STAGE,
    )


def humanml3d() -> RunConfig:
    """The published run on HumanML3D: 263 features at 20 fps, 16 blocks, T5 text.

    It needs the data set and T5's weights.
    """
    first, second = _steps(256), _steps(64)
    return RunConfig(
        name="moscale.humanml3d",
        feature=Part(name="humanml3d"),
        tokenizer=Part(name="moscale", config={"faithful": True}),
        generator=Part(name="moscale", config={"faithful": True}),
        text=Part(name="t5", config={"max_tokens": 20}),
        data=DataConfig(dtype="float32", statistics="given"),
        tokenizer_training=StageConfig(
            steps=1000 * first,
            batch_size=256,
            # the published set already holds every clip's mirror image
            draw=DrawConfig(min_frames=40, mirror=False, coin=COIN),
            optimiser=OptimiserConfig(lr=3e-4, betas=(0.9, 0.99), clip=0.5),
            schedule=ScheduleConfig(kind="step", warmup=2000, milestones=(300 * first, 700 * first), factor=0.3),
        ),
        generator_training=StageConfig(
            steps=120 * second,
            batch_size=64,
            draw=DrawConfig(min_frames=40, mirror=False, coin=COIN),
            optimiser=OptimiserConfig(lr=3e-4, betas=(0.9, 0.98), weight_decay=0.05, clip=2.0),
            schedule=ScheduleConfig(
                kind="cosine", warmup=10 * second, warmup_start=0.005, final=0.01, horizon=250 * second
            ),
        ),
    )


def _steps(batch_size: int) -> int:
    """Steps of one epoch; the last, smaller batch is dropped."""
    return TRAINING_CLIPS // batch_size
