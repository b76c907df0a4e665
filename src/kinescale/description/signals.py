"""Small tools for signals in time: smoothing, runs above a threshold, turning points, limb lengths."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

Run = tuple[int, int]
"""Frames ``start`` to ``stop - 1``."""

TRUNCATE = 3.0


def smooth(values: Float[np.ndarray, "T *c"], sigma: float) -> Float[np.ndarray, "T *c"]:
    """Gaussian smoothing over time with ``sigma`` in frames; at the ends a steady course goes on steadily."""
    frames = len(values)
    radius = min(round(TRUNCATE * sigma), frames - 1)
    if radius < 1:
        return values
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    before = 2 * values[:1] - values[radius:0:-1]
    after = 2 * values[-1:] - values[-2 : -radius - 2 : -1]
    padded = np.concatenate([before, values, after])
    # a few products with whole arrays are quicker than a window for every number
    found = kernel[0] * padded[:frames]
    for at in range(1, 2 * radius + 1):
        found += kernel[at] * padded[at : at + frames]
    return found


def rate(values: Float[np.ndarray, "T *c"], fps: float) -> Float[np.ndarray, "T *c"]:
    """Change per second, by central differences; zero for a single frame."""
    found = np.zeros_like(values)
    if len(values) > 1:
        found[1:-1] = (values[2:] - values[:-2]) * (fps / 2)
        found[0], found[-1] = (values[1] - values[0]) * fps, (values[-1] - values[-2]) * fps
    return found


def lowest_around(values: Float[np.ndarray, " T"], reach: int) -> Float[np.ndarray, " T"]:
    """The lowest value within ``reach`` frames each way."""
    padded = np.pad(values, reach, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).min(axis=-1)


def runs(flags: Bool[np.ndarray, " T"]) -> list[Run]:
    """Where flags hold without a break."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def lasting(values: Float[np.ndarray, " T"], enter: float, leave: float) -> list[Run]:
    """Runs above ``leave`` that at some time are above ``enter``."""
    return [(a, b) for a, b in runs(values > leave) if values[a:b].max() > enter]


def joined(spans: list[Run], gap: int) -> list[Run]:
    """Spans with breaks of at most ``gap`` frames closed."""
    found: list[Run] = []
    for start, stop in spans:
        if found and start - found[-1][1] <= gap:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return found


def turning_points(values: Float[np.ndarray, " T"], least: float) -> list[int]:
    """Frames of the extremes, each at least ``least`` from its neighbours, with the first and last frame.

    Going back by less than ``least`` is no turn.
    """
    course = values.tolist()
    found, way, extreme = [0], 0, 0
    low = high = 0
    for at, value in enumerate(course):
        if way == 0:
            low = at if value < course[low] else low
            high = at if value > course[high] else high
            if course[high] - course[low] >= least:
                way, extreme = (1, high) if high > low else (-1, low)
                first = low if way > 0 else high
                found.extend([first] if first else [])
        elif way * (value - course[extreme]) > 0:
            extreme = at
        elif abs(value - course[extreme]) >= least:
            found.append(extreme)
            way, extreme = -way, at
    if way and extreme != found[-1]:
        found.append(extreme)
    last = len(course) - 1
    return found if found[-1] == last else [*found, last]


def reversals(values: Float[np.ndarray, " T"], least: float) -> list[int]:
    """Frames where the course turns back, by at least ``least`` before and after."""
    points = turning_points(values, least)
    sizes = [abs(values[b] - values[a]) for a, b in pairwise(points)]
    return [
        at for at, before, after in zip(points[1:-1], sizes, sizes[1:], strict=False) if min(before, after) >= least
    ]


def limb_length(*chain: Float[np.ndarray, "T 3"]) -> float:
    """Length of a limb in meters, from its joints in order."""
    parts = [np.linalg.norm(b - a, axis=-1).mean() for a, b in pairwise(chain)]
    return max(float(sum(parts)), 1e-9)


def heading(across: Float[np.ndarray, "T 3"]) -> Float[np.ndarray, " T"]:
    """Facing from a line that points to the body's left: 0 faces +Z, positive turns left; unwrapped, radians."""
    return np.unwrap(np.arctan2(-across[:, 2], across[:, 0]))


def along_heading(
    vectors: Float[np.ndarray, "T 3"], yaw: Float[np.ndarray, " T"]
) -> tuple[Float[np.ndarray, " T"], Float[np.ndarray, " T"]]:
    """The forward and the leftward part of vectors, for a body that faces ``yaw``."""
    sin, cos = np.sin(yaw), np.cos(yaw)
    return vectors[:, 0] * sin + vectors[:, 2] * cos, vectors[:, 0] * cos - vectors[:, 2] * sin
