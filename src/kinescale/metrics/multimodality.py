"""multimodality: mean Euclidean distance between motions made from one text, in embedding units.

Guo et al. 2022, section 5.1: 10 pairs out of 30 samples a text. ``multimodality_of_all`` takes every pair of different
samples and draws nothing.
"""

from __future__ import annotations

import torch

from kinescale.core.errors import InputError
from kinescale.metrics.base import Better, EmbeddedClips, Indices, Input, Numbers, float64

INPUT: Input = "embeddings"
TITLE = "multimodality"
UNIT = ""
BETTER: Better = "neither"


def multimodality(samples: Numbers, first: Indices, second: Indices) -> float:
    """Mean over texts and pairs of samples [P, S, D]; pair i is ``first[i]``, ``second[i]``, the same for all texts."""
    values = _samples(samples)
    one, two = torch.as_tensor(first), torch.as_tensor(second)
    if one.shape != two.shape or one.numel() == 0:
        raise InputError(f"{one.numel()} and {two.numel()} indices do not make pairs; expected as many of each.")
    return float((values[:, one] - values[:, two]).norm(dim=-1).mean())


def multimodality_of_all(samples: Numbers) -> float:
    """Mean over texts and all S (S - 1) / 2 pairs of samples [P, S, D]."""
    values = _samples(samples)
    if values.shape[1] < 2:
        raise InputError(f"{values.shape[1]} samples a text make no pair; give at least two.")
    rows, columns = torch.triu_indices(values.shape[1], values.shape[1], 1)
    # text by text: all pairs of all texts at once would take S times the memory
    return float(torch.stack([(text[rows] - text[columns]).norm(dim=-1).mean() for text in values]).mean())


def _samples(samples: Numbers) -> torch.Tensor:
    values = float64(samples, "embeddings of samples")
    if values.ndim != 3:
        raise InputError(f"samples of shape {tuple(values.shape)}; expected [texts, samples, width].")
    return values


def measure(clips: EmbeddedClips) -> dict[str, float]:
    """Over the protocol's pairs of samples, or all pairs; nothing where each prompt has one sample."""
    if clips.samples is None:
        return {}
    if clips.sample_pairs.numel():
        return {"multimodality": multimodality(clips.samples, clips.sample_pairs[0], clips.sample_pairs[1])}
    return {"multimodality": multimodality_of_all(clips.samples)}
