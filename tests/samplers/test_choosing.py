"""Choosing: draws follow their probabilities, filters keep what they promise, guidance is the formula."""

from __future__ import annotations

import pytest
import torch

from kinescale.samplers.base.logits import apply_cfg, draw, filtered_probabilities, keep_nucleus, keep_top_k
from moscale_parts import rng


def test_draws_follow_the_probabilities_and_never_take_an_excluded_code() -> None:
    chances = torch.tensor([0.0, 0.5, 0.0, 0.3, 0.2, 0.0])
    drawn = draw(chances.expand(30000, 6), torch.rand(30000, generator=rng(0)))
    torch.testing.assert_close(torch.bincount(drawn, minlength=6) / 30000, chances, atol=0.01, rtol=0)
    assert int((torch.bincount(drawn, minlength=6) > 0).sum()) == 3
    edges = torch.tensor([0.0, 0.5, 1.0 - 2.0**-24, 1.0])
    assert draw(chances.expand(4, 6), edges).tolist()[:2] == [1, 3]
    assert all(chances[code] > 0 for code in draw(chances.expand(4, 6), edges).tolist())


def test_nucleus_agrees_with_a_naive_twin() -> None:
    logits = torch.randn(30, 12, generator=rng(1)) * 2
    for share in (1e-6, 0.3, 0.9):
        kept = keep_nucleus(logits, share).isfinite()
        for row, mask in zip(logits, kept, strict=True):
            order, total, wanted = row.argsort(descending=True).tolist(), 0.0, set()
            chances = row.double().softmax(0)
            for rank, code in enumerate(order):
                total += float(chances[code])
                if rank == 0 or total <= share:
                    wanted.add(code)
            assert set(mask.nonzero().flatten().tolist()) == wanted
    assert torch.equal(keep_nucleus(logits, 0.0), logits) and torch.equal(keep_nucleus(logits, 1.0), logits)


def test_top_k_keeps_k_and_zero_keeps_all() -> None:
    logits = torch.randn(5, 9)
    assert keep_top_k(logits, 3).isfinite().sum(1).tolist() == [3] * 5
    assert torch.equal(keep_top_k(logits, 0), logits) and torch.equal(keep_top_k(logits, 99), logits)
    torch.testing.assert_close(filtered_probabilities(logits, 0.7, 0.8, 4).sum(1), torch.ones(5))


def test_a_guidance_scale_of_one_is_the_conditional() -> None:
    yes, no = torch.randn(4), torch.randn(4)
    assert torch.equal(apply_cfg(yes, no, 1.0), yes)
    assert apply_cfg(yes, no, 3.0).tolist() == pytest.approx((3 * yes - 2 * no).tolist())
