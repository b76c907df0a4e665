"""Dropout reproducible from an explicit generator: the global random state is seeded inside and restored after."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def seeded(rng: torch.Generator, device: torch.device, enabled: bool = True) -> Iterator[None]:
    """Inside the block torch's global draws depend on ``rng`` alone; afterwards the global state is as it was.

    ``rng`` is a CPU generator and moves on by one number, whether ``enabled`` or not.
    """
    seed = int(torch.randint(2**62, (), generator=rng))
    if not enabled:
        yield
        return
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
