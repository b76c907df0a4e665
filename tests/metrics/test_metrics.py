"""Laws of the metrics: values known in closed form, what leaves them unchanged, agreement with naive twins."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.core.errors import InputError
from kinescale.metrics import (
    FAMILY,
    clip_score,
    codebook,
    diversity,
    fid,
    foot_skate,
    jerk,
    jitter,
    matching,
    mpjpe,
    multimodality,
    r_precision,
)
from kinescale.metrics.base import distances


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def turn(width: int, seed: int = 9) -> torch.Tensor:
    return torch.linalg.qr(drawn(width, width, seed=seed)).Q


def test_the_family_is_whole() -> None:
    assert len(FAMILY.names()) == 16
    for name in FAMILY.names():
        assert FAMILY.get(name, "BETTER") in ("lower", "higher", "as real", "neither")


# FID


@given(seed=st.integers(0, 1000), rows=st.integers(2, 60))
@settings(max_examples=30, deadline=None)
def test_fid_of_a_set_with_itself_is_zero_and_turns_leave_it(seed: int, rows: int) -> None:
    """Also with fewer rows than the embedding is wide."""
    real, made = drawn(rows, 24, seed=seed), drawn(rows + 3, 24, seed=seed + 1) * 1.5 + 0.3
    assert fid.fid(real, real) < 1e-9
    value, rotation = fid.fid(real, made), turn(24)
    assert fid.fid(made, real) == pytest.approx(value, rel=1e-9)
    assert fid.fid(real @ rotation + 2.0, made @ rotation + 2.0) == pytest.approx(value, rel=1e-7)


def test_fid_of_gaussians_with_a_known_value() -> None:
    """Covariances that share their axes: the squared gap of the means plus that of the deviations."""
    first, second = torch.tensor([1.0, 2.0, 0.0]).double(), torch.tensor([3.0, 0.5, 0.0]).double()
    axes = turn(3)
    gap = torch.tensor([1.0, -2.0, 0.5]).double()
    one = fid.Gaussian(torch.zeros(3).double(), axes @ torch.diag(first**2) @ axes.T, 100)
    two = fid.Gaussian(gap, axes @ torch.diag(second**2) @ axes.T, 100)
    expected = float(gap.square().sum() + (first - second).square().sum())
    assert fid.distance(one, two) == pytest.approx(expected, rel=1e-9)


def test_fid_of_covariances_that_share_no_axes() -> None:
    """In two dimensions the trace of the root of a product is sqrt(trace + 2 sqrt(determinant))."""
    one, two = fid.gaussian(drawn(50, 2)), fid.gaussian(drawn(50, 2, seed=4) @ drawn(2, 2, seed=5))
    product = one.covariance @ two.covariance
    root = math.sqrt(float(product.trace()) + 2 * math.sqrt(float(product.det())))
    expected = float((one.mean - two.mean).square().sum() + one.covariance.trace() + two.covariance.trace()) - 2 * root
    assert fid.distance(one, two) == pytest.approx(expected, rel=1e-9)


def test_fid_says_when_there_are_too_few_rows() -> None:
    few, enough = fid.gaussian(drawn(20, 24)), fid.gaussian(drawn(25, 24))
    assert not few.full_rank and "20 motions in 24 dimensions" in few.note
    assert enough.full_rank and enough.note == ""
    # a singular covariance on both sides: closed form by the nuclear norm of the centered rows' product
    one, two = drawn(5, 24, seed=1), drawn(7, 24, seed=2)
    left, right = (one - one.mean(0)) / 2.0, (two - two.mean(0)) / math.sqrt(6.0)
    nuclear = float(torch.linalg.svdvals(left @ right.T).sum())
    gap = float((one.mean(0) - two.mean(0)).square().sum())
    expected = gap + float(left.square().sum() + right.square().sum()) - 2 * nuclear
    assert fid.fid(one, two) == pytest.approx(expected, rel=1e-7)


def test_fid_takes_arrays_and_refuses_what_is_not_finite() -> None:
    real, made = drawn(30, 4), drawn(30, 4, seed=1)
    assert fid.fid(real.numpy().astype(np.float32), made.float()) == pytest.approx(fid.fid(real, made), rel=1e-4)
    made[3, 1] = torch.nan
    with pytest.raises(InputError, match="not finite"):
        fid.fid(real, made)
    with pytest.raises(InputError, match="two motions"):
        fid.fid(real[:1], real)
    with pytest.raises(InputError, match="one evaluator"):
        fid.fid(real, real[:, :3])


# Retrieval


def test_identical_pairs_are_found_and_random_ones_at_chance() -> None:
    rows, pools = drawn(3200, 16), torch.arange(3200).view(-1, 32)
    others = torch.stack([(torch.arange(3200) + 37 * k) % 3200 for k in range(1, 32)], dim=1)
    for cosine in (False, True):
        assert r_precision.r_precision(rows, rows, pools, cosine=cosine) == (1.0, 1.0, 1.0)
        assert bool(r_precision.hits_against(rows, rows, others, cosine=cosine).all())
    other = drawn(3200, 16, seed=5)
    for found in (r_precision.hits(rows, other, pools), r_precision.hits_against(rows, other, others)[None]):
        for k, value in enumerate(found.double().mean((0, 1)).tolist(), 1):
            chance = k / 32
            assert abs(value - chance) < 4 * math.sqrt(chance * (1 - chance) / 3200)


def test_hits_agree_with_a_naive_twin() -> None:
    text, motion, pools = drawn(24, 6), drawn(24, 6, seed=1), torch.randperm(24).view(3, 8)
    found = r_precision.hits(text, motion, pools)
    for q, pool in enumerate(pools.tolist()):
        for i, own in enumerate(pool):
            order = sorted(pool, key=lambda j, own=own: float((text[own] - motion[j]).norm()))
            assert found[q, i].tolist() == [own in order[:k] for k in (1, 2, 3)]
    own_pools = torch.stack([torch.tensor([j for j in pools.flatten().tolist() if j != i][:7]) for i in range(24)])
    against = r_precision.hits_against(text, motion, own_pools)
    for i in range(24):
        nearer = sum(float((text[i] - motion[j]).norm()) <= float((text[i] - motion[i]).norm()) for j in own_pools[i])
        assert against[i].tolist() == [nearer < k for k in (1, 2, 3)]


def test_one_motion_for_all_texts_is_chance_in_a_batch_and_nothing_against_others() -> None:
    text, same = drawn(64, 8), torch.ones(64, 8).double()
    assert r_precision.r_precision(text, same, torch.arange(64).view(2, 32))[0] == pytest.approx(1 / 32)
    others = torch.stack([(torch.arange(64) + k) % 64 for k in range(1, 32)], dim=1)
    assert not r_precision.hits_against(text, same, others).any()


def test_pools_outside_the_rows_are_refused() -> None:
    with pytest.raises(InputError, match="outside 0 to 3"):
        r_precision.r_precision(drawn(4, 2), drawn(4, 2), torch.tensor([[0, 4]]))


@given(seed=st.integers(0, 1000), shift=st.floats(-1e6, 1e6))
@settings(max_examples=20, deadline=None)
def test_distances_keep_their_digits_far_from_the_origin(seed: int, shift: float) -> None:
    one, two = drawn(7, 5, seed=seed) + shift, drawn(9, 5, seed=seed + 1) + shift
    naive = (one[:, None] - two[None]).norm(dim=-1)
    assert torch.allclose(distances(one, two), naive, atol=1e-6)


def test_matching_and_clip_score_of_known_pairs() -> None:
    text, motion = torch.tensor([[3.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0, 4.0], [0.0, 5.0]])
    assert matching.matching(text, motion) == pytest.approx(4.5)
    assert clip_score.clip_score(text, motion) == pytest.approx(0.5)
    assert clip_score.clip_score(text, torch.zeros(2, 2)) == 0.0
    with pytest.raises(InputError, match="expected the same"):
        matching.matching(text, motion[:1])


# Spread


def test_diversity_and_multimodality_over_all_pairs_agree_with_naive_twins() -> None:
    rows = drawn(1500, 3)
    naive = torch.pdist(rows)
    assert diversity.diversity_of_all(rows) == pytest.approx(float(naive.mean()), rel=1e-9)
    samples = drawn(4, 6, 3)
    twin = torch.stack([torch.pdist(text).mean() for text in samples]).mean()
    assert multimodality.multimodality_of_all(samples) == pytest.approx(float(twin), rel=1e-9)
    one, two = torch.tensor([0, 1, 2]), torch.tensor([0, 2, 1])
    by_hand = [float((rows[i] - rows[j]).norm()) for i, j in zip(one, two)]
    assert diversity.diversity(rows, one, two) == pytest.approx(sum(by_hand) / 3)
    assert multimodality.multimodality(samples, one[:1], two[:1]) == 0.0


# Positions


def test_mpjpe_counts_millimeters_and_alignment_takes_out_the_root() -> None:
    real = drawn(2, 5, 4, 3)
    made = real + torch.tensor([0.03, 0.04, 0.0])
    assert mpjpe.mpjpe(real, made) == pytest.approx(50.0)
    assert mpjpe.mpjpe_aligned(real, made) == pytest.approx(0.0, abs=1e-9)
    valid = torch.tensor([[True, True, False, False, False], [True] * 5])
    made[0, 2:] += 9.0
    assert mpjpe.mpjpe(real, made, valid) == pytest.approx(50.0)
    with pytest.raises(InputError, match="no frame"):
        mpjpe.mpjpe(real, made, torch.zeros(2, 5, dtype=torch.bool))


def test_jitter_and_jerk_of_a_cubic_and_a_sine() -> None:
    for fps in (20.0, 30.0, 120.0):
        time = torch.arange(int(2 * fps)).double() / fps
        cubic = torch.stack([time**3, 0 * time, 2 * time], dim=-1)[:, None]
        assert jitter.jitter(cubic, fps) == pytest.approx(6.0, rel=1e-6)
        assert jerk.peak_jerk(cubic, fps) == pytest.approx(6.0, rel=1e-6)
        assert jerk.area_under_jerk(cubic, fps, 6.0) == pytest.approx(0.0, abs=1e-6)
        # over the two seconds but for the three frames that a difference of third order takes
        assert jerk.area_under_jerk(cubic, fps, 0.0) == pytest.approx(6.0 * (2 - 3 / fps), rel=1e-6)
        wave = torch.stack([torch.sin(time), 0 * time, 0 * time], dim=-1)[:, None]
        assert jerk.peak_jerk(wave, fps) == pytest.approx(1.0, rel=0.01)
    mask = torch.ones(240, dtype=torch.bool)
    mask[100:] = False
    broken = cubic.clone()
    broken[150:] += drawn(90, 1, 3)
    assert jitter.jitter(broken, 120.0, mask) == pytest.approx(6.0, rel=1e-6)
    with pytest.raises(InputError, match="over 3 frames"):
        jitter.jitter(cubic[:3], 30.0)


def test_feet_that_stand_do_not_skate_and_feet_that_slide_do() -> None:
    fps, rest = 30.0, torch.tensor([0.02, 0.02])
    still = torch.tensor([[0.1, 0.02, 0.0], [-0.1, 0.02, 0.0]]).expand(60, -1, -1).clone()
    assert foot_skate.foot_skate(still, rest, fps) == 0.0 and foot_skate.skid_share(still, fps) == 0.0
    along = torch.arange(60)[:, None] / fps
    slow, fast = still.clone(), still.clone()
    slow[..., 2] += 0.1 * along
    fast[..., 2] += 0.6 * along
    assert foot_skate.foot_skate(slow, rest, fps) == pytest.approx(0.1, rel=1e-4)
    assert foot_skate.skid_share(slow, fps) == 0.0 and foot_skate.skid_share(fast, fps) == 1.0
    lifted = fast.clone()
    lifted[..., 1] += 0.5
    assert foot_skate.skid_share(lifted, fps) == 0.0


def test_codebook_use() -> None:
    even = codebook.codebook_use(torch.arange(8).repeat(3), 8)
    assert (even.used, even.tokens) == (1.0, 24) and even.perplexity == pytest.approx(8.0)
    one = codebook.codebook_use(torch.tensor([[3, 3], [-1, 3]]), 8)
    assert (one.used, one.tokens) == (0.125, 3) and one.perplexity == pytest.approx(1.0)
    with pytest.raises(InputError, match="expected 0 to 7"):
        codebook.codebook_use(torch.tensor([8]), 8)


def test_nothing_alters_its_inputs() -> None:
    text, motion, pools = drawn(32, 8), drawn(32, 8, seed=1), torch.arange(32)[None]
    before = (text.clone(), motion.clone())
    fid.fid(text, motion)
    r_precision.r_precision(text, motion, pools)
    diversity.diversity_of_all(motion)
    clip_score.clip_score(text, motion)
    assert torch.equal(text, before[0]) and torch.equal(motion, before[1])
