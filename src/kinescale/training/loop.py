"""The one training loop, used by every stage: ``fit(step, config, folder, ...)``.

What a step does is a pure function of (weights, optimizer, seed, step number). So a run that is killed
anywhere and started again goes through the same weights as one that was not, bit for bit on a CPU with the
same number of threads.
"""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from kinescale.core.errors import InputError, KinescaleError
from kinescale.core.randomness import derive_seed
from kinescale.training import checkpoint as files
from kinescale.training.config import StageConfig
from kinescale.training.identity import refuse_other
from kinescale.training.log import Log, open_tensorboard
from kinescale.training.schedule import clip_bound, rate
from kinescale.training.state import MAX_BAD_STEPS, TrainState, load_weights
from kinescale.training.watch import Watch

BEST = "best.safetensors"
BEST_GENERATION = "best_fid.safetensors"
"""Weights of the lowest FID of generated motions, where a run validates by generation."""
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@runtime_checkable
class Loss(Protocol):
    """What a step's loss looks like.

    Both ``StepLoss`` records of the tokenizer and generator contracts fit.
    """

    @property
    def loss(self) -> Tensor: ...

    @property
    def logs(self) -> dict[str, float]: ...


@runtime_checkable
class Step(Protocol):
    """What a stage gives to the loop."""

    name: str
    module: nn.Module

    def batch(self, step: int) -> Any:
        """The batch of a step: a pure function of the step number, safe to call from another thread."""
        ...

    def validation(self, index: int) -> Any | None:
        """The ``index``-th fixed validation batch, or ``None`` when there are no more."""
        ...

    def loss(self, module: nn.Module, batch: Any, rng: torch.Generator) -> Loss:
        """The objective of ``module`` (the trained one or its average) on a batch."""
        ...


