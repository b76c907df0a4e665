"""Corruption and masking: finer labels repair coarser mistakes, and exactly the right positions are hidden."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kinescale.generators.base.masking import Masking, mask_tokens
from kinescale.generators.moscale import Generator
from kinescale.generators.moscale.training import refine
from kinescale.tokens.token_map import MASKED, PADDING
from moscale_parts import clips, rng, small_generator, small_text, small_tokenizer


def right(tokens: Tensor, scale: int) -> Tensor:
    return tokens


def wrong(tokens: Tensor, scale: int) -> Tensor:
    return (tokens + 3) % 24 if scale < 3 else tokens


def test_without_mistakes_labels_are_the_tokens() -> None:
    tokenizer = small_tokenizer()
    encoded = tokenizer.encode(clips(tokenizer, [128, 50], 128), torch.tensor([128, 50]))
    refined = refine(tokenizer.codec, encoded.latent, encoded.tokens.layout, encoded.tokens.latent_lengths, right)
    assert torch.equal(refined.labels, encoded.tokens.flatten().squeeze(-1))
    torch.testing.assert_close(refined.total, encoded.quantized)
    assert len(refined.inputs) == 3


def test_labels_are_the_codes_of_what_the_mistakes_left() -> None:
    tokenizer = small_tokenizer()
    encoded = tokenizer.encode(clips(tokenizer, [128, 50], 128), torch.tensor([128, 50]))
    layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
    refined = refine(tokenizer.codec, encoded.latent, layout, latents, wrong)
    assert torch.equal(refined.labels[:, :4], encoded.tokens.scales[0].flatten(1)), "own mistakes change own labels"
    left, starts = encoded.latent.clone(), layout.starts
    for k in range(4):
        labels = tokenizer.codec.quantize_scale(left, k, layout, latents)
        assert torch.equal(labels.flatten(1), refined.labels[:, starts[k] : starts[k + 1]])
        used = wrong(labels, k).masked_fill(~layout.valid(latents, k), PADDING)
        left = left - tokenizer.codec.contribution(used, k, layout)
    torch.testing.assert_close(encoded.latent - left, refined.total)


def test_finer_scales_repair_mistakes_when_the_book_is_rich() -> None:
    tokenizer = small_tokenizer(code_dim=1, codes=2001)
    tokenizer.pyramid.quantizers[0].codebook.copy_(torch.linspace(-40, 40, 2001)[:, None])
    layout, latents = tokenizer.layout(), torch.tensor([32])
    latent = torch.randn(1, 32, 1, 1).cumsum(1)
    far = refine(tokenizer.codec, latent, layout, latents, lambda t, k: (t + 100) % 2001 if k < 3 else t)
    assert float((far.total - latent).abs().max()) < 0.03
    assert float((far.inputs[-1] - latent).abs().mean()) > 1.0


@pytest.mark.parametrize("padding_too", [False, True])
def test_masking_touches_the_right_places_at_the_right_rates(padding_too: bool) -> None:
    batch, length, codes = 400, 60, 50
    labels = torch.randint(0, codes, (batch, length), generator=rng(0))
    valid = torch.arange(length)[None] < torch.randint(1, length + 1, (batch, 1), generator=rng(1))
    labels = labels.masked_fill(~valid, PADDING)
    before = labels.clone()
    rates = Masking(codes, token_noise=0.0, padding_too=padding_too)
    shown, chosen = mask_tokens(labels, valid, rates, rng(2))
    assert torch.equal(labels, before)
    assert bool((shown[~valid] == PADDING).all()) and not bool((chosen & ~valid).any())
    assert torch.equal(shown[valid & ~chosen], labels[valid & ~chosen])
    if not padding_too:
        assert int(chosen.sum(1).min()) >= 1
        share = (chosen.sum(1) / valid.sum(1)).mean()
        assert float(share) == pytest.approx(2 / torch.pi, abs=0.06)
    picked, true = shown[chosen], labels[chosen]
    assert float((picked == MASKED).float().mean()) == pytest.approx(0.8, abs=0.03)
    assert float((picked == true).float().mean()) == pytest.approx(0.1 + 0.1 / codes, abs=0.02)


def test_noise_replaces_shown_tokens_only() -> None:
    labels = torch.zeros(50, 100, dtype=torch.int64)
    valid = torch.ones(50, 100, dtype=torch.bool)
    shown, chosen = mask_tokens(labels, valid, Masking(1000, token_noise=1.0), rng(5))
    assert bool((shown[~chosen] != 0).any()) and not bool((shown[~chosen] == MASKED).any())


def test_without_temporal_refinement_every_token_is_hidden_and_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = small_tokenizer()
    generator = small_generator(tokenizer, temporal_refinement=False)
    lengths = torch.tensor([128, 50])
    latent = tokenizer.encode(clips(tokenizer, [128, 50], 128), lengths).latent
    seen = []

    def forward(reading, inputs, tokens, layout, latents, chosen):
        seen.append((tokens, chosen, layout.valid_flat(latents)))
        return Generator.forward(generator, reading, inputs, tokens, layout, latents, chosen)

    monkeypatch.setattr(generator, "forward", forward)
    generator.training_loss(tokenizer.codec, latent, lengths, small_text(2), rng(0))
    tokens, chosen, valid = seen[0]
    assert torch.equal(chosen, valid) and bool((tokens[valid] == MASKED).all()) and bool((tokens[~valid] < 0).all())
