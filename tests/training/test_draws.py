"""Stateless draws: pure in the step, fair, of like length, within the clip."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.core.errors import DataError
from kinescale.training.batch_sampler import POOL, Candidate, Draws
from kinescale.training.config import DrawConfig

CLIPS = [
    Candidate(clip=i, frames=10 + 7 * (i % 40), cuttable=i % 3 != 0, mirrorable=i % 2 == 0, label=f"c{i % 5 % 2}")
    for i in range(90)
]


def draws(seed: int = 1, **fields: object) -> Draws:
    return Draws(CLIPS, DrawConfig.parse({"min_frames": 16, **fields}), stride=4, max_frames=128, seed=seed)


@settings(max_examples=20)
@given(steps=st.lists(st.integers(0, 300), min_size=1, max_size=5), batch=st.integers(1, 9))
def test_a_batch_depends_on_the_step_alone(steps: list[int], batch: int) -> None:
    busy = draws(shorten=0.5)
    for step in steps:
        assert busy.windows(step, batch) == draws(shorten=0.5).windows(step, batch)
    assert draws(2).windows(steps[0], 8) != draws(1).windows(steps[0], 8)


def test_windows_fit_their_clips() -> None:
    chosen = draws(shorten=0.5)
    for step in range(64):
        for window in chosen.windows(step, 8):
            clip = CLIPS[window.clip]
            assert 16 <= window.length <= 128 and window.length % 4 == 0
            assert 0 <= window.start <= clip.frames - window.length
            assert 0 <= window.chance < 1
            assert clip.mirrorable or not window.mirrored
            if not clip.cuttable:
                assert clip.frames - window.length < 4


def test_clips_that_fit_no_window_are_left_out() -> None:
    usable = {c.clip for c in draws().candidates}
    for clip in CLIPS:
        assert (clip.clip in usable) == (clip.frames >= 16 and (clip.cuttable or clip.frames < 132))


def test_an_epoch_shows_every_clip_once() -> None:
    chosen = draws()
    epochs = 32
    seen = Counter(w.clip for step in range(len(chosen) * epochs // 8) for w in chosen.windows(step, 8))
    # Pools cut across epochs, so a clip may be one ahead or behind.
    assert set(seen) == {c.clip for c in chosen.candidates}
    assert max(seen.values()) - min(seen.values()) <= 2


def test_batches_hold_like_lengths() -> None:
    chosen = draws(shorten=0.5)
    spread = [np.ptp([w.length for w in chosen.windows(step, 8)]) for step in range(POOL)]
    everything = np.ptp([w.length for step in range(POOL) for w in chosen.windows(step, 8)])
    assert np.mean(spread) < 0.1 * everything


def test_half_are_mirrored_and_none_without_mirror() -> None:
    def mirrored(mirror: bool) -> float:
        chosen = draws(mirror=mirror)
        flags = [w.mirrored for s in range(200) for w in chosen.windows(s, 8) if CLIPS[w.clip].mirrorable]
        return float(np.mean(flags))

    assert mirrored(False) == 0
    assert mirrored(True) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_classes_are_balanced_by_the_power(power: float) -> None:
    clips = [Candidate(i, 40, label="many" if i < 90 else "few") for i in range(100)]
    chosen = Draws(clips, DrawConfig(balance="class", balance_power=power), stride=4, max_frames=64, seed=0)
    many = np.mean([w.clip < 90 for step in range(400) for w in chosen.windows(step, 8)])
    expected = 90 ** (1 - power) / (90 ** (1 - power) + 10 ** (1 - power))
    assert many == pytest.approx(expected, abs=0.03)


def test_a_corpus_of_weight_nought_is_never_drawn() -> None:
    clips = [Candidate(i, 40, corpus="a" if i % 2 else "b") for i in range(20)]
    chosen = Draws(clips, DrawConfig(corpora={"a": 0.0}), stride=4, max_frames=64, seed=0)
    assert all(not w.clip % 2 for step in range(20) for w in chosen.windows(step, 4))


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(DataError, match="none of the 90 clips"):
        draws(min_frames=1000)


def test_the_coin_takes_one_step_from_a_third() -> None:
    """Guo et al. 2022: single, single, double. A clip of one step keeps it."""
    plain, coin = draws(), draws(coin=1 / 3)
    longest = {c.clip: min(c.frames, 128) // 4 * 4 for c in CLIPS}
    assert all(w.length == longest[w.clip] for step in range(32) for w in plain.windows(step, 8))
    short = [longest[w.clip] - w.length for step in range(160) for w in coin.windows(step, 16)]
    assert set(short) == {0, 4} and 0.3 < np.mean(np.array(short) > 0) < 0.37
    tiny = Draws([Candidate(0, 5)], DrawConfig.parse({"min_frames": 4, "coin": 1.0}), stride=4, max_frames=128, seed=1)
    assert {w.length for w in tiny.windows(0, 9)} == {4}


def test_windows_are_multiples_of_the_unit_where_one_is_asked_for() -> None:
    made = draws(unit=24)
    windows = [window for step in range(20) for window in made.windows(step, 8)]
    assert all(window.length % 24 == 0 for window in windows) and len({window.length for window in windows}) > 1
