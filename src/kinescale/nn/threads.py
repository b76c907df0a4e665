"""The number of CPU threads that a motion is made on: one, so that rounding does not depend on the machine's cores.

Matrix products and convolutions cut their work by the number of threads, and pieces of other shapes round differently;
one draw on the edge then makes another motion. On one thread a motion is the same whatever the number of cores. Large
networks gain from more: ``use_threads`` (or the environment variable ``KINESCALE_THREADS``) gives a motion more of
them, and the number is then one of the settings that fix it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

import torch

from kinescale.core.errors import InputError

VARIABLE = "KINESCALE_THREADS"
MAX_THREADS = 1024

P = ParamSpec("P")
T = TypeVar("T")

_asked: ContextVar[int | None] = ContextVar("kinescale_threads", default=None)
_lock = threading.Lock()
_mine = threading.local()


def thread_count() -> int:
    """Threads that a motion is made on; ``InputError`` when the environment asks for something else than a number."""
    asked = _asked.get()
    if asked is not None:
        return asked
    given = os.environ.get(VARIABLE, "1")
    return _checked(int(given) if given.isdecimal() and len(given) <= 4 else given)


@contextlib.contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Inside the block motions are made on ``count`` threads; ``InputError`` when that is not 1 to ``MAX_THREADS``."""
    token = _asked.set(_checked(count))
    try:
        yield
    finally:
        _asked.reset(token)


def on_fixed_threads(function: Callable[P, T]) -> Callable[P, T]:
    """The function, run on ``thread_count()`` threads whatever torch's number is; that is as before afterwards."""

    @functools.wraps(function)
    def fixed(*args: P.args, **kwargs: P.kwargs) -> T:
        with _fixed(thread_count()):
            return function(*args, **kwargs)

    return fixed


@contextlib.contextmanager
def _fixed(count: int) -> Iterator[None]:
    """torch on ``count`` threads; the process's own number comes back when no thread of it is in such a block."""
    stack: list[int] = _mine.__dict__.setdefault("stack", [])
    with _lock:
        if not stack:
            _Process.own = _Process.own if _Process.inside else torch.get_num_threads()
            _Process.inside += 1
        stack.append(count)
        # even where it is that number already: torch's number is the calling thread's, MKL's the process's
        torch.set_num_threads(count)
    try:
        yield
    finally:
        with _lock:
            stack.pop()
            _Process.inside -= not stack
            if stack or not _Process.inside:
                torch.set_num_threads(stack[-1] if stack else _Process.own)


class _Process:
    """How many threads of the process are inside such a block, and torch's number outside."""

    inside = 0
    own = 1


def _checked(count: object) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_THREADS:
        raise InputError(f"{count} threads; expected 1 to {MAX_THREADS}.")
    return count
