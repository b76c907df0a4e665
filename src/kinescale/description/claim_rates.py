"""Rates of fulfilled claims by kind, with 95 % Wilson intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import sqrt
from typing import get_args

from kinescale.core.errors import InputError
from kinescale.core.records import Record
from kinescale.description.claims import ClaimKind

KINDS: tuple[ClaimKind, ...] = get_args(ClaimKind)
Z_95 = 1.959964


class Rate(Record):
    """How often claims of a kind were fulfilled, with the 95 % Wilson interval; all ``None`` for no claims."""

    kind: ClaimKind
    done: int
    count: int
    rate: float | None
    low: float | None
    high: float | None


def rates(scored: Iterable[tuple[ClaimKind, bool]]) -> tuple[Rate, ...]:
    """The rate of each kind, in the order of ``KINDS``, from (kind, fulfilled) pairs."""
    done: dict[str, list[bool]] = defaultdict(list)
    for kind, fulfilled in scored:
        done[kind].append(fulfilled)
    found = []
    for kind in KINDS:
        right, count = sum(done[kind]), len(done[kind])
        low, high = wilson(right, count) if count else (None, None)
        rate = right / count if count else None
        found.append(Rate(kind=kind, done=right, count=count, rate=rate, low=low, high=high))
    return tuple(found)


def wilson(done: int, count: int, z: float = Z_95) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927). ``InputError`` unless 0 <= done <= count and count > 0."""
    if not 0 <= done <= count or count == 0:
        raise InputError(f"{done} of {count}; expected a count above 0 and no more done than that.")
    share = done / count
    middle = share + z * z / (2 * count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    # at the ends the interval closes exactly, whatever rounding says
    low = 0.0 if done == 0 else (middle - half) / scale
    return low, 1.0 if done == count else (middle + half) / scale
