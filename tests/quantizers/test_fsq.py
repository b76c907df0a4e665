"""FSQ: tokens round trip, the grid keeps its bounds, the gradient goes straight through, a naive twin agrees."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.core.errors import ConfigError
from kinescale.quantizers.base.processes import root_mean_square
from kinescale.quantizers.fsq import Config, Quantizer
from kinescale.tokens.token_map import PADDING
from moscale_parts import rng

LEVELS = [(8, 5, 5, 5), (8, 8, 8, 5, 5, 5), (2, 3), (7,)]


def plain(levels: tuple[int, ...]) -> Quantizer:
    """Whose maps in and out are the identity."""
    built = Quantizer(Config(levels=levels, width=len(levels)))
    with torch.no_grad():
        for layer in (built.inward, built.outward):
            layer.weight.copy_(torch.eye(len(levels)))
    return built


@pytest.mark.parametrize(("levels", "codes"), list(zip(LEVELS, (1000, 64_000, 6, 7), strict=True)))
def test_every_token_has_its_own_digits_on_the_grid(levels: tuple[int, ...], codes: int) -> None:
    quantizer = plain(levels)
    assert quantizer.vocabulary == codes == math.prod(levels)
    digits = quantizer.digits(torch.arange(codes))
    assert len(digits.unique(dim=0)) == codes
    for place, count in enumerate(levels):
        half = count // 2
        wanted = torch.arange(-half, count - half) / half
        torch.testing.assert_close(digits[:, place].unique(), wanted)
    halves = torch.tensor([count // 2 for count in levels])
    assert torch.equal(quantizer.index(digits * halves), torch.arange(codes))


@settings(max_examples=30, deadline=None)
@given(
    levels=st.lists(st.integers(2, 9), min_size=1, max_size=4).map(tuple),
    far=st.floats(-1e4, 1e4, allow_nan=False, width=32),
)
def test_the_bounds_hold_and_a_naive_twin_agrees(levels: tuple[int, ...], far: float) -> None:
    quantizer = plain(levels)
    vectors = torch.randn(20, len(levels), generator=rng(1)) * 2
    vectors[0] = far
    rows, tokens = quantizer(vectors)
    assert int(tokens.min()) >= 0 and int(tokens.max()) < quantizer.vocabulary
    for vector, row, token in zip(vectors.tolist(), rows.tolist(), tokens.tolist(), strict=True):
        index, stride = 0, 1
        for number, got, count in zip(vector, row, levels, strict=True):
            half = (count - 1) * 1.001 / 2
            offset = 0.5 if count % 2 == 0 else 0.0
            bounded = half * math.tanh(number + math.atanh(offset / half)) - offset
            assert got == pytest.approx(round(bounded) / (count // 2), abs=1e-5) or abs(bounded % 1 - 0.5) < 1e-4
            index += (round(got * (count // 2)) + count // 2) * stride
            stride *= count
        assert index == token


def test_look_up_decoding_and_training_see_the_same_vectors() -> None:
    quantizer = Quantizer(Config(levels=(8, 5, 5), width=16))
    vectors = torch.randn(50, 4, 16, generator=rng(0))
    rows, tokens = quantizer(vectors)
    assert torch.equal(quantizer.indices(vectors), tokens)
    assert torch.equal(quantizer.assign(vectors, rng(1)), tokens)
    assert torch.equal(quantizer.dequantize(tokens), rows)
    assert len(tokens.unique()) > 50, "vectors of unit variance should reach much of the grid"


def test_padding_decodes_to_zero() -> None:
    quantizer = Quantizer(Config(width=6))
    torch.nn.init.ones_(quantizer.outward.bias)
    rows = quantizer.dequantize(torch.tensor([PADDING, 0]))
    assert not rows[0].any() and rows[1].any()


def test_the_gradient_passes_the_rounding() -> None:
    quantizer = plain((5, 8))
    vectors = torch.randn(10, 2, generator=rng(3)).requires_grad_()
    quantizer(vectors)[0].sum().backward()
    twin = vectors.detach().clone().requires_grad_()
    (quantizer.bounded(twin) / torch.tensor([2.0, 4.0])).sum().backward()
    assert vectors.grad is not None and twin.grad is not None
    torch.testing.assert_close(vectors.grad, twin.grad)
    assert float(vectors.grad.abs().min()) > 0


def test_an_agreed_library_gives_the_same_grid() -> None:
    library = pytest.importorskip("vector_quantize_pytorch")
    theirs = library.FSQ(levels=[8, 5, 5, 5])
    vectors = torch.randn(1, 200, 4, generator=rng(4))
    rows, tokens = plain((8, 5, 5, 5))(vectors)
    found, indices = theirs(vectors)
    assert torch.equal(indices.long(), tokens)
    torch.testing.assert_close(found, rows)


def test_the_size_of_a_batch() -> None:
    assert float(root_mean_square(torch.full((4, 3), -2.0))) == pytest.approx(2.0)
    assert float(root_mean_square(torch.zeros(0, 3))) == 0.0


@pytest.mark.parametrize("levels", [(), (1, 5), (1024, 1024, 2)])
def test_levels_that_make_no_grid_are_refused(levels: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="levels"):
        Config.parse({"levels": levels})
