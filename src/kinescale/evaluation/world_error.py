"""World error: drift of a copy from its recording over a fixed time, aligned at the start."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinescale.metrics import mpjpe

WORLD_S, FIT_S = 4.0, 0.3
"""The error after ``WORLD_S`` of a copy that is aligned over its first ``FIT_S``; mean of the last ``FIT_S``."""


def world_error_mm(
    real: Float[Tensor, "T J 3"], made: Float[Tensor, "T J 3"], fps: float, seconds: float = WORLD_S
) -> float | None:
    """Mean joint error, mm, at the end of stretches of ``seconds``, each laid upon the recording's at its start.

    The copy of a stretch is turned about the vertical and moved on the ground so that its first ``FIT_S`` fit best;
    heights are left as they are. Stretches follow on each other. ``None`` for a clip shorter than one.
    """
    span, edge = round(seconds * fps), max(1, round(FIT_S * fps))
    errors = []
    for start in range(0, len(real) - span + 1, span):
        one, two = real[start : start + span], made[start : start + span]
        laid = _aligned(one, two, edge)
        errors.append(float((one[-edge:] - laid[-edge:]).norm(dim=-1).mean()))
    return mpjpe.MM_PER_M * float(np.mean(errors)) if errors else None


def _aligned(real: Tensor, made: Tensor, edge: int) -> Tensor:
    """``made`` turned about the vertical and moved on the ground so that its first ``edge`` frames fit ``real``."""
    flat = [0, 2]
    one, two = real[:edge][..., flat].reshape(-1, 2), made[:edge][..., flat].reshape(-1, 2)
    here, there = one.mean(0), two.mean(0)
    a, b = one - here, two - there
    # the angle about the vertical that turns b onto a, in the plane of x and z
    angle = torch.atan2((b[:, 0] * a[:, 1] - b[:, 1] * a[:, 0]).sum(), (a * b).sum())
    cos, sin = torch.cos(angle), torch.sin(angle)
    turn = torch.stack([torch.stack([cos, sin]), torch.stack([-sin, cos])])
    moved = (made[..., flat] - there) @ turn + here
    return torch.stack([moved[..., 0], made[..., 1], moved[..., 1]], dim=-1)
