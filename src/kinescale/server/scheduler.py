"""Scheduler: a bounded queue of jobs, admission by predicted wait, and worker threads outside the event loop.

Queue and states belong to the event loop's thread, so nothing is locked; workers report to it. A job is admitted only
if the wait that is predicted for it fits its budget: an overload is answered at once, and what is accepted stays quick.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kinescale.core.progress import watching
from kinescale.server.errors import ApiError, as_api_error
from kinescale.server.jobs import Context, Job, Payload, Task, json_bytes
from kinescale.server.metrics import Metrics
from kinescale.server.settings import Settings

log = logging.getLogger("kinescale.server")

FIRST_RATE_S = 0.05
"""Seconds per unit of a kind that has not been computed yet, until ``first_rate_s`` is set to something measured."""
LEARNING = 0.3
"""Weight of the newest job in what is known of its kind."""
OVERRUN = 0.2
"""A job that takes longer than predicted is taken to need this share of its time so far, still."""
TICK_S = 1.0

Outcome = Payload | BaseException


class Scheduler:
    """Runs tasks in the order in which they come, some at a time.

    Its methods are called on the event loop's thread; ``start`` and ``stop`` bracket its life.
    """

    def __init__(self, settings: Settings, metrics: Metrics):
        self.settings, self.metrics = settings, metrics
        self.jobs: dict[str, Job] = {}
        self.queue: deque[Job] = deque()
        self.running: list[list[Job]] = []
        self.draining = False
        self.first_rate_s = FIRST_RATE_S
        self._rates: dict[str, float] = {}
        self._pool = ThreadPoolExecutor(settings.workers, thread_name_prefix="kinescale-worker")
        self._reaper: asyncio.Task[None] | None = None
        self._groups: set[asyncio.Task[None]] = set()

    # Life

    def start(self) -> None:
        """Begin to run; needs a running event loop."""
        self._loop = asyncio.get_running_loop()
        self._reaper = asyncio.create_task(self._reap())

    async def stop(self) -> None:
        """Cancel what is left and wait for the workers."""
        self.draining = True
        for job in list(self.jobs.values()):
            self.cancel(job)
        if self._reaper is not None:
            self._reaper.cancel()
        if self._groups:
            await asyncio.wait(self._groups)
        self._pool.shutdown(wait=True)

    # Admission

    def predicted_s(self, task: Task) -> float:
        """Seconds that a task is expected to take."""
        return self._rates.get(task.kind, self.first_rate_s) * task.units

    def wait_s(self) -> float:
        """Seconds until a job that came now would begin."""
        if len(self.running) < self.settings.workers and not self.queue:
            return 0.0
        left = sum(self._left(group) for group in self.running)
        return (left + sum(self.predicted_s(job.task) for job in self.queue)) / self.settings.workers

    def _left(self, group: Sequence[Job]) -> float:
        begun = group[0].started or time.monotonic()
        spent = time.monotonic() - begun
        return max(sum(self.predicted_s(job.task) for job in group) - spent, OVERRUN * spent)

    def submit(self, task: Task, max_wait_s: float | None = None) -> Job:
        """A job for a task; ``ApiError`` with ``Retry-After`` when it would have to wait too long."""
        wait = self.wait_s()
        budget = self.settings.max_wait_s if max_wait_s is None else min(max_wait_s, self.settings.max_wait_s)
        if self.draining:
            raise ApiError("model_unavailable", "the server is shutting down.", retry_s=10.0)
        if len(self.queue) >= self.settings.max_queue and wait > 0:
            raise self._refused("the queue is full", wait, budget)
        if wait > budget:
            raise self._refused(f"the predicted wait of {wait:.1f} s is more than {budget:g} s", wait, budget)
        job = Job(task, wait)
        self.jobs[job.id] = job
        self.queue.append(job)
        job.become("queued")
        self._pump()
        return job

    def _refused(self, why: str, wait: float, budget: float) -> ApiError:
        self.metrics.add("rejected_total", reason="queue" if "queue" in why else "wait")
        details = {"predicted_wait_s": round(wait, 2), "queued": len(self.queue)}
        return ApiError("resource_exhausted", f"{why}; try again later.", details, retry_s=max(1.0, wait - budget))

    # Jobs

    def get(self, number: str) -> Job:
        """The job with an id; ``unknown_job`` for one that never was, or is not kept any more."""
        job = self.jobs.get(number)
        if job is None:
            raise ApiError("unknown_job", "there is no such job; results are kept for a few minutes only.")
        self.touch(job)
        return job

    def touch(self, job: Job) -> None:
        """Note that somebody looks at a job."""
        job.seen = time.monotonic()

    def cancel(self, job: Job) -> None:
        """End a job: at once when it waits, within a scale when it runs."""
        if job.over:
            return
        job.cancelled.set()
        with contextlib.suppress(ValueError):
            self.queue.remove(job)
        self._finish(job, "cancelled", ApiError("invalid_request", "the job was cancelled.", status=409))
        self._place()

    def forget(self, job: Job) -> None:
        """Keep nothing of a job."""
        self.cancel(job)
        self.jobs.pop(job.id, None)

    def _finish(self, job: Job, state: Any, error: ApiError | None = None, payload: Payload | None = None) -> None:
        job.error, job.payload = error, payload
        job.become(state)
        self.metrics.add("jobs_total", kind=job.task.kind, state=state)

    def _place(self) -> None:
        for position, job in enumerate(self.queue, 1):
            job.position = position

    # Running

    def _pump(self) -> None:
        """Give waiting jobs to free workers."""
        while self.queue and len(self.running) < self.settings.workers:
            group = self._next_group()
            self.running.append(group)
            for job in group:
                job.started = time.monotonic()
                job.become("running")
            work = asyncio.create_task(self._run(group))
            self._groups.add(work)
            work.add_done_callback(self._groups.discard)
        self._place()

    def _next_group(self) -> list[Job]:
        """The first waiting job, and those that can be computed with it."""
        first = self.queue.popleft()
        key = first.task.key
        mates = [] if key is None else [job for job in self.queue if job.task.key == key][: self.settings.batch - 1]
        for job in mates:
            self.queue.remove(job)
        return [first, *mates]

    async def _run(self, group: list[Job]) -> None:
        start = time.monotonic()
        outcomes = await self._loop.run_in_executor(self._pool, self._computed, group)
        seconds = time.monotonic() - start
        self.running.remove(group)
        if not any(isinstance(one, BaseException) for one in outcomes):
            self._learn(group, seconds)
        for job, outcome in zip(group, outcomes, strict=True):
            if job.over:
                continue
            if isinstance(outcome, Payload):
                self._finish(job, "done", payload=outcome)
            else:
                self._failed(job, outcome)
        self._pump()

    def _failed(self, job: Job, problem: BaseException) -> None:
        error = as_api_error(problem if isinstance(problem, Exception) else RuntimeError(repr(problem)))
        if error.status >= 500:
            log.error("job failed", exc_info=problem, extra={"job": job.id, "kind": job.task.kind})
        self._finish(job, "failed", error)

    def _learn(self, group: Sequence[Job], seconds: float) -> None:
        kind = group[0].task.kind
        rate = seconds / max(1e-9, sum(job.task.units for job in group))
        before = self._rates.get(kind)
        self._rates[kind] = rate if before is None else before + LEARNING * (rate - before)
        self.metrics.observe("job_seconds", seconds, kind=kind)

    def _computed(self, group: list[Job]) -> list[Outcome]:
        """On a worker's thread: the outcome of each job."""
        context = Context(group, time.monotonic() + self.settings.limits.max_job_s, self._say)
        first = group[0].task
        try:
            with watching(context.watch):
                context.check()
                if len(group) == 1 or first.together is None:
                    return [first.run(context)]
                return [*first.together([job.task for job in group], context)]
        except BaseException as problem:
            return [problem for _ in group]

    def _say(self, job: Job, name: str, data: Any) -> None:
        """From a worker's thread: an event of a job."""
        self._loop.call_soon_threadsafe(self._heard, job, name, data)

    def _heard(self, job: Job, name: str, data: Any) -> None:
        if job.over:
            return
        if isinstance(data, bytes):
            job.record(name, data)
            return
        job.progress = data
        job.record(name, json_bytes(data))

    # Tidying

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.tidy(time.monotonic())

    def tidy(self, now: float) -> None:
        """Cancel jobs that nobody waits for, forget old results, and the oldest while too much is kept."""
        settings = self.settings
        for job in list(self.jobs.values()):
            if job.waiters:
                continue
            if job.over and now - max(job.ended or now, 0.0) > settings.keep_s:
                self.forget(job)
            elif not job.over and now - job.seen > settings.abandon_s:
                self.cancel(job)
        kept = sorted(
            (job for job in self.jobs.values() if job.over and not job.waiters), key=lambda job: job.ended or 0
        )
        total = sum(job.size for job in kept)
        for job in kept:
            if total <= settings.keep_bytes:
                break
            total -= job.size
            self.forget(job)
