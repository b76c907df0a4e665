"""Learning rate and averaging weight as pure functions of the step: a resumed run needs nothing else."""

from __future__ import annotations

import math

from kinescale.training.config import OptimizerConfig, ScheduleConfig


def rate(config: ScheduleConfig, step: int, steps: int) -> float:
    """The fraction of the peak learning rate at ``step`` (0-based) of a stage of ``steps`` steps."""
    if step < config.warmup:
        return config.warmup_start + (1.0 - config.warmup_start) * (step + 1) / config.warmup
    if config.kind == "constant":
        return 1.0
    if config.kind == "step":
        return config.factor ** sum(step >= milestone for milestone in config.milestones)
    horizon = config.horizon or steps
    done = min(1.0, (step - config.warmup) / max(1, horizon - config.warmup))
    return config.final + (1.0 - config.final) * 0.5 * (1.0 + math.cos(math.pi * done))


def clip_bound(config: OptimizerConfig, step: int, steps: int) -> float:
    """Bound of the gradient's norm at ``step`` (0-based) of ``steps``; infinite when clipping is off.

    With ``clip`` 1 and ``clip_extra`` 5: ``5 (0.3 ** (20 step / steps) + 0.2)``. ScaleMoGen, method notes, section 3.7.
    """
    if not config.clip:
        return math.inf
    return config.clip * (1.0 + config.clip_extra * 0.3 ** (20.0 * step / steps))


def ema_weight(decay: float, step: int) -> float:
    """The weight of the old average after ``step`` (0-based).

    Small at first, so that it forgets the initial values.
    """
    return min(decay, (1.0 + step) / (10.0 + step))
