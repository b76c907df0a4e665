"""Rotary phases over relative clip time, so that scales of any length align.

MoSa (arXiv 2511.01200): step t of a row of n steps stands at ``t / (n - 1)`` of the clip, times the head's width.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

BASE = 100.0


def scale_phases(places: Float[Tensor, "*b L"], head_width: int) -> Float[Tensor, "2 *b L pairs"]:
    """Cosine and sine for ``rotary.rotate_interleaved`` of rows at ``places``, 0 (the clip's start) to 1 (its end)."""
    frequencies = BASE ** (-torch.arange(0, head_width, 2, device=places.device, dtype=torch.float32) / head_width)
    angles = places[..., None] * head_width * frequencies
    return torch.stack([angles.cos(), angles.sin()])