@runtime_checkable
class Generates(Protocol):
    """A step that can also validate by what its module generates."""

    def generated(self, module: nn.Module) -> dict[str, float]:
        """Numbers of a validation, "fid" among them; empty where none was asked for."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How ``fit`` ended. ``reason``: "finished", "time" (budget spent) or "interrupted"."""

    step: int
    reason: str
    elapsed_s: float
    last: dict[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.reason == "finished"


def fit(
    step: Step,
    config: StageConfig,
    folder: Path,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    identity: Mapping[str, Any] | None = None,
    watch: Watch | None = None,
) -> Outcome:
    """Train ``step.module`` in place, going on from the checkpoint in ``folder`` if there is one.

    ``identity`` names what decides the weights; a checkpoint with another identity raises ``ConfigError``
    naming the first field that differs. Ctrl-C, SIGTERM and the time budget end it cleanly with a
    checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    where = torch.device(device)
    devices = [where] if where.type == "cuda" else []
    with _alone(folder), torch.random.fork_rng(devices=devices):
        return _Run(step, config, folder, seed, where, identity or {}, watch or Watch()).go()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """``InputError`` when another process trains in the folder; the lock ends with its process, however that ends."""
    try:
        import fcntl
    except ImportError:  # a system without such locks
        yield
        return
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"another process is training in {folder}; wait for it or use another --run.") from None
        yield


def check_same(folder: Path, identity: Mapping[str, Any]) -> None:
    """``ConfigError`` when the folder holds a checkpoint of another run; nothing is written."""
    for name in (files.CURRENT, files.PREVIOUS):
        if (folder / name).is_file():
            state = files.peek(folder / name)
            if state is not None:
                refuse_other(folder, state["identity"], identity)
                return


class _Run:
    """One invocation of the loop."""

    def __init__(
        self,
        step: Step,
        config: StageConfig,
        folder: Path,
        seed: int,
        device: torch.device,
        identity: Mapping[str, Any],
        watch: Watch,
    ):
        self.what, self.config, self.folder = step, config, folder
        self.seed, self.device, self.watch = seed, device, watch
        self.identity = {**identity, "stage": step.name}
        self.state = TrainState(step.module, config, device)
        self.resume()
        self.log = Log(folder, self.state.step)
        self.board = open_tensorboard(folder, self.state.step) if config.tensorboard else None
        if config.tensorboard and self.board is None:
            watch.note(
                "TensorBoard is not installed, so no events are written; pip install 'kinescale[train]' adds it."
            )
        self.last: dict[str, Any] = {}

    def resume(self) -> None:
        files.sweep(self.folder)
        found, remark = files.latest(self.folder)
        if remark:
            self.watch.note(remark)
        if found is None:
            return
        refuse_other(self.folder, found.state["identity"], self.identity)
        self.state.restore(found)
        self.watch.note(f"{self.what.name}: going on from step {self.state.step}")

    def go(self) -> Outcome:
        started, before = time.monotonic(), self.state.elapsed_s
        budget = math.inf if self.config.minutes is None else self.config.minutes * 60
        reason, first = "finished", self.state.step
        meter = _Meter()
        self.watch.begin(self.what.name, self.state.step, self.config.steps)
        try:
            with _stop_signals() as stop, _prefetch(self.what, self.state.step, self.config.steps) as batches:
                while self.state.step < self.config.steps:
                    if stop.is_set() or time.monotonic() - started >= budget:
                        reason = "interrupted" if stop.is_set() else "time"
                        break
                    self.train_step(next(batches), meter)
                    self.state.elapsed_s = before + time.monotonic() - started
                    self.after_step(meter)
            if self.state.step > first:
                self.save()
            return Outcome(self.state.step, reason, self.state.elapsed_s, self.last)
        finally:
            if self.board is not None:
                self.board.close()
            self.watch.end(self.what.name)

    def train_step(self, batch: Any, meter: _Meter) -> None:
        """One optimizer step. All randomness follows from the step number."""
        state, config = self.state, self.config
        here = derive_seed(self.seed, self.what.name, "step", state.step)
        torch.manual_seed(here)
        rng = torch.Generator().manual_seed(here ^ 1)
        lr = config.optimizer.lr * rate(config.schedule, state.step, config.steps)
        for group in state.optimizer.param_groups:
            group["lr"] = lr
        state.module.train()
        state.optimizer.zero_grad(set_to_none=True)
        with self.autocast():
            outcome = self.what.loss(state.module, batch, rng)
        state.scaler.scale(outcome.loss).backward()
        state.scaler.unscale_(state.optimizer)
        bound = clip_bound(config.optimizer, state.step, config.steps)
        norm = float(nn.utils.clip_grad_norm_(state.module.parameters(), bound))
        if math.isfinite(norm) or config.precision == "fp16":
            state.scaler.step(state.optimizer)
        state.scaler.update()
        self.count_bad(norm)
        state.update_average()
        state.step += 1
        meter.add(outcome, len(batch), norm, lr)

    def count_bad(self, norm: float) -> None:
        self.state.bad = 0 if math.isfinite(norm) else self.state.bad + 1
        if self.state.bad > MAX_BAD_STEPS:
            raise KinescaleError(
                f"the {self.what.name}'s gradient was not finite for {self.state.bad} steps "
                f"up to step {self.state.step}; lower optimizer.lr, or use precision fp32."
            )

    def after_step(self, meter: _Meter) -> None:
        done, config = self.state.step, self.config
        last = done == config.steps
        self.watch.advance(self.what.name, done)
        if done % config.log_every == 0 or last:
            self.report({"step": done, **meter.take(), "elapsed_s": round(self.state.elapsed_s, 3)})
        if config.validate_every and (done % config.validate_every == 0 or last):
            self.validate()
        if done % config.checkpoint_every == 0 and not last:
            self.save()

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        dtype = DTYPES.get(self.config.precision)
        if dtype is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=dtype)

    @torch.no_grad()
    def validate(self) -> None:
        """Mean loss over fixed batches with fixed draws, so that values at different steps compare."""
        module = self.state.evaluated
        module.eval()
        meter = _Meter()
        for index in range(self.config.validate_batches):
            batch = self.what.validation(index)
            if batch is None:
                break
            here = derive_seed(self.seed, self.what.name, "validation", index)
            torch.manual_seed(here)
            with self.autocast():
                outcome = self.what.loss(module, batch, torch.Generator().manual_seed(here))
            meter.add(outcome, len(batch))
        values = meter.means()
        if not values:
            return
        generated = self.what.generated(module) if isinstance(self.what, Generates) else {}
        numbers = {f"val_{key}": value for key, value in {**values, **generated}.items()}
        self.report({"step": self.state.step, **numbers})
        loss = values["loss"]
        if math.isfinite(loss) and (self.state.best is None or loss < self.state.best):
            self.state.best = loss
            self.keep(BEST, loss=loss)
        fid = generated.get("fid", math.nan)
        if math.isfinite(fid) and fid < _kept(self.folder / BEST_GENERATION, "fid"):
            self.keep(BEST_GENERATION, loss=loss, fid=fid)

    def keep(self, name: str, **numbers: float) -> None:
        """Store the weights that count, beside the checkpoints."""
        weights = load_weights(self.state.to_checkpoint({}))
        tensors = {f"model/{key}": value for key, value in weights.items()}
        state = {
            "step": self.state.step,
            **numbers,
            "elapsed_s": self.state.elapsed_s,
            "identity": self.identity,
        }
        files.save(self.folder / name, files.Checkpoint(tensors, state))

    def report(self, entry: dict[str, Any]) -> None:
        self.last = {**self.last, **entry}
        self.log.write(entry)
        self.watch.entry(self.what.name, entry)
        if self.board is not None:
            for key, value in entry.items():
                if key != "step" and isinstance(value, float) and math.isfinite(value):
                    self.board.add_scalar(key, value, entry["step"])

    def save(self) -> None:
        whole = self.state.to_checkpoint(self.identity)
        files.save(self.folder / files.CURRENT, whole, keep=self.folder / files.PREVIOUS)


def _kept(path: Path, name: str) -> float:
    """A number of the weights that are kept so far; infinite where there are none."""
    state = files.peek(path) if path.is_file() else None
    return math.inf if state is None else float(state[name])


class _Meter:
    """Means over an interval, weighted by batch size."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.samples = 0
        self.lr = 0.0
        self.since = time.monotonic()

    def add(self, outcome: Loss, samples: int, norm: float | None = None, lr: float = 0.0) -> None:
        values = {"loss": float(outcome.loss.detach()), **outcome.logs}
        if norm is not None:
            values["grad_norm"] = norm
        for key, value in values.items():
            self.sums[key] = self.sums.get(key, 0.0) + float(value) * samples
            self.counts[key] = self.counts.get(key, 0) + samples
        self.samples += samples
        self.lr = lr

    def means(self) -> dict[str, float]:
        return {key: value / self.counts[key] for key, value in self.sums.items()}

    def take(self) -> dict[str, float]:
        """The interval's numbers; a new interval begins."""
        speed = self.samples / max(1e-9, time.monotonic() - self.since)
        entry = {**self.means(), "lr": self.lr, "samples_per_s": round(speed, 3)}
        self.clear()
        return entry


@contextlib.contextmanager
def _prefetch(step: Step, start: int, stop: int, ahead: int = 2) -> Iterator[Iterator[Any]]:
    """The batches of steps ``start`` to ``stop - 1``, made in another thread a little ahead of their use."""
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:

        def batches() -> Iterator[Any]:
            waiting: list[Future[Any]] = [pool.submit(step.batch, n) for n in range(start, min(start + ahead, stop))]
            for n in range(start, stop):
                batch = waiting.pop(0).result()
                if n + ahead < stop:
                    waiting.append(pool.submit(step.batch, n + ahead))
                yield batch

        yield batches()
        pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; the second Ctrl-C acts as ever.

    Elsewhere than in the main thread: none.
    """
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    old = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: Any) -> None:
        event.set()
        signal.signal(number, old[signal.Signals(number)])

    for number in old:
        signal.signal(number, stop)
    try:
        yield event
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
