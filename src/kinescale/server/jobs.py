"""Jobs: what is asked for, its state, its log of events, and the context in which a worker computes it."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from kinescale.server.errors import ApiError
from kinescale.server.motion_json import joined_object

State = Literal["queued", "running", "done", "failed", "cancelled"]
MEDIA_JSON = "application/json"


class Stopped(BaseException):
    """Ends a computation that nobody wants any more; no ``Exception``, so that nothing on the way keeps it."""


@dataclass(frozen=True, eq=False)
class Payload:
    """What a job made: the bytes of an answer and their type."""

    body: bytes
    media_type: str = MEDIA_JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Task:
    """A computation that a worker can do.

    Parameters
    ----------
    kind : its name in the answer and in the metrics; computing times are learned per kind.
    units : how much it is, in any unit of its kind.
    run : computes it, on a worker's thread.
    key, together : tasks with the same key may be computed by ``together``, one payload each, the same as alone.
    request : what ``together`` needs of each.
    """

    kind: str
    units: float
    run: Callable[[Context], Payload]
    key: Hashable | None = None
    together: Callable[[Sequence[Task], Context], list[Payload]] | None = None
    request: Any = None


@dataclass(frozen=True)
class Event:
    """An entry of a job's log; ``data`` is JSON."""

    number: int
    name: str
    data: bytes


class Job:
    """A task on its way. Only the event loop's thread changes it; ``cancelled`` is also read by workers."""

    def __init__(self, task: Task, wait_s: float):
        self.task, self.predicted_wait_s = task, wait_s
        self.id = secrets.token_urlsafe(15)
        self.state: State = "queued"
        self.submitted_at = time.time()
        self.started: float | None = None
        self.ended: float | None = None
        self.seen = time.monotonic()
        self.waiters = 0
        self.position = 0
        self.progress: dict[str, Any] | None = None
        self.payload: Payload | None = None
        self.error: ApiError | None = None
        self.cancelled = threading.Event()
        self.finished = asyncio.Event()
        self.events: list[Event] = []
        self._changed = asyncio.Event()

    @property
    def over(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ("done", "failed", "cancelled")

    @property
    def size(self) -> int:
        """Bytes that it keeps."""
        kept = 0 if self.payload is None else len(self.payload.body)
        return kept + sum(len(event.data) for event in self.events)

    def json(self, *, result: bool = True) -> bytes:
        """The job as an answer shows it."""
        head = {
            "id": self.id,
            "kind": self.task.kind,
            "state": self.state,
            "position": self.position if self.state == "queued" else 0,
            "predicted_wait_s": round(self.predicted_wait_s, 3) if self.state == "queued" else 0.0,
            "submitted_at": round(self.submitted_at, 3),
            "progress": self.progress,
            "error": None if self.error is None else self.error.body,
            "url": f"/v1/jobs/{self.id}",
            "events": f"/v1/jobs/{self.id}/events",
        }
        shown = result and self.payload is not None and self.payload.media_type == MEDIA_JSON
        return joined_object(head, {"result": self.payload.body if shown and self.payload else b"null"})

    def record(self, name: str, data: bytes) -> None:
        """Add an event to the log and wake whoever reads it."""
        self.events.append(Event(len(self.events) + 1, name, data))
        self.wake()

    def wake(self) -> None:
        """Wake the readers of the log."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Until the next event, or the end."""
        if not self.over:
            await self._changed.wait()

    def become(self, state: State) -> None:
        """Enter a state; the last one closes the log."""
        self.state = state
        if not self.over:
            self.record("state", self.json(result=False))
            return
        self.ended = time.monotonic()
        self.finished.set()
        # the last event is the job itself with its result, which is not kept twice
        self.wake()


class Context:
    """What a computation may do while it runs: say how far it is, show previews, and end when it is not wanted."""

    def __init__(self, jobs: Sequence[Job], deadline: float, say: Callable[[Job, str, Any], None]):
        self.jobs, self._deadline, self._say = list(jobs), deadline, say
        self._stage, self._draw, self._last = "", 1, 0

    def check(self) -> None:
        """Raise ``Stopped`` when all jobs are cancelled, ``ApiError`` (``timeout``) after the deadline."""
        if all(job.cancelled.is_set() for job in self.jobs):
            raise Stopped
        if time.monotonic() > self._deadline:
            raise ApiError("timeout", "this took longer than a job may; ask for less.")

    def watch(self, stage: str, done: int, total: int) -> None:
        """A ``core.progress`` watcher."""
        self.check()
        if stage != self._stage:
            self._stage, self._draw = stage, 1
        elif done <= self._last:
            self._draw += 1
        self._last = done
        for job in self.jobs:
            self._say(job, "progress", {"stage": stage, "done": done, "total": total, "draw": self._draw})

    def preview(self, index: int, data: bytes) -> None:
        """A preview of one of the jobs, JSON already."""
        self._say(self.jobs[index], "preview", data)


def event_text(name: str, data: bytes, number: int) -> bytes:
    """One server-sent event."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (number, name.encode(), data)


def json_bytes(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
