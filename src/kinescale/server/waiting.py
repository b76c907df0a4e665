"""Waiting for jobs with a client on the line: the client's leaving cancels them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.requests import Request

from kinescale.server.jobs import Job
from kinescale.server.scheduler import Scheduler


async def wait_for(
    scheduler: Scheduler, jobs: Job | Sequence[Job], request: Request, seconds: float, *, owner: bool = True
) -> bool:
    """Whether a job, or all of several, is over after at most so many seconds.

    Where their ``owner`` goes away meanwhile, those for which nobody else waits are cancelled.
    """
    several = [jobs] if isinstance(jobs, Job) else list(jobs)
    for job in several:
        scheduler.touch(job)
    if seconds <= 0 or all(job.over for job in several):
        return all(job.over for job in several)
    for job in several:
        job.waiters += 1
    ended = asyncio.create_task(_all_over(several))
    left = asyncio.create_task(gone(request))
    try:
        await asyncio.wait({ended, left}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        went = left.done() and not left.cancelled()
        for task in (ended, left):
            task.cancel()
        for job in several:
            job.waiters -= 1
            if went and owner and not job.waiters:
                scheduler.cancel(job)
    return all(job.over for job in several)


async def _all_over(jobs: Sequence[Job]) -> None:
    for job in jobs:
        await job.finished.wait()


async def gone(request: Request) -> None:
    """Until the client has closed its connection; the body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
