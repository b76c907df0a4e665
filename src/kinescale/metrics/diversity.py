"""diversity: mean Euclidean distance of pairs of motions from the whole set, in embedding units.

Guo et al. 2022, section 5.1: 300 pairs, each side drawn without repeats, a motion sometimes paired with itself.
``diversity_of_all`` takes every pair of different motions and draws nothing.
"""

from __future__ import annotations

import torch

from kinescale.core.errors import InputError
from kinescale.metrics.base import Better, EmbeddedClips, Indices, Input, Rows, distances, float64

INPUT: Input = "embeddings"
TITLE = "diversity"
UNIT = ""
BETTER: Better = "as real"

ROWS = 1024
"""Motions compared with all at a time, to bound memory."""


def diversity(motion: Rows, first: Indices, second: Indices) -> float:
    """Mean distance of the pairs ``first[i]``, ``second[i]`` of rows of [N, D]."""
    values = float64(motion, "embeddings")
    one, two = torch.as_tensor(first), torch.as_tensor(second)
    if one.shape != two.shape or one.numel() == 0:
        raise InputError(f"{one.numel()} and {two.numel()} indices do not make pairs; expected as many of each.")
    return float((values[one] - values[two]).norm(dim=-1).mean())


def diversity_of_all(motion: Rows) -> float:
    """Mean distance over all N (N - 1) / 2 pairs."""
    count = len(motion)
    if count < 2:
        raise InputError(f"{count} motions make no pair; give at least two.")
    values = float64(motion, "embeddings")
    total = 0.0
    for at in range(0, count, ROWS):
        block = distances(values[at : at + ROWS], values)
        # a motion's distance to itself is 0 only up to rounding
        block.diagonal(at).zero_()
        total += float(block.sum())
    return total / (count * (count - 1))


def measure(clips: EmbeddedClips) -> float:
    """Over the protocol's pairs, or all pairs of the clips that count."""
    if clips.pairs.numel():
        return diversity(clips.motion, clips.pairs[0], clips.pairs[1])
    return diversity_of_all(clips.motion[clips.counted])
