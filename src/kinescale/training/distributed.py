"""Several processes that train one run together: who leads, who waits, and when all stop.

``torchrun`` starts the processes and says in the environment how many there are; ``joined`` connects them. Everything
that is written is written by the leader, rank 0. See ``nn.global_batch`` for what makes the result that of one process.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import torch
from torch import distributed
from torch.distributed.rendezvous import rendezvous

from kinescale.core.errors import ConfigError, KinescaleError

TIMEOUT_S = 45.0
"""A process that is not heard of for so long is lost; with the launcher's own reaction the job ends in a minute."""

MEETING = timedelta(minutes=10)
"""All processes have to be there within it."""

LONG = timedelta(days=1)
"""What is done once by the leader, such as computing features, may take long; a leader that dies ends the job."""

SIGNS = ("gloo", "nccl", "connection closed", "connection reset", "connection refused", "timed out", "broken pipe")
"""Words of errors of ``torch.distributed`` that mean that another process is gone."""


def world() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if _connected() else 1


def rank() -> int:
    """The own place among them, which the launcher has told before they are connected; 0 leads."""
    return distributed.get_rank() if _connected() else int(os.environ["RANK"]) if expected() > 1 else 0


def leads() -> bool:
    """Whether this process is the one that writes."""
    return rank() == 0


def expected() -> int:
    """How many processes the launcher has started, connected or not."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def local_rank() -> int:
    """The own place among the processes of this machine: the number of its accelerator."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def _connected() -> bool:
    return distributed.is_available() and distributed.is_initialized()


@contextlib.contextmanager
def joined(device: torch.device, timeout_s: float = TIMEOUT_S) -> Iterator[None]:
    """Connect the processes that ``torchrun`` started; nothing where there is one, or where they are connected.

    Inside, what fails because another process is gone is a ``KinescaleError`` that says so.
    """
    if expected() == 1 or _connected():
        with losses_in_words():
            yield
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    with losses_in_words():
        _connect(backend, timedelta(seconds=timeout_s))
        try:
            yield
        finally:
            # after a loss there is nobody to say goodbye to
            with contextlib.suppress(RuntimeError):
                distributed.destroy_process_group()


def _connect(backend: str, timeout: timedelta) -> None:
    """Wait until all processes are there, which on a busy machine takes longer than what marks a lost one."""
    try:
        store, rank, size = next(iter(rendezvous("env://", timeout=MEETING)))
        store.set(f"kinescale/here/{rank}", "yes")
        store.wait([f"kinescale/here/{number}" for number in range(size)], MEETING)
        distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=timeout)
    except (RuntimeError, ValueError) as problem:
        line = " ".join(str(problem).split())[:160]
        raise KinescaleError(f"the processes could not be connected ({line}); see docs/distributed.md.") from None


@contextlib.contextmanager
def losses_in_words() -> Iterator[None]:
    """Inside, a failure because another process is gone is a ``KinescaleError`` that says so."""
    try:
        yield
    except RuntimeError as problem:
        line = " ".join(str(problem).split())
        if world() == 1 or isinstance(problem, KinescaleError) or not any(sign in line.lower() for sign in SIGNS):
            raise
        raise KinescaleError(
            f"process {rank()} of {world()} has lost another one ({line[:160]}); what was saved is kept: give the same "
            "command again, with any number of processes."
        ) from None


@contextlib.contextmanager
def leader_first() -> Iterator[None]:
    """The leader does the block, then the others, who find what it wrote."""
    if not leads():
        _wait("leader")
    yield
    if leads():
        _tell("leader")


_turns: dict[str, int] = {}


def _tell(what: str) -> None:
    if world() > 1:
        _store().set(_name(what), "done")


def _wait(what: str) -> None:
    if world() > 1:
        _store().wait([_name(what)], LONG)


def _name(what: str) -> str:
    _turns[what] = _turns.get(what, 0) + 1
    return f"kinescale/{what}/{_turns[what]}"


def _store() -> distributed.Store:
    return distributed.distributed_c10d._get_default_store()


def agreed(number: int, device: torch.device) -> int:
    """The largest of the numbers that the processes bring, so that all do the same."""
    if world() == 1:
        return number
    value = torch.tensor(number, device=device)
    distributed.all_reduce(value, distributed.ReduceOp.MAX)
    return int(value)


def gathered(values: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """Sums over the processes of numbers by name; a name may be missing on some."""
    if world() == 1:
        return values
    every: list[dict[str, Any]] = [{} for _ in range(world())]
    distributed.all_gather_object(every, values)
    names = dict.fromkeys(name for each in every for name in each)
    return {name: sum(each.get(name, 0.0) for each in every) for name in names}


def share_of(batch_size: int, accumulate: int = 1) -> int:
    """Rows of a batch that one process passes through the networks at once; ``ConfigError`` where they do not share."""
    parts = world() * accumulate
    if batch_size % parts:
        raise ConfigError(
            f"a batch of {batch_size} cannot be shared evenly by {world()} processes in {accumulate} passes each; "
            f"give a batch_size that is a multiple of {parts}."
        )
    return batch_size // parts
