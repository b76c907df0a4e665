"""Path curves: a smooth or straight line through points, sampled at an even pace."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

PIECES = 32
"""Pieces that a smooth line has between two drawn points; the pace is measured along them."""

SAME_M = 1e-6


def along(
    points: Float64[np.ndarray, "N 2"], frames: int, *, smooth: bool = True, even: bool = True
) -> Float64[np.ndarray, "frames 2"]:
    """The place at each of so many frames; the first is the first point, the last the last.

    ``smooth``: a centripetal Catmull-Rom curve (Yuksel et al. 2011), which has no loops between points. ``even``: the
    same way in every frame; else each piece between two points takes the same time.
    """
    line, place = _curve(points, smooth)
    share = np.linspace(0.0, 1.0, frames)
    if even:
        way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
        if way[-1] < SAME_M:
            return np.repeat(line[:1], frames, axis=0)
        place = way / way[-1]
    return np.stack([np.interp(share, place, line[:, axis]) for axis in range(2)], axis=1)


def bearings(points: Float64[np.ndarray, "N 2"], reach: int) -> Float64[np.ndarray, " N"]:
    """Where a path leads in each frame, radians (0 = +Z, positive towards +X), over ``reach`` frames each way.

    Unwrapped; where the path rests it keeps the nearest bearing, and a path that never moves leads nowhere: 0.
    """
    count = len(points)
    at = np.arange(count)
    step = points[np.minimum(at + reach, count - 1)] - points[np.maximum(at - reach, 0)]
    moves = np.linalg.norm(step, axis=1) > max(SAME_M, 0.1 * float(np.linalg.norm(step, axis=1).max()))
    if not moves.any():
        return np.zeros(count)
    known = np.flatnonzero(moves)
    angle = np.unwrap(np.arctan2(step[known, 0], step[known, 1]))
    return np.interp(at, known, angle)


def _curve(points: Float64[np.ndarray, "N 2"], smooth: bool) -> tuple[np.ndarray, np.ndarray]:
    """Points on the line and when each is passed, 0 to 1, if every drawn piece takes as long."""
    apart = np.concatenate([[True], np.linalg.norm(np.diff(points, axis=0), axis=1) > SAME_M])
    distinct = points[apart]
    if not smooth or len(distinct) < 3:
        return points, np.linspace(0.0, 1.0, len(points))
    # so that pieces of no length still take their time
    place = np.linspace(0.0, 1.0, len(points))[apart]
    padded = np.concatenate([2 * distinct[:1] - distinct[1:2], distinct, 2 * distinct[-1:] - distinct[-2:-1]])
    share = np.linspace(0.0, 1.0, PIECES, endpoint=False)
    line, passed = [], []
    for i in range(len(distinct) - 1):
        line.append(_piece(padded[i : i + 4], share))
        passed.append(place[i] + share * (place[i + 1] - place[i]))
    return np.concatenate([*line, distinct[-1:]]), np.concatenate([*passed, [1.0]])


def _piece(p: Float64[np.ndarray, "4 2"], share: np.ndarray) -> np.ndarray:
    """Between the second and the third of four points, by Barry and Goldman's pyramid."""
    knot = np.concatenate([[0.0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(p, axis=0), axis=1)))])
    t = (knot[1] + share * (knot[2] - knot[1]))[:, None]

    def mix(a: np.ndarray, b: np.ndarray, low: int, high: int) -> np.ndarray:
        return ((knot[high] - t) * a + (t - knot[low]) * b) / (knot[high] - knot[low])

    first = [mix(p[i], p[i + 1], i, i + 1) for i in range(3)]
    second = [mix(first[i], first[i + 1], i, i + 2) for i in range(2)]
    return mix(second[0], second[1], 1, 2)
