"""The residual pyramid: twins, perfect codebooks, falling residuals, and independence of the padding that follows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from kinescale.pyramid import residual
from kinescale.quantizers import vq
from kinescale.tokens import Scale, TokenLayout
from kinescale.tokens.token_map import PADDING
from moscale_parts import SCALE_LISTS


def layout_of(capacity: int, scales: tuple[int, ...]) -> TokenLayout:
    return TokenLayout(tuple(Scale(capacity // s, 1, s) for s in scales), capacity, 4)


def pyramid_of(scales: tuple[int, ...], codes: int = 30, width: int = 4, **options) -> residual.ResidualPyramid:
    torch.manual_seed(2)
    book = vq.Quantizer(vq.Config(codes=codes, width=width))
    return residual.ResidualPyramid(residual.Config(scales=len(scales), width=width, **options), book)


def naive(grid: Tensor, book: Tensor, layout: TokenLayout, steps: int) -> tuple[list[list[int]], Tensor]:
    """One clip [T', D], position by position."""
    left, total, rows = grid.clone(), torch.zeros_like(grid), []
    for spec in layout.scales:
        left[steps:] = 0
        codes, ids = torch.zeros(spec.bins, grid.shape[1]), []
        for b in range(spec.bins):
            low, high = b * layout.capacity // spec.bins, -(-(b + 1) * layout.capacity // spec.bins)
            pooled = left[low:high].mean(0)
            ids.append(int((book - pooled).square().sum(1).argmin()) if b < steps // spec.factor else PADDING)
            if ids[-1] != PADDING:
                codes[b] = book[ids[-1]]
        up = functional.interpolate(codes.T[None], size=layout.capacity, mode="linear")[0].T
        left, total = left - up, total + up
        rows.append(ids)
    return rows, total


@pytest.mark.parametrize("scales", SCALE_LISTS)
@pytest.mark.parametrize("capacity", [49, 32])
def test_it_agrees_with_a_naive_twin(scales: tuple[int, ...], capacity: int) -> None:
    pyramid, layout = pyramid_of(scales), layout_of(capacity, scales)
    grid, latents = torch.randn(3, capacity, 1, 4), torch.tensor([capacity, 19, 3])
    made = pyramid(grid, layout, latents)
    for clip, steps in enumerate(latents.tolist()):
        ids, total = naive(grid[clip, :, 0], pyramid.quantizer.codebook, layout, steps)
        assert [row[clip, :, 0].tolist() for row in made.tokens] == ids
        torch.testing.assert_close(made.total[clip, :, 0], total)
    assert len(made.codes) == int(layout.valid_flat(latents).sum()) and int(made.codes.min()) >= 0


def test_a_constant_clip_of_one_code_is_found_by_the_coarsest_scale() -> None:
    pyramid, layout = pyramid_of((8, 4, 2, 1)), layout_of(32, (8, 4, 2, 1))
    book = pyramid.quantizer.codebook
    book[0] = 0.0
    grid = book[7].expand(1, 32, 1, 4)
    made = pyramid(grid, layout, torch.tensor([32]))
    assert made.tokens[0].unique().tolist() == [7]
    assert all(row.unique().tolist() == [0] for row in made.tokens[1:])
    torch.testing.assert_close(made.total, grid)


def test_the_residual_falls_scale_by_scale_on_a_book_fitted_to_the_data() -> None:
    scales = (8, 4, 2, 1)
    pyramid, layout = pyramid_of(scales, codes=64), layout_of(32, scales)
    grid = torch.randn(40, 32, 1, 4).cumsum(1) * 0.4
    latents = torch.full((40,), 32)
    rng = torch.Generator().manual_seed(0)
    pyramid.quantizer.config = pyramid.quantizer.config.but(temperature=None, decay=0.8)
    for _ in range(60):
        made = pyramid(grid, layout, latents, rng)
        pyramid.quantizer.observe(made.vectors, made.codes, rng)
    errors = [float((grid - partial).square().mean()) for partial in pyramid(grid, layout, latents).sums]
    assert errors == sorted(errors, reverse=True), errors
    assert errors[-1] < 0.25 * float(grid.square().mean())


@pytest.mark.parametrize("blend", [0.0, 0.5])
@pytest.mark.parametrize("steps", [3, 8, 13, 16])
def test_with_hold_a_clip_does_not_feel_the_padding(steps: int, blend: float) -> None:
    scales = (8, 4, 2, 1)
    pyramid = pyramid_of(scales, hold=True, blend=blend)
    short, long = layout_of(16, scales), layout_of(40, scales)
    grid, latents = torch.randn(1, 16, 1, 4), torch.tensor([steps])
    here = pyramid(grid, short, latents)
    there = pyramid(functional.pad(grid, (0, 0, 0, 0, 0, 24)), long, latents)
    torch.testing.assert_close(there.total[:, :steps], here.total[:, :steps])
    for k, row in enumerate(here.tokens):
        count = int(short.valid_bins(latents, k))
        assert torch.equal(row[:, :count], there.tokens[k][:, :count])


def test_blend_convolutions_are_shared_by_neighbors_and_learn() -> None:
    pyramid = pyramid_of((8, 4, 2, 1), blend=0.5)
    assert len(pyramid.blends) == 4
    pyramid(torch.randn(2, 32, 1, 4), layout_of(32, (8, 4, 2, 1)), torch.tensor([32, 20])).total.sum().backward()
    assert all(convolution.weight.grad is not None for convolution in pyramid.blends)
    assert not list(pyramid_of((8, 4, 2, 1)).parameters())


def test_hold_last_repeats_the_last_token_only() -> None:
    tokens = torch.tensor([[3, 4, -1, -1], [-1, -1, -1, -1], [1, 2, 3, 4]]).unsqueeze(2)
    assert residual.hold_last(tokens).squeeze(2).tolist() == [[3, 4, 4, 4], [-1] * 4, [1, 2, 3, 4]]
