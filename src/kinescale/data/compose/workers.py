"""Worker processes of composition, and what each process keeps: the opened sources and the context."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

import torch

from kinescale.data.compose.context import ComposeContext, Sources, open_sources
from kinescale.data.compose.units import Library

_KEPT: dict[str, Any] = {}
"""Of this process: the opened sources, and the context by the hash of its survey."""


def pool(workers: int) -> Any:
    """Worker processes; one worker runs in this process."""
    if workers == 1:
        return _InProcess()
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread)


class _InProcess:
    """A pool of this process only."""

    def __enter__(self) -> _InProcess:
        return self

    def __exit__(self, *_: object) -> None:
        _KEPT.clear()


def _one_thread() -> None:
    torch.set_num_threads(1)


def each(pool: Any, work: Callable[[Any], Any], jobs: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """(job, result) in the order of completion."""
    if isinstance(pool, _InProcess):
        for job in jobs:
            yield job, work(job)
        return
    futures = {pool.submit(work, job): job for job in jobs}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def kept_sources(places: tuple[str, ...]) -> Sources:
    """The sources, opened once per process."""
    if _KEPT.get("places") != places:
        _KEPT.clear()
        _KEPT.update(places=places, sources=Sources(open_sources(places)))
    return _KEPT["sources"]


def kept_context(places: tuple[str, ...], survey: Any) -> ComposeContext:
    """The context of a survey, built once per process."""
    sources = kept_sources(places)
    if _KEPT.get("survey") != survey.hash:
        library = Library.of(sources.clips, survey.found, sources.fps)
        context = ComposeContext(sources, library, survey.limits, survey.tempos)
        _KEPT.update(survey=survey.hash, context=context)
    return _KEPT["context"]
