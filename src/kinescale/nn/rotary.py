"""Rotary position embedding in its two channel conventions.

Su et al. 2021 (RoFormer), section 3.4. ``rotate_half`` pairs channel i with i + d/2 (MoScale's tokenizer);
``rotate_interleaved`` pairs channel 2i with 2i + 1 (its generator). They are different functions of the same weights.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

BASE = 10000.0


def half_frequencies(head_width: int) -> Float[Tensor, "half"]:
    """``BASE^(-2i/d)`` for i < d/2: radians a step of the channel pairs of ``rotate_half``."""
    return BASE ** (-torch.arange(0, head_width, 2, dtype=torch.float32) / head_width)


def rotate_half(
    x: Float[Tensor, "B H T d"], positions: Float[Tensor, "T"], frequencies: Float[Tensor, "half"]
) -> Float[Tensor, "B H T d"]:
    """Turn the channel pair (i, i + d/2) of step t by ``positions[t] * frequencies[i]`` radians."""
    angles = positions[:, None] * frequencies[None, :]
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def doubled_frequencies(head_width: int) -> Float[Tensor, "pairs"]:
    """``BASE^(-2 floor(i/2) / P)`` for the P = d/2 neighboring pairs.

    Each frequency serves two neighboring pairs, as in the published MoScale generator (its weights need it).
    """
    pairs = head_width // 2
    index = torch.arange(pairs, dtype=torch.float32).div(2, rounding_mode="floor")
    return BASE ** (-2.0 * index / pairs)


def interleaved_phases(positions: Int[Tensor, "T"], head_width: int) -> Float[Tensor, "2 T pairs"]:
    """Cosine and sine of every step's and pair's angle, for ``rotate_interleaved``."""
    frequencies = doubled_frequencies(head_width).to(positions.device)
    angles = positions.to(torch.float32)[:, None] * frequencies[None, :]
    return torch.stack([angles.cos(), angles.sin()])


def rotate_interleaved(x: Float[Tensor, "*a T d"], phases: Float[Tensor, "2 *b T pairs"]) -> Float[Tensor, "*a T d"]:
    """Turn the channel pair (2i, 2i + 1) of step t by the angle whose cosine and sine ``phases`` holds.

    A pair is a complex number and the turn a product, which costs half of what strided channels do; graphs that are
    traced for other runtimes have no complex numbers.
    """
    if torch.jit.is_tracing():
        first, second = x.unflatten(-1, (-1, 2)).unbind(-1)
        turned = [first * phases[0] - second * phases[1], first * phases[1] + second * phases[0]]
        return torch.stack(turned, -1).flatten(-2)
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * torch.complex(phases[0], phases[1])).flatten(-2).to(x.dtype)
