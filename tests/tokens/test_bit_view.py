"""Codes seen as bits: they come back, every word of bits is a code, and the codec underneath is the same."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinescale.core.errors import InputError
from kinescale.tokens import BitView, Codec, TokenMap
from kinescale.tokens.token_map import PADDING
from moscale_parts import clips, small_tokenizer

TOKENIZER = small_tokenizer()


def view_of(*sizes: int) -> BitView:
    """A view with the arithmetic of other codebooks than the tokenizer's."""
    return BitView(TOKENIZER.codec, sizes)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(2, 5000), min_size=1, max_size=4))
def test_every_code_of_every_scale_comes_back(sizes: list[int]) -> None:
    view = view_of(*sizes)
    assert 2 ** (view.vocabulary - 1) < max(sizes) <= 2**view.vocabulary
    for scale, size in enumerate(sizes):
        codes = torch.arange(PADDING, size)
        bits = view.to_bits(codes)
        assert bits.shape == (size + 1, view.vocabulary) and torch.equal(view.from_bits(bits, scale), codes)
        assert bool((bits[0] == PADDING).all()) and set(bits[1:].flatten().tolist()) <= {0, 1}


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 1000), st.integers(2, 1000))
def test_every_word_of_bits_is_a_code_and_none_takes_more_than_two_of_its_own(size: int, other: int) -> None:
    view = view_of(size, other)
    words = view_of(2**view.vocabulary).to_bits(torch.arange(2**view.vocabulary))
    codes = view.from_bits(words, 0)
    assert int(codes.min()) >= 0 and int(codes.max()) == size - 1
    own = (size - 1).bit_length()
    share = 2 ** (view.vocabulary - own)
    assert int(torch.bincount(codes, minlength=size).max()) <= 2 * share


def test_the_highest_digit_comes_first_and_is_the_one_that_goes() -> None:
    view = view_of(6, 3)
    assert view.to_bits(torch.tensor([5, 2])).tolist() == [[1, 0, 1], [0, 1, 0]]
    assert view.from_bits(torch.tensor([[1, 1, 0], [1, 1, 1]]), 0).tolist() == [2, 3]
    assert view.from_bits(torch.tensor([[1, 0, 1], [0, 1, 1]]), 1).tolist() == [1, 1]


def test_a_tokenizer_of_codes_is_a_codec_of_bits() -> None:
    tokenizer = TOKENIZER
    lengths = torch.tensor([128, 44])
    encoded = tokenizer.encode(clips(tokenizer, [128, 44], 128), lengths)
    view = tokenizer.codec.view("bits")
    assert isinstance(view, Codec)
    layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
    residual = encoded.latent
    running = view.empty(layout, 2)
    rows = []
    for scale in range(len(layout.scales)):
        bits = view.quantize_scale(residual, scale, layout, latents)
        added = view.contribution(bits, scale, layout)
        residual, running = residual - added, running + added
        rows.append(bits)
    seen = TokenMap(layout, latents, tuple(rows))
    torch.testing.assert_close(running, encoded.quantized)
    assert torch.equal(view.to_native(seen).flatten(), encoded.tokens.flatten())
    assert torch.equal(view.from_native(encoded.tokens).flatten(), seen.flatten())


def test_misfits_are_refused() -> None:
    with pytest.raises(InputError, match="2 codes or more"):
        view_of(1)
    with pytest.raises(InputError, match="4 bits per token"):
        view_of(8).from_bits(torch.zeros(1, 4, dtype=torch.long), 0)
