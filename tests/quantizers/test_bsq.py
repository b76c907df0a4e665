"""Sign bits: the nearest corner of the cube, codes on the sphere, a gradient that passes, losses by the formula."""

from __future__ import annotations

import itertools
import math

import torch

from kinescale.quantizers.base.usage import balance
from kinescale.quantizers.bsq import Config, Quantizer
from kinescale.tokens.token_map import PADDING


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_bits_are_the_nearest_of_all_corners() -> None:
    book = Quantizer(Config(width=4))
    corners = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=4))) / 2.0
    vectors = torch.randn(60, 4, generator=rng(0))
    nearest = corners[torch.cdist(torch.nn.functional.normalize(vectors, dim=-1), corners).argmin(1)]
    torch.testing.assert_close(book.dequantize(book.indices(vectors)), nearest)
    assert torch.equal(book.assign(vectors, rng(1)), book.indices(vectors))


def test_codes_quantize_to_themselves_and_padding_is_zero() -> None:
    book = Quantizer(Config(width=6))
    bits = torch.randint(0, 2, (3, 5, 6), generator=rng(2))
    codes = book.dequantize(bits)
    assert torch.equal(book.indices(codes), bits)
    torch.testing.assert_close(codes.norm(dim=-1), torch.ones(3, 5))
    bits[1] = PADDING
    assert not book.dequantize(bits)[1].any() and bool(book.dequantize(bits)[0].any())
    assert not book.indices(torch.zeros(1, 6)).any(), "a channel at zero is bit 0"


def test_the_gradient_is_that_of_the_unit_vector() -> None:
    book = Quantizer(Config(width=5))
    vectors = torch.randn(7, 5, generator=rng(3), requires_grad=True)
    weights = torch.randn(7, 5, generator=rng(4))
    sphere = torch.nn.functional.normalize(vectors, dim=-1)
    code, bits = book(vectors)
    assert torch.equal(bits, book.indices(vectors))
    torch.testing.assert_close(code, book.dequantize(bits))
    (mine,) = torch.autograd.grad((code * weights).sum(), vectors, retain_graph=True)
    (wanted,) = torch.autograd.grad((sphere * weights).sum(), vectors)
    torch.testing.assert_close(mine, wanted)


def test_the_loss_is_the_formula_over_valid_vectors() -> None:
    book = Quantizer(Config(width=3, commitment_weight=0.5, entropy_weight=0.2, sharpness=2.0))
    sphere = torch.nn.functional.normalize(torch.randn(2, 4, 3, generator=rng(5)), dim=-1)
    valid = torch.rand(2, 4, generator=rng(6)) < 0.6
    kept = sphere[valid].double()
    distance = (kept - kept.sign() / math.sqrt(3)).square().mean()
    chance = torch.sigmoid(-4 * 2.0 * kept / math.sqrt(3))

    def entropy(p: torch.Tensor) -> torch.Tensor:
        return torch.distributions.Bernoulli(p).entropy()

    doubt = entropy(chance).sum(-1).mean() - entropy(chance.mean(0)).sum()
    wanted = 0.5 * distance + 0.2 * doubt / 2.0
    torch.testing.assert_close(book.loss(sphere, sphere, valid).double(), wanted, atol=1e-6, rtol=1e-5)
    other = torch.where(valid[..., None], sphere, -sphere)
    assert torch.equal(book.loss(other, other, valid), book.loss(sphere, sphere, valid))


def test_balance_is_one_for_even_bits_and_zero_for_constant_ones() -> None:
    even = torch.tensor([[0, 1], [1, 0]])
    assert float(balance(even)) > 0.999 and float(balance(torch.ones(4, 3).long())) < 1e-5
