"""Bit flips: finer labels see what was added, rates are right, weights are the formula."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from kinescale.generators.scalemogen.training import bit_loss, correct, flipper, position_weights
from kinescale.tokens.token_map import PADDING
from scalemogen_parts import clips, rng, small_tokenizer


def right(bits: Tensor, scale: int) -> Tensor:
    return bits


def wrong(bits: Tensor, scale: int) -> Tensor:
    return torch.where(bits == PADDING, bits, 1 - bits) if scale < 3 else bits


@pytest.mark.parametrize("faithful", [False, True])
def test_without_flips_labels_are_the_tokens_of_a_full_clip(faithful: bool) -> None:
    tokenizer = small_tokenizer(faithful=faithful)
    encoded = tokenizer.encode(clips([128], 128), torch.tensor([128]))
    layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
    made = correct(tokenizer.codec, encoded.latent, layout, latents, right, faithful)
    assert torch.equal(made.labels, encoded.tokens.flatten())
    torch.testing.assert_close(made.total, encoded.quantized)
    assert len(made.inputs) == 10


def test_short_clips_keep_their_tokens_in_the_clean_setting_alone() -> None:
    lengths = torch.tensor([128, 50, 21])
    for faithful in (False, True):
        tokenizer = small_tokenizer(faithful=faithful)
        encoded = tokenizer.encode(clips(lengths.tolist(), 128), lengths)
        layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
        labels = correct(tokenizer.codec, encoded.latent, layout, latents, right, faithful).labels
        valid = layout.valid_flat(latents)
        assert not labels[~valid].any()
        assert torch.equal(labels[valid], encoded.tokens.flatten()[valid]) == (not faithful)


def test_labels_are_the_bits_of_what_the_flips_left() -> None:
    tokenizer = small_tokenizer()
    lengths = torch.tensor([128, 50])
    encoded = tokenizer.encode(clips([128, 50], 128), lengths)
    layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
    made = correct(tokenizer.codec, encoded.latent, layout, latents, wrong)
    left, starts = encoded.latent.clone(), layout.starts
    for k in range(len(layout.scales)):
        bits = tokenizer.codec.quantize_scale(left, k, layout, latents)
        assert torch.equal(bits.clamp(min=0).flatten(1, 2), made.labels[:, starts[k] : starts[k + 1]])
        left = left - tokenizer.codec.contribution(wrong(bits, k), k, layout)
    assert not torch.equal(made.labels, encoded.tokens.flatten().clamp(min=0))


def test_rates_are_drawn_once_a_scale_and_padding_stays() -> None:
    flip = flipper(0.3, rng(0))
    shares = []
    for scale in range(200):
        bits = torch.full((4, 20, 5, 3), PADDING)
        bits[:2] = torch.randint(0, 2, (2, 20, 5, 3), generator=rng(scale))
        out = flip(bits, scale)
        assert bool((out[2:] == PADDING).all()) and set(out[:2].unique().tolist()) <= {0, 1}
        shares.append(float((out != bits)[:2].float().mean()))
    assert min(shares) == 0.0 and 0.25 < max(shares) < 0.4
    assert sum(shares) / 200 == pytest.approx(0.15, abs=0.02)
    still = flipper(0.0, rng(1))
    assert torch.equal(still(bits, 0), bits)


@pytest.mark.parametrize("faithful", [False, True])
def test_weights_and_loss_are_the_formula(faithful: bool) -> None:
    layout = small_tokenizer(faithful=faithful).layout()
    valid = layout.valid_flat(torch.tensor([32, 9]))
    weights = position_weights(layout, valid, faithful)
    sizes = [scale.size for scale in layout.scales]
    rows = []
    for clip in range(2):
        counts = sizes if faithful else [int(part.sum()) for part in valid[clip].split(sizes)]
        rows.append(torch.cat([torch.full((n,), (counts[-1] / m) ** 0.5) for n, m in zip(sizes, counts, strict=True)]))
    raw = torch.stack(rows)
    kept = raw * valid
    wanted = kept / (raw.sum(1, keepdim=True) if faithful else kept.sum(1, keepdim=True))
    torch.testing.assert_close(weights, wanted)
    logits = torch.randn(2, layout.positions, 3, 2, generator=rng(2))
    labels = torch.randint(0, 2, (2, layout.positions, 3), generator=rng(3))
    each = functional.cross_entropy(logits.permute(0, 3, 1, 2), labels, reduction="none").mean(-1)
    torch.testing.assert_close(bit_loss(logits, labels, weights), (each * wanted).sum(1).mean())
