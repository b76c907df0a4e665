"""Progress of long computations: pipelines report each step, and whoever watches may raise to stop them.

``report`` is called after every scale that is sampled and every step of an optimization. Nothing is watched unless a
caller says so with ``watching``, in its own thread: the cost of a report is then one look-up.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

Watcher = Callable[[str, int, int], None]
"""Called with the stage ("scale", "optimization"), the steps done and all steps; what it raises ends the work."""

_watcher: ContextVar[Watcher | None] = ContextVar("kinescale_progress", default=None)


@contextlib.contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Inside the block, on this thread, ``watcher`` sees every report.

    Example
    -------
    >>> seen = []
    >>> with watching(lambda stage, done, total: seen.append((stage, done, total))):
    ...     report("scale", 1, 3)
    >>> seen
    [('scale', 1, 3)]
    """
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def watched() -> bool:
    """Whether anyone watches."""
    return _watcher.get() is not None


def report(stage: str, done: int, total: int) -> None:
    """Say that ``done`` of ``total`` steps of a stage are done."""
    watcher = _watcher.get()
    if watcher is not None:
        watcher(stage, done, total)
