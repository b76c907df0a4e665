"""Sparse keys: as few keys per channel as keep every joint within a distance of where the dense motion has it.

Each channel keeps its ends and, piece by piece, the frame that a straight line (or a slerp) misses most (Ramer 1972,
Douglas and Peucker 1973), down to a tolerance; the tolerance is halved until the joints themselves are within budget.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.kinematics.rotations import quat_angle, quat_continuous, quat_slerp
from kinescale.motion.motion import Motion

HALVINGS = 8
REACH_M = 1.0
"""Meters from a joint that its turn moves: the first guess of the angle that a budget allows."""

Between = Callable[[Tensor, Tensor, Tensor], Tensor]


def reduced(motion: Motion, budget_m: float) -> tuple[list[int], list[list[int]]]:
    """The key frames of the root's track, and of each joint's rotations."""
    rotations = quat_continuous(motion.rotations.double())
    root, places = motion.root.double(), motion.positions().double()
    every = list(range(len(motion)))
    tolerance = budget_m / 2
    for _ in range(HALVINGS):
        keys = _kept(root, _line, _distance, tolerance)
        turns = [
            _kept(rotations[:, joint], quat_slerp_rows, quat_angle, tolerance / REACH_M)
            for joint in range(rotations.shape[1])
        ]
        dense = torch.stack(
            [_filled(rotations[:, joint], own, quat_slerp_rows) for joint, own in enumerate(turns)], dim=1
        )
        again = motion.to(torch.float64).replace(root=_filled(root, keys, _line), rotations=dense).positions()
        if float((again - places).norm(dim=-1).max()) <= budget_m:
            return keys, turns
        tolerance /= 2
    return every, [every for _ in range(rotations.shape[1])]


def _kept(values: Float[Tensor, "T C"], between: Between, apart: Callable[..., Tensor], tolerance: float) -> list[int]:
    """Frames to keep, so that no other is farther off than ``tolerance``."""
    last = len(values) - 1
    kept, waiting = {0, last}, [(0, last)]
    while waiting:
        first, stop = waiting.pop()
        if stop - first < 2:
            continue
        guess = _piece(values, first, stop, between)
        off = apart(guess, values[first : stop + 1])
        worst = int(off.argmax())
        if float(off[worst]) > tolerance and 0 < worst < stop - first:
            kept.add(first + worst)
            waiting += [(first, first + worst), (first + worst, stop)]
    return sorted(kept)


def _filled(values: Float[Tensor, "T C"], keys: list[int], between: Between) -> Float[Tensor, "T C"]:
    """All frames from the keys."""
    if len(keys) < 2:
        return values[keys].expand(len(values), -1)
    pieces = [_piece(values, a, b, between)[:-1] for a, b in itertools.pairwise(keys)]
    return torch.cat([*pieces, values[keys[-1] :]])


def _piece(values: Tensor, first: int, stop: int, between: Between) -> Tensor:
    share = torch.from_numpy(np.linspace(0.0, 1.0, stop - first + 1))
    return between(values[first], values[stop], share)


def _line(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    return a + share[:, None] * (b - a)


def quat_slerp_rows(a: Float[Tensor, "4"], b: Float[Tensor, "4"], share: Float[Tensor, "N"]) -> Float[Tensor, "N 4"]:
    """Rotations between two, at shares of the way."""
    count = len(share)
    return quat_slerp(a.expand(count, 4), b.expand(count, 4), share)


def _distance(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).norm(dim=-1)
