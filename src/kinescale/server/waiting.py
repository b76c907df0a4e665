"""Waiting for a job with a client on the line: the client's leaving cancels it."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from kinescale.server.jobs import Job
from kinescale.server.scheduler import Scheduler


async def wait_for(scheduler: Scheduler, job: Job, request: Request, seconds: float, *, owner: bool = True) -> bool:
    """Whether the job is over after at most so many seconds.

    Where its ``owner`` goes away meanwhile and nobody else waits for the job, it is cancelled.
    """
    if job.over or seconds <= 0:
        return job.over
    job.waiters += 1
    scheduler.touch(job)
    ended, left = asyncio.create_task(job.finished.wait()), asyncio.create_task(gone(request))
    try:
        await asyncio.wait({ended, left}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        job.waiters -= 1
        was_left = left.done() and not left.cancelled()
        ended.cancel()
        left.cancel()
        if was_left and owner and not job.over and not job.waiters:
            scheduler.cancel(job)
    return job.over


async def gone(request: Request) -> None:
    """Until the client has closed its connection; the body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
