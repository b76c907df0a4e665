"""The loop: precision, averaging, budgets, signals, resuming and refusing."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from kinescale.core.errors import BundleError, ConfigError, InputError, KinescaleError
from kinescale.tokenizers.base import StepLoss
from kinescale.training import checkpoint as files
from kinescale.training.config import OptimizerConfig, ScheduleConfig, StageConfig
from kinescale.training.log import read_log
from kinescale.training.loop import BEST, fit
from kinescale.training.watch import Watch
from toy_training import ToyBatch, ToyStep

QUICK = StageConfig(steps=6, checkpoint_every=2, log_every=2, validate_every=3, optimizer=OptimizerConfig(lr=1e-2))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found, _ = files.latest(folder)
    assert found is not None
    return found.tensors


class Notes(Watch):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_it_learns_and_logs(tmp_path: Path) -> None:
    outcome = fit(ToyStep(), QUICK.but(steps=60, log_every=10, validate_every=30), tmp_path)
    entries = read_log(tmp_path / "log.jsonl")
    losses = [entry["loss"] for entry in entries if "loss" in entry]
    assert outcome.finished and outcome.step == 60
    assert losses[-1] < 0.8 * losses[0]
    assert [entry["step"] for entry in entries if "val_loss" in entry] == [30, 60]
    assert {"loss", "noise", "lr", "grad_norm", "samples_per_s", "elapsed_s"} <= set(entries[0])


def test_in_two_goes_as_in_one(tmp_path: Path) -> None:
    class Stop(Watch):
        def advance(self, task: str, done: int) -> None:
            if done == 3:
                os.kill(os.getpid(), signal.SIGINT)

    fit(ToyStep(), QUICK, tmp_path / "one")
    first = fit(ToyStep(), QUICK, tmp_path / "two", watch=Stop())
    second = fit(ToyStep(), QUICK, tmp_path / "two")
    assert (first.reason, first.step, second.reason) == ("interrupted", 3, "finished")
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert files.digest(one) == files.digest(two)
    steps = [entry["step"] for entry in read_log(tmp_path / "two" / "log.jsonl") if "loss" in entry]
    assert steps == [2, 4, 6]


def test_sigterm_leaves_a_checkpoint_and_a_code_of_its_own(tmp_path: Path) -> None:
    class Stop(Watch):
        def advance(self, task: str, done: int) -> None:
            if done == 3:
                os.kill(os.getpid(), signal.SIGTERM)

    found = fit(ToyStep(), QUICK, tmp_path, watch=Stop())
    assert (found.reason, found.step, found.exit_code) == ("preempted", 3, 143)
    state, _ = files.latest(tmp_path)
    assert state is not None and state.state["step"] == 3


@pytest.mark.parametrize("keep", [2, 3, 5])
def test_so_many_checkpoints_are_kept_and_the_youngest_whole_one_is_taken(tmp_path: Path, keep: int) -> None:
    fit(ToyStep(), QUICK.but(steps=14, keep=keep, validate_every=0), tmp_path)
    names = [files.CURRENT, files.PREVIOUS, *(files.OLDER.format(age) for age in range(2, keep))]
    steps = [files.load(tmp_path / name).state["step"] for name in names]
    assert steps == [14 - 2 * age for age in range(keep)]
    assert len(list(tmp_path.glob("checkpoint*"))) == keep
    for name in names[:-1]:
        (tmp_path / name).write_bytes(b"torn")
    found, _ = files.latest(tmp_path)
    assert found is not None and found.state["step"] == steps[-1]
    if keep == 5:
        fit(ToyStep(), QUICK.but(steps=14, keep=2, validate_every=0), tmp_path)
        assert len(list(tmp_path.glob("checkpoint*.safetensors"))) == 2


def test_the_callers_random_state_and_signals_are_left_alone(tmp_path: Path) -> None:
    step = ToyStep()
    torch.manual_seed(5)
    before, handler = torch.get_rng_state(), signal.getsignal(signal.SIGINT)
    fit(step, QUICK, tmp_path)
    assert torch.equal(before, torch.get_rng_state())
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_spent_budget_stops_with_a_checkpoint(tmp_path: Path) -> None:
    outcome = fit(ToyStep(), QUICK.but(steps=10**6, minutes=0.002), tmp_path)
    found, _ = files.latest(tmp_path)
    assert outcome.reason == "time" and 0 < outcome.step < 10**6
    assert found is not None and found.state["step"] == outcome.step


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    fit(ToyStep(), QUICK, tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert fit(ToyStep(), QUICK, tmp_path).finished
    assert before == {file.name: file.read_bytes() for file in tmp_path.iterdir()}


def test_another_configuration_is_refused_by_name(tmp_path: Path) -> None:
    identity: dict[str, Any] = {"config": {"lr": 0.1, "width": 3}}
    fit(ToyStep(), QUICK, tmp_path, identity=identity)
    before = (tmp_path / files.CURRENT).read_bytes()
    with pytest.raises(ConfigError, match=r"'config\.width' was 3 and is now 4"):
        fit(ToyStep(), QUICK, tmp_path, identity={"config": {"lr": 0.1, "width": 4}})
    assert (tmp_path / files.CURRENT).read_bytes() == before


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_torn_checkpoint_falls_back_to_the_one_before(tmp_path: Path, damage: str) -> None:
    fit(ToyStep(), QUICK, tmp_path)
    whole = weights(tmp_path)
    path = tmp_path / files.CURRENT
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes({"cut": bytes(data[: len(data) // 2]), "flipped": bytes(data), "empty": b""}[damage])
    notes = Notes()
    fit(ToyStep(), QUICK, tmp_path, watch=notes)
    assert files.digest(whole) == files.digest(weights(tmp_path))
    assert any("going on from step 4" in note for note in notes.notes)


def test_two_torn_checkpoints_are_an_error(tmp_path: Path) -> None:
    fit(ToyStep(), QUICK, tmp_path)
    for name in (files.CURRENT, files.PREVIOUS):
        (tmp_path / name).write_bytes(b"no")
    with pytest.raises(BundleError, match="start over"):
        fit(ToyStep(), QUICK, tmp_path)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_near_full(tmp_path: Path, precision: str) -> None:
    full = fit(ToyStep(), QUICK, tmp_path / "full").last
    half = fit(ToyStep(), QUICK.but(precision=precision), tmp_path / "half").last
    assert half["loss"] != full["loss"]
    assert half["loss"] == pytest.approx(full["loss"], rel=0.05)


def test_the_average_is_the_naive_one(tmp_path: Path) -> None:
    seen: list[dict[str, torch.Tensor]] = []
    step = ToyStep()

    class Look(Watch):
        def advance(self, task: str, done: int) -> None:
            seen.append({key: value.detach().clone() for key, value in step.module.named_parameters()})

    first = {key: value.detach().clone() for key, value in step.module.named_parameters()}
    fit(step, QUICK.but(ema_decay=0.5), tmp_path, watch=Look())
    average = first
    for index, now in enumerate(seen):
        keep = min(0.5, (1 + index) / (10 + index))
        average = {key: keep * average[key] + (1 - keep) * now[key] for key in now}
    found = weights(tmp_path)
    for key, value in average.items():
        assert torch.allclose(found[f"ema/{key}"], value, atol=1e-6)
    assert torch.equal(found["ema/seen"], found["model/seen"])


def test_the_rate_reaches_the_optimizer(tmp_path: Path) -> None:
    schedule = ScheduleConfig(kind="step", warmup=2, milestones=(4,), factor=0.1)
    fit(ToyStep(), QUICK.but(log_every=1, schedule=schedule), tmp_path)
    rates = [entry["lr"] for entry in read_log(tmp_path / "log.jsonl") if "lr" in entry]
    assert rates == pytest.approx([5e-3, 1e-2, 1e-2, 1e-2, 1e-3, 1e-3])


def test_clipping_bounds_the_step(tmp_path: Path) -> None:
    class Steep(ToyStep):
        def loss(self, module: nn.Module, batch: ToyBatch, rng: torch.Generator) -> StepLoss:
            plain = super().loss(module, batch, rng)
            return StepLoss(plain.loss * 1e6, plain.logs)

    step = Steep()
    fit(step, QUICK.but(steps=1, optimizer=OptimizerConfig(clip=0.5)), tmp_path)
    norm = torch.stack([v.grad.norm() for v in step.module.parameters() if v.grad is not None]).norm()
    assert float(norm) == pytest.approx(0.5, rel=1e-3)


def test_a_loss_that_stays_nan_ends_with_a_sentence(tmp_path: Path) -> None:
    class Broken(ToyStep):
        def loss(self, module: nn.Module, batch: ToyBatch, rng: torch.Generator) -> StepLoss:
            return StepLoss(super().loss(module, batch, rng).loss * float("nan"))

    step = Broken()
    before = [value.detach().clone() for value in step.module.parameters()]
    with pytest.raises(KinescaleError, match="not finite"):
        fit(step, QUICK.but(steps=100, validate_every=0, log_every=100, checkpoint_every=100), tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(before, step.module.parameters(), strict=True))


def test_the_best_weights_are_those_of_the_lowest_validation_loss(tmp_path: Path) -> None:
    fit(ToyStep(), QUICK.but(validate_every=1), tmp_path)
    losses = {e["step"]: e["val_loss"] for e in read_log(tmp_path / "log.jsonl") if "val_loss" in e}
    best = files.load(tmp_path / BEST)
    assert len(losses) == 6
    assert best.state["step"] == min(losses, key=lambda step: losses[step])


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    fit(ToyStep(), QUICK, tmp_path)
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another process"):
            fit(ToyStep(), QUICK, tmp_path)


def test_tensorboard_writes_events(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    fit(ToyStep(), QUICK.but(tensorboard=True), tmp_path)
    assert list((tmp_path / "tensorboard").glob("events.*"))
