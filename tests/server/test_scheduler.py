"""The scheduler with tasks that compute nothing: admission, order, batches, cancelling, keeping, draining."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from kinescale.core.progress import report
from kinescale.server.errors import ApiError
from kinescale.server.jobs import Payload, Task
from kinescale.server.metrics import Metrics
from kinescale.server.scheduler import Scheduler
from kinescale.server.settings import Limits, Settings

FULL = 200


class Held:
    """A task that reports scale after scale until it is let go."""

    def __init__(self):
        self.begun, self.free = threading.Event(), threading.Event()
        self.scales = 0

    def task(self, units=1.0, **more):
        def run(_context):
            self.begun.set()
            while not self.free.is_set():
                self.scales += 1
                report("scale", self.scales, FULL)
                time.sleep(0.002)
            return Payload(b"{}")

        return Task("held", units, run, **more)


def quick(answer=b"{}", **more):
    return Task("quick", 1.0, lambda _context: Payload(answer), **more)


def served(test, **settings):
    """Run a coroutine with a scheduler of some settings."""

    async def body():
        scheduler = Scheduler(Settings.parse(settings), Metrics())
        scheduler.start()
        try:
            await asyncio.wait_for(test(scheduler), 60)
        finally:
            for job in scheduler.jobs.values():
                job.cancelled.set()
            await scheduler.stop()

    asyncio.run(body())


def test_jobs_run_in_order_and_keep_their_answers():
    async def test(scheduler):
        jobs = [scheduler.submit(quick(str(i).encode())) for i in range(5)]
        for job in jobs:
            await job.finished.wait()
        assert [job.payload.body for job in jobs] == [b"0", b"1", b"2", b"3", b"4"]
        assert [event.name for event in jobs[0].events] == ["state", "state"]
        assert 'kinescale_jobs_total{kind="quick",state="done"} 5' in scheduler.metrics.text()

    served(test)


def test_a_full_queue_and_a_long_wait_are_refused_at_once():
    async def test(scheduler):
        held = Held()
        scheduler._rates["held"] = 100.0
        scheduler.submit(held.task(0.1))
        scheduler.submit(held.task(0.1))
        assert 10 < scheduler.wait_s() <= 20
        with pytest.raises(ApiError, match="predicted wait") as refused:
            scheduler.submit(quick(), max_wait_s=5.0)
        assert refused.value.status == 503 and int(refused.value.headers["Retry-After"]) >= 5
        scheduler.submit(quick(), max_wait_s=50.0)
        with pytest.raises(ApiError, match="queue is full"):
            scheduler.submit(quick())
        held.free.set()

    served(test, max_queue=2)


def test_a_cancelled_job_ends_within_a_scale_and_frees_its_worker():
    async def test(scheduler):
        held = Held()
        first, second = scheduler.submit(held.task()), scheduler.submit(quick())
        await asyncio.to_thread(held.begun.wait, 30)
        scheduler.cancel(first)
        assert first.state == "cancelled" and first.error.code == "invalid_request"
        await second.finished.wait()
        assert second.state == "done" and held.scales < FULL

    served(test)


def test_a_waiting_job_that_is_cancelled_never_runs():
    async def test(scheduler):
        held, ran = Held(), []
        scheduler.submit(held.task())
        waiting = scheduler.submit(Task("x", 1.0, lambda _context: ran.append(1) or Payload(b"")))
        assert waiting.position == 1
        scheduler.cancel(waiting)
        held.free.set()
        await scheduler.submit(quick()).finished.wait()
        assert waiting.state == "cancelled" and not ran

    served(test)


def test_jobs_of_one_shape_are_computed_together():
    async def test(scheduler):
        groups = []

        def together(tasks, context):
            groups.append(len(context.jobs))
            return [Payload(task.request) for task in tasks]

        held = Held()
        scheduler.submit(held.task())
        shaped = [quick(key="a", together=together, request=str(i).encode()) for i in range(3)]
        jobs = [scheduler.submit(task) for task in (shaped[0], quick(b"z"), shaped[1], shaped[2])]
        held.free.set()
        for job in jobs:
            await job.finished.wait()
        assert groups == [3] and [job.payload.body for job in jobs] == [b"0", b"z", b"1", b"2"]

    served(test, batch=4)


def test_a_batch_goes_on_while_anyone_wants_it():
    async def test(scheduler):
        held = Held()
        solo = Held()
        scheduler.submit(solo.task())

        def together(tasks, context):
            held.task().run(context)
            return [Payload(b"{}") for _ in tasks]

        one, two = (scheduler.submit(quick(key="a", together=together)) for _ in range(2))
        solo.free.set()
        await asyncio.to_thread(held.begun.wait, 30)
        scheduler.cancel(one)
        held.free.set()
        await two.finished.wait()
        assert (one.state, two.state) == ("cancelled", "done")

    served(test, batch=2)


def test_failures_become_errors_and_tell_nothing_of_the_inside():
    async def test(scheduler):
        def broken(_context):
            raise RuntimeError("secret")

        job = scheduler.submit(Task("x", 1.0, broken))
        await job.finished.wait()
        assert job.state == "failed" and job.error.status == 500 and "secret" not in job.error.message

    served(test)


def test_a_job_may_not_compute_for_ever():
    async def test(scheduler):
        job = scheduler.submit(Held().task())
        await job.finished.wait()
        assert job.error.code == "timeout" and job.error.status == 504

    served(test, limits=Limits(max_job_s=0.05).to_json())


def test_what_nobody_wants_is_not_kept():
    async def test(scheduler):
        done = scheduler.submit(quick(b"x" * 700_000))
        await done.finished.wait()
        held = Held()
        left = scheduler.submit(held.task())
        scheduler.tidy(time.monotonic() + 30)
        assert not left.over and done.id in scheduler.jobs
        scheduler.tidy(time.monotonic() + 61)
        assert left.state == "cancelled" and done.id in scheduler.jobs
        more = scheduler.submit(quick(b"x" * 700_000))
        await more.finished.wait()
        scheduler.tidy(time.monotonic())
        assert done.id not in scheduler.jobs and more.id in scheduler.jobs
        scheduler.tidy(time.monotonic() + 301)
        assert not scheduler.jobs
        with pytest.raises(ApiError, match="no such job"):
            scheduler.get(more.id)

    served(test, keep_bytes=1024 * 1024)


def test_a_draining_server_takes_nothing_new():
    async def test(scheduler):
        scheduler.draining = True
        with pytest.raises(ApiError) as refused:
            scheduler.submit(quick())
        assert refused.value.code == "model_unavailable" and refused.value.status == 503

    served(test)


def test_progress_counts_draws():
    async def test(scheduler):
        def run(_context):
            for stage, done in (("scale", 1), ("scale", 2), ("scale", 1), ("optimization", 0), ("optimization", 1)):
                report(stage, done, 2)
            return Payload(b"{}")

        job = scheduler.submit(Task("x", 1.0, run))
        await job.finished.wait()
        said = [event.data for event in job.events if event.name == "progress"]
        assert [b'"draw":2' in data for data in said] == [False, False, True, False, False]

    served(test)
