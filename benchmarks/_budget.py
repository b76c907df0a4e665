"""Equal processor time: a clock on a run's steps, and what a step of a stage costs, measured in a short trial."""

from __future__ import annotations

import time
from pathlib import Path

from kinescale.training.config import STAGES, RunConfig, Stage
from kinescale.training.overrides import override
from kinescale.training.run import train
from kinescale.training.watch import Watch

TRIAL_STEPS, TRIAL_SKIPPED = 24, 8
"""Steps of the trial, and those before its clock starts."""


class Clock(Watch):
    """Processor time after every step."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def advance(self, task: str, done: int) -> None:
        if task in STAGES:
            self.marks.append(time.process_time())


def step_cost(config: RunConfig, stage: Stage, data: Path, folder: Path) -> float:
    """Processor seconds per step of a stage, from a few steps in ``folder``, a run that is thrown away."""
    clock = Clock()
    config = override(config, {f"{stage}_training.steps": TRIAL_STEPS, f"{stage}_training.validate_every": 0})
    train(config, data, folder, (stage,), watch=clock)
    return (clock.marks[-1] - clock.marks[TRIAL_SKIPPED]) / (len(clock.marks) - 1 - TRIAL_SKIPPED)
