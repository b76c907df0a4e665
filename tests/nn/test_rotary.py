"""Rotary embedding: lengths stay, scores depend on the distance alone, and both conventions match a plain twin."""

from __future__ import annotations

import math

import pytest
import torch

from kinescale.nn.rotary import (
    doubled_frequencies,
    half_frequencies,
    interleaved_phases,
    rotate_half,
    rotate_interleaved,
)

WIDTH = 12


def turned_half(x: torch.Tensor, start: int) -> torch.Tensor:
    positions = torch.arange(x.shape[2], dtype=torch.float32) + start
    return rotate_half(x, positions, half_frequencies(WIDTH))


def turned_neighbors(x: torch.Tensor, start: int) -> torch.Tensor:
    return rotate_interleaved(x, interleaved_phases(torch.arange(x.shape[2]) + start, WIDTH))


@pytest.mark.parametrize("turned", [turned_half, turned_neighbors])
def test_norms_stay_and_scores_depend_on_distance_only(turned) -> None:
    query, key = torch.randn(2, 3, 7, WIDTH), torch.randn(2, 3, 7, WIDTH)
    torch.testing.assert_close(turned(query, 5).norm(dim=-1), query.norm(dim=-1))
    here = turned(query, 0) @ turned(key, 0).transpose(-1, -2)
    there = turned(query, 9) @ turned(key, 9).transpose(-1, -2)
    torch.testing.assert_close(here, there, atol=1e-5, rtol=1e-5)


def test_half_matches_a_plain_twin() -> None:
    x = torch.randn(1, 1, 5, WIDTH)
    out = turned_half(x, 0)
    for t in range(5):
        for i in range(WIDTH // 2):
            angle = t * 10000 ** (-2 * i / WIDTH)
            a, b = float(x[0, 0, t, i]), float(x[0, 0, t, i + WIDTH // 2])
            assert float(out[0, 0, t, i]) == pytest.approx(a * math.cos(angle) - b * math.sin(angle), abs=1e-5)
            assert float(out[0, 0, t, i + 6]) == pytest.approx(b * math.cos(angle) + a * math.sin(angle), abs=1e-5)


def test_neighbors_match_a_plain_twin_and_share_frequencies_in_twos() -> None:
    x = torch.randn(1, 1, 5, WIDTH)
    out = turned_neighbors(x, 0)
    for t in range(5):
        for i in range(WIDTH // 2):
            angle = t * 10000 ** (-2 * (i // 2) / (WIDTH // 2))
            a, b = float(x[0, 0, t, 2 * i]), float(x[0, 0, t, 2 * i + 1])
            assert float(out[0, 0, t, 2 * i]) == pytest.approx(a * math.cos(angle) - b * math.sin(angle), abs=1e-5)
            assert float(out[0, 0, t, 2 * i + 1]) == pytest.approx(a * math.sin(angle) + b * math.cos(angle), abs=1e-5)
    assert len(doubled_frequencies(96).unique()) == 24
