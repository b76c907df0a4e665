"""Runs of our own evaluator: a tiny one for tests, a small one for an accelerator, one for a CPU.

Petrovich et al. 2023 (TMR); sizes and lengths are ours.
"""

from __future__ import annotations

from kinescale.evaluators import tmr
from kinescale.features import rotations
from kinescale.recipes.base import DEBUG
from kinescale.text import hashed, minilm
from kinescale.training.config import DrawConfig, OptimizerConfig, ScheduleConfig, StageConfig
from kinescale.training.evaluator_config import EvaluatorRunConfig


def debug() -> EvaluatorRunConfig:
    """Every part at its smallest, for tests: a few steps in seconds, no weights needed."""
    return EvaluatorRunConfig(
        name="evaluator.debug",
        feature=rotations.Config(),
        text=hashed.Config(width=16, max_tokens=16),
        evaluator=tmr.Config(width=16, heads=2, motion_layers=1, text_layers=1, ratio=2, embedding=16, max_frames=64),
        evaluator_training=DEBUG.but(validate_every=2),
        workers=1,
    )


def small() -> EvaluatorRunConfig:
    """Rotations at 30 fps, up to 8.5 s, MiniLM text; below 15 MB in half precision. Minutes on an accelerator."""
    return EvaluatorRunConfig(
        name="evaluator.small",
        feature=rotations.Config(),
        text=minilm.Config(max_tokens=48),
        evaluator=tmr.Config(max_frames=256),
        evaluator_training=StageConfig(
            steps=20_000,
            batch_size=128,
            draw=DrawConfig(min_frames=32, shorten=0.5, balance="class", held_out_pairs=0.1),
            optimizer=OptimizerConfig(lr=4e-4, betas=(0.9, 0.98), weight_decay=0.1, clip=1.0),
            schedule=ScheduleConfig(kind="cosine", warmup=500, final=0.02),
            ema_decay=0.999,
        ),
    )


def cpu() -> EvaluatorRunConfig:
    """As ``small``, but sized for half an hour or so on two CPU cores."""
    return EvaluatorRunConfig(
        name="evaluator.cpu",
        feature=rotations.Config(),
        text=minilm.Config(max_tokens=32),
        evaluator=tmr.Config(max_frames=256, stride=8, width=192, motion_layers=3, text_layers=2, dropout=0.05),
        evaluator_training=StageConfig(
            steps=4000,
            batch_size=64,
            draw=DrawConfig(min_frames=32, shorten=0.3, balance="class", held_out_pairs=0.1),
            optimizer=OptimizerConfig(lr=6e-4, betas=(0.9, 0.98), weight_decay=0.1, clip=1.0),
            schedule=ScheduleConfig(kind="cosine", warmup=200, final=0.02),
            ema_decay=0.995,
        ),
    )
