"""The one training loop, used by every stage: ``fit(step, config, folder, ...)``.

What a step does is a pure function of (weights, optimizer, seed, step number). So a run that is killed
anywhere and started again goes through the same weights as one that was not, bit for bit on a CPU with the
same number of threads.

Several processes (``distributed``) share each batch: every one takes its rows, and gradients, codebooks and means are
those of the whole batch, so that weights are those of one process up to rounding.
"""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from kinescale.core.errors import InputError, KinescaleError
from kinescale.core.randomness import derive_seed
from kinescale.nn import global_batch
from kinescale.training import checkpoint as files
from kinescale.training import distributed
from kinescale.training.config import StageConfig
from kinescale.training.identity import refuse_other
from kinescale.training.log import Log, open_tensorboard
from kinescale.training.schedule import clip_bound, rate
from kinescale.training.state import MAX_BAD_STEPS, TrainState, load_weights
from kinescale.training.watch import Watch

BEST = "best.safetensors"
REASONS = ("", "time", "interrupted", "preempted")
"""Why a run stops before its end: its time budget is spent, Ctrl-C, SIGTERM. Of several, the last of these counts."""
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
        """This process's rows of the batch of a step: a pure function of the step number, safe to call from another
        thread. Its ``part(rows)`` are some of them, for ``accumulate``."""
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
    """How ``fit`` ended. ``reason``: one of ``REASONS``, or "finished"."""

    step: int
    reason: str
    elapsed_s: float
    last: dict[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.reason == "finished"

    @property
    def exit_code(self) -> int:
        """What a shell reports for a program that the signal ended, else 0."""
        return {"interrupted": 128 + signal.SIGINT, "preempted": 128 + signal.SIGTERM}.get(self.reason, 0)


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
    lock = _alone(folder) if distributed.leads() else contextlib.nullcontext()
    with lock, torch.random.fork_rng(devices=devices), distributed.losses_in_words():
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
        self.seed, self.device = seed, device
        self.leads = distributed.leads()
        self.watch = watch if self.leads else Watch()
        self.identity = {**identity, "stage": step.name}
        self.state = TrainState(step.module, config, device)
        with distributed.leader_first():
            self.resume()
        self.objective = _Objective(step, self.state.module)
        self.parallel = self._parallel()
        self.log = Log(folder, self.state.step) if self.leads else None
        self.board = open_tensorboard(folder, self.state.step) if config.tensorboard and self.leads else None
        if config.tensorboard and self.board is None:
            self.watch.note(
                "TensorBoard is not installed, so no events are written; pip install 'kinescale[train]' adds it."
            )
        self.last: dict[str, Any] = {}

    def _parallel(self) -> nn.Module:
        """The objective, with gradients averaged over the processes."""
        if distributed.world() == 1:
            return self.objective
        with warnings.catch_warnings():
            # newer versions of torch have another name for broadcast_buffers
            warnings.simplefilter("ignore", FutureWarning)
            # buffers are kept equal by their own updates; a batch may leave scales out
            return DistributedDataParallel(self.objective, broadcast_buffers=False, find_unused_parameters=True)

    def resume(self) -> None:
        if self.leads:
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
                    spent = "time" if time.monotonic() - started >= budget else ""
                    found = distributed.agreed(REASONS.index(stop.reason or spent), self.device)
                    if found:
                        reason = REASONS[found]
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
        lr = config.optimizer.lr * rate(config.schedule, state.step, config.steps)
        for group in state.optimizer.param_groups:
            group["lr"] = lr
        state.module.train()
        state.optimizer.zero_grad(set_to_none=True)
        outcome = self.backward(batch, here)
        state.scaler.unscale_(state.optimizer)
        bound = clip_bound(config.optimizer, state.step, config.steps)
        norm = float(nn.utils.clip_grad_norm_(state.module.parameters(), bound))
        if math.isfinite(norm) or config.precision == "fp16":
            state.scaler.step(state.optimizer)
        state.scaler.update()
        self.count_bad(norm)
        state.update_average()
        state.step += 1
        meter.add(outcome, len(batch) * distributed.world(), norm, lr)

    def backward(self, batch: Any, here: int) -> Loss:
        """Gradients of the batch that all processes share; ``here`` seeds the step."""
        rows, world, rank = len(batch), distributed.world(), distributed.rank()
        first, total = rank * rows, world * rows
        # Codebooks are set up from a batch as a whole.
        ready = all(getattr(part, "ready", True) for part in self.state.module.modules())
        passes = self.config.accumulate if ready else 1
        if passes == 1:
            with global_batch.own(first, rows, total):
                self._scaled(self.parallel, batch, here).backward()
            return self.objective.outcome
        notes = global_batch.Notes()
        with torch.no_grad(), global_batch.own(first, rows, total), global_batch.recorded(notes):
            self._scaled(self.objective, batch, here)
        outcome, each = self.objective.outcome, rows // passes
        for at in range(0, rows, each):
            with (
                contextlib.nullcontext() if at + each == rows else self._quietly(),
                global_batch.own(first + at, each, total),
                global_batch.replayed(notes),
            ):
                self._scaled(self.parallel, batch.part(slice(at, at + each)), here).backward()
        for update in notes.later:
            update()
        return outcome

    def _quietly(self) -> contextlib.AbstractContextManager[Any]:
        """Inside, gradients add up and are not averaged yet."""
        parallel = self.parallel
        return parallel.no_sync() if isinstance(parallel, DistributedDataParallel) else contextlib.nullcontext()

    def _scaled(self, objective: nn.Module, batch: Any, here: int) -> Tensor:
        torch.manual_seed(here)
        rng = torch.Generator().manual_seed(here ^ 1)
        with self.autocast():
            loss = objective(batch, rng)
        return self.state.scaler.scale(loss)

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
        for index in range(distributed.rank(), self.config.validate_batches, distributed.world()):
            batch = self.what.validation(index)
            if batch is None:
                break
            here = derive_seed(self.seed, self.what.name, "validation", index)
            torch.manual_seed(here)
            with self.autocast(), global_batch.alone():
                outcome = self.what.loss(module, batch, torch.Generator().manual_seed(here))
            meter.add(outcome, len(batch))
        meter.gather(self.device)
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
        if self.leads and math.isfinite(fid) and fid < _kept(self.folder / BEST_GENERATION, "fid"):
            self.keep(BEST_GENERATION, loss=loss, fid=fid)

    def keep(self, name: str, **numbers: float) -> None:
        """Store the weights that count, beside the checkpoints."""
        if not self.leads:
            return
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
        if self.log is not None:
            self.log.write(entry)
        self.watch.entry(self.what.name, entry)
        if self.board is not None:
            for key, value in entry.items():
                if key != "step" and isinstance(value, float) and math.isfinite(value):
                    self.board.add_scalar(key, value, entry["step"])

    def save(self) -> None:
        if not self.leads:
            return
        whole = self.state.to_checkpoint(self.identity)
        files.rotate(self.folder, self.config.keep)
        files.save(self.folder / files.CURRENT, whole, keep=self.folder / files.PREVIOUS)


class _Objective(nn.Module):
    """The stage's loss as a module's forward pass, which is what gradients are averaged around."""

    outcome: Loss

    def __init__(self, step: Step, module: nn.Module):
        super().__init__()
        self.module, self._step = module, step

    def forward(self, batch: Any, rng: torch.Generator) -> Tensor:
        """The loss; ``outcome`` is all of it."""
        self.outcome = self._step.loss(self.module, batch, rng)
        return self.outcome.loss


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
        self.counts: dict[str, float] = {}
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

    def gather(self, device: torch.device) -> None:
        """Sums and counts of all processes."""
        self.sums = distributed.gathered(self.sums, device)
        self.counts = distributed.gathered(self.counts, device)

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


@dataclass
class _Stop:
    """Why to stop: one of ``REASONS``."""

    reason: str = ""


@contextlib.contextmanager
def _stop_signals() -> Iterator[_Stop]:
    """What the first Ctrl-C or SIGTERM sets; the second acts as ever.

    Elsewhere than in the main thread: none.
    """
    found = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield found
        return
    old = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: Any) -> None:
        found.reason = "preempted" if number == signal.SIGTERM else "interrupted"
        signal.signal(number, old[signal.Signals(number)])

    for number in old:
        signal.signal(number, stop)
    try:
        yield found
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
