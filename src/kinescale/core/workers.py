"""Worker processes that end silently when their parent is interrupted.

Ctrl-C reaches every process of a terminal's group. Workers ignore it from their first instruction on (one that is
still importing would print a traceback); the parent ends them.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from kinescale.core.errors import DataError


@contextlib.contextmanager
def worker_pool(
    workers: int, initializer: Callable[..., None] | None = None, initargs: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """A pool of spawned processes; submit all work inside ``ignoring_interrupts``.

    When the block is left by an exception, the workers are ended at once. Raises ``DataError`` where a worker died.
    """
    # spawned, not forked: a forked process inherits torch's thread pools in an unusable state
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=initializer, initargs=initargs)
    try:
        yield pool
    except BrokenProcessPool:
        _end(pool)
        raise DataError(
            "a worker process ended abruptly, most likely for want of memory; what is done is kept: run it again with "
            "fewer workers."
        ) from None
    except BaseException:
        _end(pool)
        raise
    pool.shutdown()


@contextlib.contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Context in which new processes ignore SIGINT, as they inherit its handler.

    No effect outside the main thread, where signal handlers cannot be set.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(pool: ProcessPoolExecutor) -> None:
    # shutdown drops the pool's list of processes
    processes = list((getattr(pool, "_processes", None) or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
