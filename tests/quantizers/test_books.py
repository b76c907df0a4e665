"""Codebooks beyond MoScale's: cosine look-up, Gumbel draws, a book for each scale, and several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from codebook_of_a_rank import CONFIGS, train
from torch import nn
from torch.nn import functional

from kinescale.pyramid import residual
from kinescale.quantizers import vq
from kinescale.tokens import Scale, TokenLayout
from kinescale.tokens.token_map import PADDING
from moscale_parts import rng


def test_cosine_finds_directions_and_uses_the_raw_vector() -> None:
    book = vq.Quantizer(vq.Config(codes=20, width=5, lookup="cosine"))
    book.codebook.mul_(torch.rand(20, 1) * 9 + 0.1)
    tokens = torch.arange(20)
    assert torch.equal(book.quantize(book.dequantize(tokens) * 0.01), tokens)
    assert torch.equal(book.dequantize(tokens), book.codebook)
    vectors = torch.randn(50, 5)
    naive = functional.cosine_similarity(vectors[:, None], book.codebook[None], dim=-1).argmax(1)
    assert torch.equal(book.quantize(vectors), naive)


@pytest.mark.parametrize("lookup", ["distance", "cosine"])
@pytest.mark.parametrize("assignment", ["stochastic", "gumbel"])
def test_both_ways_of_drawing_follow_the_softmax(lookup: str, assignment: str) -> None:
    book = vq.Quantizer(
        vq.Config.parse({"codes": 3, "width": 2, "temperature": 0.5, "lookup": lookup, "assignment": assignment})
    )
    book.codebook.copy_(torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 2.0]]))
    vector = torch.tensor([[1.0, 0.2]])
    share = torch.bincount(book.assign(vector.expand(20000, -1), rng(4)), minlength=3) / 20000
    torch.testing.assert_close(share, torch.softmax(book.scores(vector)[0] / 0.5, 0), atol=0.02, rtol=0)
    first, again = (book.assign(vector.expand(50, -1), rng(1)) for _ in range(2))
    assert torch.equal(first, again)


def test_processes_end_with_the_book_that_one_process_makes(tmp_path: Path) -> None:
    script = Path(__file__).with_name("codebook_of_a_rank.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([sys.executable, str(script), str(rank), "2", str(tmp_path)], env=environment)
        for rank in range(2)
    ]
    assert [process.wait(timeout=100) for process in running] == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    for name, config in CONFIGS.items():
        alone = train(config, 0, 1)
        for key, value in first[name].items():
            assert torch.equal(value, second[name][key]), f"{name}: {key} differs between the processes"
            torch.testing.assert_close(value, alone[key], atol=1e-5, rtol=1e-5)


def layout_of(bins: tuple[int, ...], rounding: str = "all") -> TokenLayout:
    capacity = bins[-1]
    return TokenLayout(tuple(Scale(b, 1) for b in bins), capacity, 4, rounding)


def pyramid_of(bins: tuple[int, ...], phis: list[nn.Module] | None = None, **options) -> residual.ResidualPyramid:
    torch.manual_seed(2)
    books = [
        vq.Quantizer(vq.Config(codes=10 + 5 * k, width=4, lookup="cosine", temperature=None)) for k in range(len(bins))
    ]
    return residual.ResidualPyramid(residual.Config(scales=len(bins), width=4, **options), books, phis or [])


class Doubled(nn.Module):
    """A stand-in for a scale's convolutions."""

    def forward(self, x: torch.Tensor, kept: torch.Tensor | None) -> torch.Tensor:
        return 2.0 * x if kept is None else 2.0 * x * kept[:, None]


def test_each_scale_has_its_book_and_uneven_bins() -> None:
    bins = (3, 6, 10, 49)
    pyramid, layout = pyramid_of(bins, [Doubled() for _ in bins]), layout_of(bins)
    grid, latents = torch.randn(2, 49, 1, 4), torch.tensor([49, 20])
    made = pyramid(grid, layout, latents)
    left, total = grid[:, :, 0].clone(), torch.zeros(2, 49, 4)
    for k, count in enumerate(bins):
        pooled = functional.adaptive_avg_pool1d(left.transpose(1, 2), count).transpose(1, 2)
        book = pyramid.book(k).codebook
        ids = functional.cosine_similarity(pooled[:, :, None], book, dim=-1).argmax(-1)
        assert torch.equal(made.tokens[k][:, :, 0], ids)
        added = 2.0 * functional.interpolate(book[ids].transpose(1, 2), size=49, mode="linear").transpose(1, 2)
        left, total = left - added, total + added
    torch.testing.assert_close(made.total[:, :, 0], total)
    keys = set(pyramid.state_dict())
    assert {"quantizers.0.codebook", "quantizers.3.code_sum"} <= keys and not any("quantizer." in key for key in keys)


def test_a_book_learns_from_its_own_scale_alone() -> None:
    bins = (4, 8)
    for learn, rows in (("pooled", (4, 8)), ("full", (8, 8))):
        pyramid, layout = pyramid_of(bins, learn=learn), layout_of(bins)
        made = pyramid(torch.randn(3, 8, 1, 4), layout, torch.tensor([8, 8, 8]), rng(0))
        assert [len(asked) for asked in made.asked] == [3 * n for n in rows]
        assert all(bool(book.initialized) for book in pyramid.quantizers)
        for k, (asked, taken) in enumerate(zip(made.asked, made.taken, strict=True)):
            assert torch.equal(pyramid.book(k).quantize(asked), taken)
        before = [book.codebook.clone() for book in pyramid.quantizers]
        pyramid.observe(made, rng(1))
        assert all(not torch.equal(old, book.codebook) for old, book in zip(before, pyramid.quantizers, strict=True))


@pytest.mark.parametrize("steps", [1, 5, 8, 11])
def test_bins_filled_in_part_hold_the_mean_of_what_is_filled(steps: int) -> None:
    bins = (3, 6, 12)
    pyramid, layout = pyramid_of(bins), layout_of(bins, "up")
    grid, latents = torch.randn(1, 12, 1, 4), torch.tensor([steps])
    for k, count in enumerate(bins):
        pooled = pyramid.pooled(grid, k, layout, latents)
        wide = 12 // count
        for b in range(-(-steps // wide)):
            torch.testing.assert_close(pooled[0, b, 0], grid[0, b * wide : min(steps, (b + 1) * wide), 0].mean(0))
        tokens = pyramid.quantize_scale(grid, k, layout, latents)
        assert (tokens != PADDING).sum() == -(-steps // wide)
