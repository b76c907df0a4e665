"""Requests of an overload benchmark: planned send times, one connection each, slow readers and clients that leave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from dataclasses import dataclass

REFUSALS = (429, 503)
SLOW_BYTES, SLOW_S = 2048, 0.02
TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Sent:
    """What became of one request; seconds from its planned send time to the end of its answer."""

    kind: str
    status: int
    seconds: float
    retry_after: bool = False


@dataclass(frozen=True)
class Target:
    """Where requests go: a port of this machine, and the body's length, wait and seed."""

    port: int
    seconds: float
    max_wait_s: float

    def request(self, seed: int) -> bytes:
        """One request as bytes."""
        body = json.dumps(
            {
                "prompt": "a person walks forward",
                "seconds": self.seconds,
                "seed": seed,
                "candidates": 1,
                "max_wait_s": self.max_wait_s,
            }
        ).encode()
        head = "POST /v1/generate?wait=60 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def send(target: Target, seed: int, planned: float, kind: str = "plain", leave_s: float = 0.0) -> Sent:
    """Send one request at its time and read the answer as its kind of client does."""
    await asyncio.sleep(max(0.0, planned - time.perf_counter()))
    status, head = 0, b""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
            try:
                writer.write(target.request(seed))
                await writer.drain()
                if kind == "leaving":
                    await asyncio.sleep(leave_s)
                    return Sent(kind, 0, time.perf_counter() - planned)
                head = await reader.readuntil(b"\r\n\r\n")
                status = int(head.split(None, 2)[1])
                await _rest(reader, slow=kind == "slow")
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
        status = status or -1
    return Sent(kind, status, time.perf_counter() - planned, b"retry-after" in head.lower())


async def _rest(reader: asyncio.StreamReader, *, slow: bool) -> None:
    while await reader.read(SLOW_BYTES if slow else 1 << 16):
        if slow:
            await asyncio.sleep(SLOW_S)


async def poisson(target: Target, rate: float, seconds: float, rng: random.Random, mixed: bool = True) -> list[Sent]:
    """Open-loop arrivals: requests are sent when they are due, whatever became of those before."""
    waiting, at, start = [], 0.0, time.perf_counter() + 0.05
    while (at := at + rng.expovariate(rate)) < seconds:
        draw = rng.random() if mixed else 1.0
        kind = "leaving" if draw < 0.1 else "slow" if draw < 0.15 else "plain"
        waiting.append(
            asyncio.create_task(send(target, rng.randrange(1 << 30), start + at, kind, rng.uniform(0.05, 1.0)))
        )
    return list(await asyncio.gather(*waiting))


def percentile(values: list[float], share: float) -> float | None:
    """A percentile by rank; ``None`` of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]
