"""Processes of this machine: one, or as many as asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

from kinescale.core.workers import ignoring_interrupts, worker_pool
from kinescale.pipelines.bulk.job import Settings
from kinescale.pipelines.bulk.maker import Maker
from kinescale.pipelines.bulk.shards import Shard

AHEAD = 2
"""Shards that wait for each process, so that rows are read no faster than they are used."""


def run(shards: Iterator[Shard], settings: Settings, out: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Make the shards, in order with one process, else as they are done."""
    if settings.workers < 2:
        maker = Maker(settings, out)
        yield from ((shard.name, maker.make(shard)) for shard in shards)
        return
    with worker_pool(settings.workers, _begin, (settings, out)) as pool:
        running: dict[Future[dict[str, Any]], str] = {}
        more = True
        while more or running:
            with ignoring_interrupts():
                while more and len(running) < AHEAD * settings.workers:
                    shard = next(shards, None)
                    more = shard is not None
                    if shard is not None:
                        running[pool.submit(_make, shard)] = shard.name
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(done), done.result()


_maker: list[Maker] = []


def _begin(settings: Settings, out: Path) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _maker[:] = [Maker(settings, out)]


def _make(shard: Shard) -> dict[str, Any]:
    return _maker[0].make(shard)
