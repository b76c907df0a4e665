"""The codebook: codes find themselves, averages agree with a naive twin, dead codes revive, the state is whole."""

from __future__ import annotations

import pytest
import torch

from kinescale.quantizers import FAMILY
from kinescale.quantizers.base.usage import perplexity, usage
from kinescale.quantizers.vq import Config, Quantizer
from kinescale.tokens.token_map import PADDING
from moscale_parts import rng


def test_the_family_lists_it() -> None:
    assert {"vq", "fsq", "bsq", "product"} <= set(FAMILY.names())


def test_codes_are_their_own_nearest_and_padding_is_zero() -> None:
    book = Quantizer(Config(codes=20, width=5))
    tokens = torch.arange(20).view(4, 5)
    assert torch.equal(book.indices(book.dequantize(tokens)), tokens)
    assert not book.dequantize(torch.full((2, 3), PADDING)).any()
    vectors = torch.randn(50, 5)
    assert torch.equal(book.indices(vectors), torch.cdist(vectors, book.codebook).argmin(1))


@pytest.mark.parametrize("faithful", [True, False])
def test_averages_agree_with_a_naive_twin(faithful: bool) -> None:
    book = Quantizer(Config(codes=6, width=3, decay=0.9, faithful=faithful))
    book.code_count.copy_(torch.tensor([5.0, 4.0, 3.0, 2.0, 0.2, 0.3]))
    book.code_sum.normal_()
    counts, sums = book.code_count.tolist(), book.code_sum.clone()
    vectors, tokens = torch.randn(40, 3), torch.randint(0, 4, (40,))
    book.update(vectors, tokens, rng(1))
    for code in range(6):
        mine = [v for v, t in zip(vectors, tokens.tolist(), strict=True) if t == code]
        count = 0.9 * counts[code] + 0.1 * len(mine)
        total = 0.9 * sums[code] + 0.1 * sum(mine, torch.zeros(3))
        if count >= 1:
            torch.testing.assert_close(book.codebook[code], total / count)
        elif faithful:
            torch.testing.assert_close(book.codebook[code], vectors[code])
            assert float(book.code_count[code]) == pytest.approx(count)
        else:
            assert (vectors - book.codebook[code]).abs().amax(1).min() < 1e-6
            assert float(book.code_count[code]) == 2.0


def test_faithful_revival_waits_for_a_large_batch() -> None:
    book = Quantizer(Config(codes=6, width=3, faithful=True))
    book.code_count.fill_(0.5)
    book.code_sum.copy_(book.codebook * 0.5)
    before = book.codebook.clone()
    book.update(torch.zeros(30, 3), torch.zeros(30, dtype=torch.int64), rng(1))
    torch.testing.assert_close(book.codebook[1:], before[1:])


def test_the_first_batch_fills_the_book_once() -> None:
    for faithful in (True, False):
        book = Quantizer(Config(codes=8, width=3, faithful=faithful))
        few = torch.randn(3, 3)
        book.initialize(few, rng(0))
        assert torch.cdist(book.codebook, few).amin(1).max() < 0.1
        kept = book.codebook.clone()
        book.initialize(torch.randn(20, 3), rng(0))
        assert torch.equal(book.codebook, kept)
    many = torch.randn(9, 3)
    book = Quantizer(Config(codes=8, width=3, faithful=True))
    book.initialize(many, rng(0))
    assert torch.equal(book.codebook, many[:8])


def test_training_draws_follow_softmax_of_distance() -> None:
    book = Quantizer(Config(codes=3, width=1, temperature=0.5))
    book.codebook.copy_(torch.tensor([[0.0], [0.6], [1.0]]))
    drawn = book.assign(torch.zeros(20000, 1), rng(4))
    wanted = torch.softmax(-torch.tensor([0.0, 0.36, 1.0]) / 0.5, 0)
    torch.testing.assert_close(torch.bincount(drawn) / 20000, wanted, atol=0.02, rtol=0)
    cold = Quantizer(Config(codes=3, width=1, temperature=None))
    cold.codebook.copy_(book.codebook)
    assert cold.assign(torch.tensor([[0.9]]), rng(4)).tolist() == [2]


def test_the_state_dict_carries_everything_training_needs() -> None:
    book = Quantizer(Config(codes=8, width=3))
    for step in range(3):
        vectors = torch.randn(50, 3, generator=rng(step))
        book.initialize(vectors, rng(step))
        book.update(vectors, book.indices(vectors), rng(step))
    twin = Quantizer(Config(codes=8, width=3))
    twin.load_state_dict(book.state_dict())
    vectors = torch.randn(50, 3, generator=rng(9))
    for one in (book, twin):
        one.initialize(vectors, rng(9))
        one.update(vectors, one.indices(vectors), rng(9))
    for name, value in book.state_dict().items():
        assert torch.equal(value, twin.state_dict()[name])


def test_perplexity_runs_from_one_to_all() -> None:
    assert float(perplexity(torch.zeros(9, dtype=torch.int64), 8)) == pytest.approx(1.0, abs=1e-4)
    assert float(perplexity(torch.arange(8), 8)) == pytest.approx(8.0, abs=1e-4)
    assert float(usage(torch.tensor([0, 0, 3]), 8)) == 0.25


def test_revival_without_a_bound_takes_any_batch_row_by_row() -> None:
    for count in (9, 6, 4):
        book = Quantizer(Config(codes=6, width=3, faithful=True, revive_above=0))
        book.code_count.fill_(0.5)
        book.code_sum.copy_(book.codebook * 0.5)
        vectors = torch.randn(count, 3, generator=rng(count))
        book.update(vectors, torch.zeros(count, dtype=torch.int64), rng(1))
        for code in range(6):
            gap = float((book.codebook[code] - vectors[code % count]).abs().max())
            # with fewer vectors than codes they repeat with noise of 0.01 / sqrt(3)
            assert gap < 0.05 if count < 6 else gap == 0.0
        assert torch.allclose(book.code_count[1:], torch.tensor(0.495))
