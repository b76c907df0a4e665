"""Interpolation in time from bins of a whole number of latents to latents, independent of how many bins follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Kind = Literal["linear", "nearest", "cubic"]

CUBIC_SHARPNESS = -0.75
"""Free number of the cubic kernel (Keys 1981), as in torch's interpolation."""


def interpolate(
    rows: Float[Tensor, "B bins G d"], factor: int, steps: int, kind: Kind = "linear"
) -> Float[Tensor, "B T G d"]:
    """Rows at bin centers (``factor`` latents per bin) brought to the centers of ``steps`` latents, ends held."""
    position = (torch.arange(steps, dtype=torch.float64) + 0.5) / factor - 0.5
    first = position.floor()
    total = None
    for shift, weight in _TAPS[kind](position - first).items():
        index = (first.long() + shift).clamp(0, rows.shape[1] - 1).to(rows.device)
        tap = rows[:, index] * weight.to(rows)[None, :, None, None]
        total = tap if total is None else total + tap
    assert total is not None
    return total


def _cubic(rest: Tensor) -> dict[int, Tensor]:
    a = CUBIC_SHARPNESS

    def near(x: Tensor) -> Tensor:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Tensor) -> Tensor:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return {-1: far(rest + 1), 0: near(rest), 1: near(1 - rest), 2: far(2 - rest)}


_TAPS: dict[str, Callable[[Tensor], dict[int, Tensor]]] = {
    "linear": lambda rest: {0: 1 - rest, 1: rest},
    "nearest": lambda rest: {0: (rest < 0.5).double(), 1: (rest >= 0.5).double()},
    "cubic": _cubic,
}
