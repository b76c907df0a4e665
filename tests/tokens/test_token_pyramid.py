"""Layouts and token maps: flattening has an inverse, valid places agree with counting by hand, misfits are refused."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.core.errors import InputError
from kinescale.core.renamed import RenamedWarning
from kinescale.tokens import Scale, TokenLayout, TokenMap

SHAPES = st.tuples(st.integers(4, 60), st.sets(st.integers(2, 4), max_size=3), st.integers(1, 3), st.booleans())


def layout_of(shape: tuple[int, set[int], int, bool]) -> TokenLayout:
    """Built inside the test: shape checks draw random numbers, which a strategy must not."""
    capacity, factors, groups, up = shape
    scales = tuple(Scale(capacity // f, groups, f) for f in sorted(factors | {1}, reverse=True))
    return TokenLayout(scales, capacity, stride=4, rounding="up" if up else "down")


@given(SHAPES, st.integers(1, 4), st.sampled_from([(), (3,)]))
@settings(max_examples=40, deadline=None)
def test_unflatten_is_the_inverse_of_flatten(shape: tuple, batch: int, bits: tuple[int, ...]) -> None:
    layout = layout_of(shape)
    latents = torch.randint(1, layout.capacity + 1, (batch,))
    scales = tuple(torch.randint(0, 9, (batch, s.bins, s.groups, *bits)) for s in layout.scales)
    flat = TokenMap(layout, latents, scales).flatten()
    assert flat.shape == (batch, layout.positions, *bits)
    again = TokenMap.unflatten(layout, latents, flat)
    assert all(torch.equal(a, b) for a, b in zip(again.scales, scales, strict=True))


@given(SHAPES)
@settings(max_examples=40, deadline=None)
def test_valid_places_agree_with_counting_by_hand(shape: tuple) -> None:
    layout = layout_of(shape)
    latents = torch.arange(1, layout.capacity + 1)
    for k, spec in enumerate(layout.scales):
        for clip, steps in enumerate(latents.tolist()):
            bins = [spec.factor * b for b in range(spec.bins)]
            if layout.rounding == "up":
                wanted = [start < steps for start in bins]
            else:
                wanted = [start + spec.factor <= steps for start in bins]
            for group in range(spec.groups):
                assert layout.valid(latents, k)[clip, :, group].tolist() == wanted
    flat = torch.cat([layout.valid(latents, k).flatten(1) for k in range(len(layout.scales))], 1)
    assert torch.equal(flat, layout.valid_flat(latents))
    starts = layout.starts
    owner = layout.scale_of_position().tolist()
    assert owner == [k for k in range(len(layout.scales)) for _ in range(starts[k], starts[k + 1])]


def test_first_scales_and_misfits() -> None:
    layout = TokenLayout((Scale(2, 1, 4), Scale(8, 1, 1)), 8, 4)
    tokens = TokenMap(layout, torch.tensor([8]), (torch.zeros(1, 2, 1).long(), torch.zeros(1, 8, 1).long()))
    assert len(tokens.first(1).scales) == 1
    for count in (0, 3):
        with pytest.raises(InputError, match="expected 1 to 2"):
            tokens.first(count)
    with pytest.raises(InputError, match="scale 1"):
        TokenMap(layout, torch.tensor([8]), (tokens.scales[0], tokens.scales[0]))
    for frames in ([3], [33], []):
        with pytest.raises(InputError):
            layout.check(torch.tensor(frames, dtype=torch.int64))


@pytest.mark.parametrize("rounding", ["down", "up"])
def test_bins_spread_evenly_agree_with_exact_fractions(rounding: str) -> None:
    layout = TokenLayout((Scale(3, 1), Scale(10, 1), Scale(49, 1)), 49, 4, rounding)  # type: ignore[arg-type]
    latents = torch.arange(1, 50)
    for k, spec in enumerate(layout.scales):
        exact = [Fraction(steps * spec.bins, 49) for steps in latents.tolist()]
        wanted = [math.ceil(share) if rounding == "up" else math.floor(share) for share in exact]
        assert layout.valid_bins(latents, k).tolist() == wanted


def test_a_layout_that_codes_the_padding_too_fills_every_bin() -> None:
    layout = TokenLayout((Scale(3, 1), Scale(49, 1)), 49, 4, "all")
    assert layout.valid_flat(torch.tensor([1, 49])).all()


def test_the_former_name_of_the_lengths_is_taken_with_a_warning() -> None:
    layout = TokenLayout((Scale(2, 1, 2), Scale(4, 1, 1)), 4, 4)
    tokens = TokenMap(layout, torch.tensor([3]), ())
    with pytest.warns(RenamedWarning, match="latent_lengths"):
        assert tokens.latents is tokens.latent_lengths
