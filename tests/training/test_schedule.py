"""The rate's shapes and the averaging weight."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.training.config import OptimizerConfig, ScheduleConfig
from kinescale.training.schedule import clip_bound, ema_weight, rate


@settings(max_examples=50)
@given(
    kind=st.sampled_from(["constant", "cosine", "step"]),
    warmup=st.integers(0, 20),
    steps=st.integers(21, 200),
    final=st.floats(0, 1),
)
def test_warm_up_rises_and_the_rest_never_does(kind: str, warmup: int, steps: int, final: float) -> None:
    config = ScheduleConfig(kind=kind, warmup=warmup, final=final, milestones=(30, 60))  # type: ignore[arg-type]
    rates = [rate(config, step, steps) for step in range(steps)]
    assert all(0 <= value <= 1 for value in rates)
    assert all(a < b for a, b in pairwise(rates[:warmup]))
    assert all(a >= b for a, b in pairwise(rates[warmup:]))


def test_cosine_goes_from_one_to_final() -> None:
    config = ScheduleConfig(kind="cosine", final=0.1)
    assert rate(config, 0, 100) == 1.0
    assert rate(config, 50, 100) == pytest.approx(0.55)
    assert rate(config, 100, 100) == pytest.approx(0.1)


def test_a_longer_horizon_stops_on_the_way() -> None:
    """MoScale notes, section 3.6: a cosine over 250 epochs stopped at 120 ends near 57% of the peak."""
    config = ScheduleConfig(kind="cosine", warmup=10, final=0.01, horizon=250)
    assert rate(config, 120, 120) == pytest.approx(0.57, abs=0.01)


def test_the_average_starts_short_and_ends_at_its_decay() -> None:
    weights = [ema_weight(0.99, step) for step in range(2000)]
    assert weights[0] == pytest.approx(0.1)
    assert weights == sorted(weights)
    assert weights[-1] == 0.99


def test_the_bound_of_the_gradient_falls_as_published() -> None:
    config = OptimizerConfig(clip=1.0, clip_extra=5.0)
    for step in range(0, 1000, 37):
        assert clip_bound(config, step, 1000) == pytest.approx(5 * (0.3 ** (20 * step / 1000) + 0.2))
    assert clip_bound(config, 0, 1000) == 6.0 and clip_bound(config, 1000, 1000) == pytest.approx(1.0, abs=1e-9)
    assert clip_bound(OptimizerConfig(clip=0.5), 7, 10) == 0.5
    assert clip_bound(OptimizerConfig(clip=0.0, clip_extra=5.0), 7, 10) == math.inf
