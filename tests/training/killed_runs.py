"""Runs that are killed, in processes of their own; prints one JSON line of digests for test_killed_runs.

torch is imported once; every run is a fork of this process, which itself never trains.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import torch._dynamo  # the first optimizer loads it: once here, not in every fork

from kinescale import recipes
from kinescale.training import checkpoint, loop, state
from kinescale.training.config import DrawConfig, OptimizerConfig, ScheduleConfig, StageConfig
from kinescale.training.loop import fit
from kinescale.training.overrides import override
from kinescale.training.run import train
from toy_training import ToyStep, toy_prepared

STAGE = StageConfig(
    steps=40, checkpoint_every=3, log_every=4, validate_every=7, ema_decay=0.9, draw=DrawConfig(),
    optimizer=OptimizerConfig(lr=1e-2, weight_decay=0.1, clip=0.5), schedule=ScheduleConfig(warmup=5),
)  # fmt: skip


def die(*_: object, **__: object) -> None:
    """Leave as a power cut does."""
    os.kill(os.getpid(), signal.SIGKILL)


def forked(work: Callable[[], object], delay_s: float | None = None) -> bool:
    """Run in a fork, killed after ``delay_s``; whether it came to its end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    if delay_s is not None:
        time.sleep(delay_s)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"a run failed with {status}")
    return not os.WIFSIGNALED(status)


def at_call(
    module: object, name: str, count: int, act: Callable[..., None], when: Callable[..., bool] | None = None
) -> None:
    """Act just before the ``count``-th call (of those that ``when`` picks) of a function of this process."""
    plain, calls = getattr(module, name), []

    def counted(*args: object, **kwargs: object) -> object:
        if when is None or when(*args):
            calls.append(1)
            if len(calls) == count:
                act(*args, **kwargs)
        return plain(*args, **kwargs)

    setattr(module, name, counted)


def moves_to(name: str) -> Callable[..., bool]:
    """Picks the calls of ``os.replace`` that move a file to ``name``."""
    return lambda source, target: Path(target).name == name


def half_written(tensors: object, path: Path, **_: object) -> None:
    """What a kill in the middle of writing leaves."""
    Path(path).write_bytes(b"\x40\x00\x00\x00\x00\x00\x00\x00{")
    die()


def toy(folder: Path) -> None:
    fit(ToyStep(), STAGE, folder, seed=3, identity={"run": 1})


def toy_killed(
    module: object,
    name: str,
    count: int,
    act: Callable[..., None] = die,
    when: Callable[..., bool] | None = None,
) -> Callable[[Path], None]:
    def work(folder: Path) -> None:
        at_call(module, name, count, act, when)
        toy(folder)

    return work


KILLS = {
    "between the steps": toy_killed(loop, "rate", 6),
    "before the optimizer": toy_killed(torch.nn.utils, "clip_grad_norm_", 5),
    "before the average": toy_killed(state, "ema_weight", 8),
    "in the middle of a checkpoint": toy_killed(checkpoint, "save_file", 3, half_written),
    "before the old checkpoint is moved": toy_killed(os, "replace", 2, when=moves_to(checkpoint.PREVIOUS)),
    "between the two moves": toy_killed(os, "replace", 3, when=moves_to(checkpoint.CURRENT)),
    "after a checkpoint": toy_killed(checkpoint, "save", 4),
    "before the best weights are moved": toy_killed(os, "replace", 2, when=moves_to(loop.BEST)),
    "before anything": toy_killed(loop, "_stop_signals", 1),
}


def digest_of(folder: Path) -> str:
    found, _ = checkpoint.latest(folder)
    assert found is not None
    kept = {key: found.state[key] for key in ("step", "best", "bad")}
    return checkpoint.digest(found.tensors, json.dumps(kept))


def toy_runs(root: Path) -> dict[str, str]:
    forked(lambda: toy(root / "whole"))
    found = {"whole": digest_of(root / "whole")}
    for name, work in KILLS.items():
        folder = root / name.replace(" ", "-")
        assert not forked(lambda work=work, folder=folder: work(folder)), name
        forked(lambda folder=folder: toy(folder))
        found[name] = digest_of(folder)
    rng, folder, kills = random.Random(0), root / "timed", 0
    while kills < 6 and not forked(lambda: toy(folder), rng.uniform(0.01, 0.1)):
        kills += 1
    forked(lambda: toy(folder))
    return {**found, f"killed {kills} times by the clock": digest_of(folder)}


def whole_runs(root: Path) -> dict[str, str]:
    """Both stages of the debug recipe, killed in the third step of each, and not."""
    data = toy_prepared(root / "data", 24)
    config = override(recipes.get("moscale.debug"), {"tokenizer_training.steps": 3})

    def work(folder: Path) -> None:
        train(config, data, folder, ("tokenizer", "generator"))

    def killed(folder: Path, count: int) -> None:
        at_call(loop, "rate", count, die)
        work(folder)

    found = {}
    forked(lambda: work(root / "run"))
    # steps are counted anew by each process: the second does the tokenizer's last one first
    assert not forked(lambda: killed(root / "run-killed", 3))
    assert not forked(lambda: killed(root / "run-killed", 4))
    forked(lambda: work(root / "run-killed"))
    for stage in ("tokenizer", "generator"):
        found[f"{stage} whole"] = digest_of(root / "run" / stage)
        found[f"{stage} killed"] = digest_of(root / "run-killed" / stage)
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    place = Path(sys.argv[1])
    print(json.dumps({"toy": toy_runs(place / "toy"), "run": whole_runs(place)}))
