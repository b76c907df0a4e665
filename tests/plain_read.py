"""Processor time in units that every machine has: the time of a plain read of so many bytes in the same run.

A bound in seconds says something of the machine; a bound in plain reads says something of the code.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Iterator

PLAIN = b"0.123456 -7.25 31 " * 60_000
"""About a megabyte of numbers."""


@contextlib.contextmanager
def at_most(reads: float, size: int = 4 * len(PLAIN)) -> Iterator[None]:
    """The block takes at most the processor time of ``reads`` plain reads of ``size`` bytes."""
    plain_read_s()
    start = time.process_time()
    yield
    taken, scale = time.process_time() - start, reads * size / len(PLAIN)
    if taken > scale * plain_read_s():
        # The machine may have become slower since: measured again beside what is judged.
        assert taken <= scale * plain_read_s.__wrapped__(), f"{taken / scale * reads / plain_read_s():.1f} plain reads"


@functools.cache
def plain_read_s() -> float:
    """Seconds of processor time to split ``PLAIN`` into words and make numbers of them, as one does without thought."""
    taken = []
    for _ in range(5):
        start = time.process_time()
        assert len([float(word) for word in PLAIN.split()]) == 180_000
        taken.append(time.process_time() - start)
    return sorted(taken)[2]
