"""MoSa's runs: a tiny one for tests, two for rotations of our own corpora, and the published ones.

Liu et al. 2025 (MoSa, arXiv 2511.01200); the published numbers are those of sections 2.4 and 3 of the method notes.
"""

from __future__ import annotations

from typing import Any

from kinescale.features.humanml3d import Config as HumanML3D
from kinescale.generators import mosa as generator
from kinescale.recipes.base import CPU, HUMANML3D_CLIPS, SMALL, debug_run, own_run
from kinescale.text import clip
from kinescale.tokenizers import mosa as tokenizer
from kinescale.training.config import DataConfig, DrawConfig, OptimizerConfig, RunConfig, ScheduleConfig, StageConfig

KIT_CLIPS = 4_888
"""Clips in KIT-ML's training split, mirrored ones included."""

MOTIONX_CLIPS = 65_000
"""Roughly four fifths of Motion-X's 81 thousand clips; its split is not part of the method notes."""

BINS = {6: (3, 10, 20, 30, 40, 49), 15: (3, 5, 8, 11, 14, 17, 20, 23, 27, 31, 35, 39, 42, 46, 49)}
"""Scales of other numbers than ten; the paper's own lists are not part of the method notes."""


def _scales(count: int) -> dict[str, Any]:
    """That many scales, with codebooks that grow as the published ten do."""
    codes = [round(256 + (768 - 256) * scale / (count - 1)) for scale in range(count)]
    return {"tokenizer.config.bins": list(BINS[count]), "tokenizer.config.codes": codes}


ABLATIONS: dict[str, dict[str, Any]] = {
    # one resolution for all codebooks: a residual quantizer as MoMask's under the same generator
    "no_mtps": {"tokenizer.name": "momask", "tokenizer.config": {"codebooks": 10}},
    "lookup_by_distance": {"tokenizer.config.lookup": "distance"},
    "equal_codebooks": {"tokenizer.config.codes": [512] * 10},
    "six_scales": _scales(6),
    "fifteen_scales": _scales(15),
    "no_attention": {"tokenizer.config.attention": False},
    "rotary_positions": {"generator.config.positions": "rotary"},
    "sinusoidal_positions": {"generator.config.positions": "sinusoidal"},
    "learned_positions": {"generator.config.positions": "learned"},
    "no_random_tokens": {"generator.config.keep": 1.0},
}
"""Switches of the paper's studies, for ``kinescale train --ablation NAME``."""

SMALL_TOKENIZER = tokenizer.Config(
    width=96, blocks=1, code_dim=128, max_frames=256, padding="masked",
    # ten scales that keep whole bins in every sixteen latents, so that short clips get small layouts
    bins=(4, 8, 12, 20, 28, 32, 40, 48, 56, 64), codes=(128, 156, 185, 213, 242, 270, 299, 327, 356, 384),
    explicit_blocks=("rotations", "positions"),
)  # fmt: skip
"""The tokenizer of the runs on our own corpora."""


def debug() -> RunConfig:
    """Every part at its smallest, for tests."""
    config = tokenizer.Config(
        width=8, blocks=1, code_dim=8, bins=(4, 8, 16), codes=(8, 12, 16), max_frames=64, padding="masked",
        explicit_blocks=("rotations", "positions"),
    )  # fmt: skip
    return debug_run("mosa.debug", config, generator.Config(width=16, heads=2, layers=2, hidden=32))


def small() -> RunConfig:
    """Rotations at 30 fps on humanml22, up to 8.5 s, MiniLM text; for CPU cores or minutes on an accelerator."""
    config = generator.Config(width=256, heads=4, layers=5, hidden=512, dropout=0.1)
    return own_run("mosa.small", SMALL_TOKENIZER, config, stages=SMALL)


def cpu() -> RunConfig:
    """As ``small``, but sized for an hour or so on two CPU cores."""
    # dropout costs much of a step on a CPU; random codes in the inputs regularize as well
    config = generator.Config(width=192, heads=4, layers=5, hidden=384, dropout=0.0)
    return own_run("mosa.cpu", SMALL_TOKENIZER, config, stages=CPU)


def humanml3d() -> RunConfig:
    """The published run on HumanML3D: 263 features at 20 fps, ten scales, CLIP text (needs the set and the weights)."""
    return _published("humanml3d", HumanML3D(), HUMANML3D_CLIPS, 40)


def motionx() -> RunConfig:
    """The published run on Motion-X's bodies in the 263 features of HumanML3D (needs the set and CLIP's weights).

    The set's SMPL-X parameters do as well as arrays of 263 features: the features are then computed, and their mean and
    deviation measured. Windows of long clips are drawn from one set, not half and half from two.
    """
    run = _published("motionx", HumanML3D(), MOTIONX_CLIPS, 40)
    return run.but(data=run.data.but(statistics="auto"))


def kit() -> RunConfig:
    """The settings for KIT-ML: 251 features of 21 joints at 12.5 fps. The paper gives no results on it."""
    return _published("kit", HumanML3D(variant="kit"), KIT_CLIPS, 24)


def _published(name: str, feature: HumanML3D, clips: int, min_frames: int) -> RunConfig:
    """500 epochs of each stage; an epoch is ``clips`` windows, the last, smaller batch dropped."""
    first, second = clips // 256, clips // 64
    # the published sets already hold every clip's mirror image; each window of a long clip counts as a sample
    draw = DrawConfig(min_frames=min_frames, mirror=False, balance="frames")
    return RunConfig(
        name=f"mosa.{name}",
        feature=feature,
        tokenizer=tokenizer.Config(faithful=True),
        generator=generator.Config(),
        text=clip.Config(max_tokens=77, masked=False),
        data=DataConfig(dtype="float32", statistics="given", feature_bias=5.0),
        tokenizer_training=StageConfig(
            steps=500 * first,
            batch_size=256,
            draw=draw,
            optimizer=OptimizerConfig(lr=2e-4, betas=(0.9, 0.99)),
            schedule=ScheduleConfig(kind="step", warmup=2000, milestones=(300 * first,), factor=0.1),
        ),
        generator_training=StageConfig(
            steps=500 * second,
            batch_size=64,
            draw=draw.but(balance="none"),
            optimizer=OptimizerConfig(lr=2e-4, betas=(0.9, 0.99), weight_decay=1e-5),
            schedule=ScheduleConfig(kind="step", warmup=2000, milestones=(100 * second, 200 * second), factor=0.1),
        ),
    )
