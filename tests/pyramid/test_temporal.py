"""The residual loop in time: twins, perfect codebooks, falling residuals, independence of the padding that follows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from kinescale.pyramid.temporal import Config, TemporalPyramid
from kinescale.quantizers import vq
from kinescale.tokens import Scale, TokenLayout
from kinescale.tokens.token_map import PADDING
from moscale_parts import SCALE_LISTS, rng


def layout_of(capacity: int, scales: tuple[int, ...]) -> TokenLayout:
    return TokenLayout(tuple(Scale(capacity // s, 1, s) for s in scales), capacity, 4)


def pyramid_of(
    scales: tuple[int, ...], capacity: int = 32, codes: int = 30, width: int = 4, **options
) -> TemporalPyramid:
    """One codebook for all scales."""
    torch.manual_seed(2)
    quantizer = vq.Quantizer(vq.Config(codes=codes, width=width))
    return TemporalPyramid([quantizer], layout_of(capacity, scales), (1, width), Config(**options))


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
        ids, total = naive(grid[clip, :, 0], pyramid.quantizers[0].codebook, layout, steps)
        assert [row[clip, :, 0].tolist() for row in made.tokens] == ids
        torch.testing.assert_close(made.total[clip, :, 0], total)
    assert len(torch.cat(made.taken)) == int(layout.valid_flat(latents).sum()) and int(torch.cat(made.taken).min()) >= 0


def test_a_constant_clip_of_one_code_is_found_by_the_coarsest_scale() -> None:
    pyramid, layout = pyramid_of((8, 4, 2, 1)), layout_of(32, (8, 4, 2, 1))
    book = pyramid.quantizers[0].codebook
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
    source = rng(0)
    pyramid.quantizers[0].config = pyramid.quantizers[0].config.but(temperature=None, decay=0.8)
    for _ in range(60):
        pyramid.update(pyramid(grid, layout, latents, source), source)
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


def even_layout(bins: tuple[int, ...], rounding: str = "all") -> TokenLayout:
    return TokenLayout(tuple(Scale(b, 1) for b in bins), bins[-1], 4, rounding)  # type: ignore[arg-type]


def separate_pyramid(
    bins: tuple[int, ...], phis: list[nn.Module] | None = None, rounding: str = "all", **options
) -> TemporalPyramid:
    """A codebook per scale."""
    torch.manual_seed(2)
    sizes = [10 + 5 * k for k in range(len(bins))]
    quantizers = [vq.Quantizer(vq.Config(codes=n, width=4, lookup="cosine", temperature=None)) for n in sizes]
    return TemporalPyramid(quantizers, even_layout(bins, rounding), (1, 4), Config(**options), phis or [])


class Doubled(nn.Module):
    """A stand-in for a scale's convolutions."""

    def forward(self, x: torch.Tensor, kept: torch.Tensor | None) -> torch.Tensor:
        return 2.0 * x if kept is None else 2.0 * x * kept[:, None]


def test_each_scale_has_its_codebook_and_uneven_bins() -> None:
    bins = (3, 6, 10, 49)
    pyramid, layout = separate_pyramid(bins, [Doubled() for _ in bins]), even_layout(bins)
    grid, latents = torch.randn(2, 49, 1, 4), torch.tensor([49, 20])
    made = pyramid(grid, layout, latents)
    left, total = grid[:, :, 0].clone(), torch.zeros(2, 49, 4)
    for k, count in enumerate(bins):
        pooled = functional.adaptive_avg_pool1d(left.transpose(1, 2), count).transpose(1, 2)
        book = pyramid.quantizer(k).codebook
        ids = functional.cosine_similarity(pooled[:, :, None], book, dim=-1).argmax(-1)
        assert torch.equal(made.tokens[k][:, :, 0], ids)
        added = 2.0 * functional.interpolate(book[ids].transpose(1, 2), size=49, mode="linear").transpose(1, 2)
        left, total = left - added, total + added
    torch.testing.assert_close(made.total[:, :, 0], total)
    keys = set(pyramid.state_dict())
    assert {"quantizers.0.codebook", "quantizers.3.code_sum"} <= keys


def test_a_codebook_learns_from_its_own_scale_alone() -> None:
    bins = (4, 8)
    for learn, rows in (("pooled", (4, 8)), ("full", (8, 8))):
        pyramid, layout = separate_pyramid(bins, learn_from=learn), even_layout(bins)
        made = pyramid(torch.randn(3, 8, 1, 4), layout, torch.tensor([8, 8, 8]), rng(0))
        assert [len(asked) for asked in made.vectors] == [3 * n for n in rows]
        assert all(bool(book.initialized) for book in pyramid.quantizers)
        for k, (asked, taken) in enumerate(zip(made.vectors, made.taken, strict=True)):
            assert torch.equal(pyramid.quantizer(k).indices(asked), taken)
        before = [book.codebook.clone() for book in pyramid.quantizers]
        pyramid.update(made, rng(1))
        assert all(not torch.equal(old, book.codebook) for old, book in zip(before, pyramid.quantizers, strict=True))


@pytest.mark.parametrize("steps", [1, 5, 8, 11])
def test_bins_filled_in_part_hold_the_mean_of_what_is_filled(steps: int) -> None:
    bins = (3, 6, 12)
    pyramid, layout = separate_pyramid(bins, rounding="up"), even_layout(bins, "up")
    grid, latents = torch.randn(1, 12, 1, 4), torch.tensor([steps])
    for k, count in enumerate(bins):
        pooled = pyramid.pool(grid, k, layout, latents)
        wide = 12 // count
        for b in range(-(-steps // wide)):
            torch.testing.assert_close(pooled[0, b, 0], grid[0, b * wide : min(steps, (b + 1) * wide), 0].mean(0))
        tokens = pyramid.quantize_scale(grid, k, layout, latents)
        assert (tokens != PADDING).sum() == -(-steps // wide)
