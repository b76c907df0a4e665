"""MoScale's tokenizer: published size, laws of padding and batches, training from an explicit generator, bad input."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from kinescale.core.errors import ConfigError, InputError
from kinescale.tokenizers.moscale import Config, Tokenizer
from kinescale.tokens import Codec, TokenMap
from kinescale.tokens.token_map import PADDING
from moscale_parts import SCALE_LISTS, clips, rng, small_tokenizer


def test_the_defaults_are_the_published_network() -> None:
    with torch.device("meta"):
        built = Tokenizer(Config())
    assert sum(p.numel() for p in built.parameters()) == 32_062_759
    assert built.pyramid.quantizers[0].codebook.shape == (512, 512)
    assert [scale.bins for scale in built.layout(40).scales] == [6, 12, 24, 49]


def test_weights_start_xavier_normal_and_biases_zero() -> None:
    built = Tokenizer(Config(width=64, code_dim=32))
    weight = built.encoder.narrow[0].weight
    assert float(weight.detach().std()) == pytest.approx((2 / (64 * 4 + 64 * 4)) ** 0.5, rel=0.05)
    biases = [p for name, p in built.named_parameters() if name.endswith("bias") and "norm" not in name]
    assert not any(bool(bias.any()) for bias in biases)


@pytest.mark.parametrize("scales", SCALE_LISTS)
@pytest.mark.parametrize("mask_padding", [True, False])
def test_any_scale_list_goes_both_ways(scales: tuple[int, ...], mask_padding: bool) -> None:
    tokenizer = small_tokenizer(scales=scales, mask_padding=mask_padding)
    assert isinstance(tokenizer.codec, Codec)
    lengths = torch.tensor([100, 4, 37])
    features = clips(tokenizer, lengths.tolist(), 100)
    before = features.clone(), lengths.clone()
    encoded = tokenizer.encode(features, lengths)
    layout = encoded.tokens.layout
    assert layout == tokenizer.layout(100)
    for k, row in enumerate(encoded.tokens.scales):
        assert torch.equal(row != PADDING, encoded.tokens.valid(k))
    running = tokenizer.codec.empty(layout, 3)
    for k, row in enumerate(encoded.tokens.scales):
        left = encoded.latent - running
        assert torch.equal(tokenizer.codec.quantize_scale(left, k, layout, encoded.tokens.latent_lengths), row)
        running = running + tokenizer.codec.contribution(row, k, layout)
        assert tokenizer.codec.scale_input(running, k, layout).shape == (3, layout.scales[k].bins, 1, 6)
    torch.testing.assert_close(running, encoded.quantized)
    for count in range(1, len(scales) + 1):
        decoded = tokenizer.decode(encoded.tokens.first(count))
        assert decoded.shape == (3, layout.max_frames, 10) and bool(decoded.isfinite().all())
    assert torch.equal(features, before[0]) and torch.equal(lengths, before[1])


@pytest.mark.parametrize("blend", [0.0, 0.3])
@pytest.mark.parametrize("length", [5, 32, 45, 64])
def test_masked_padding_does_not_matter(length: int, blend: float) -> None:
    tokenizer = small_tokenizer(blend=blend)
    lengths = torch.tensor([length])
    wanted_tokens, wanted_frames = None, None
    for frames in (64, 96, 128):
        encoded = tokenizer.encode(clips(tokenizer, [length], frames), lengths)
        latents = encoded.tokens.latent_lengths
        assert encoded.tokens.layout.capacity == frames // 4
        tokens = [row[encoded.tokens.valid(k)] for k, row in enumerate(encoded.tokens.scales)]
        decoded = tokenizer.decode(encoded.tokens)[:, : int(latents) * 4]
        wanted_tokens = wanted_tokens or tokens
        wanted_frames = decoded if wanted_frames is None else wanted_frames
        assert all(torch.equal(a, b) for a, b in zip(tokens, wanted_tokens, strict=True))
        torch.testing.assert_close(decoded, wanted_frames, atol=1e-4, rtol=1e-4)


def test_what_stands_past_a_length_is_not_read_when_masked() -> None:
    tokenizer = small_tokenizer()
    lengths = torch.tensor([40])
    clean = clips(tokenizer, [40], 64)
    dirty = clean.clone()
    dirty[:, 40:] = 5.0
    assert torch.equal(
        tokenizer.encode(clean, lengths).tokens.flatten(), tokenizer.encode(dirty, lengths).tokens.flatten()
    )


@pytest.mark.parametrize("mask_padding", [True, False])
def test_a_clip_is_the_same_alone_and_in_a_batch(mask_padding: bool) -> None:
    tokenizer = small_tokenizer(mask_padding=mask_padding)
    lengths = torch.tensor([128, 36, 80, 60])
    features = clips(tokenizer, lengths.tolist(), 128)
    together = tokenizer.encode(features, lengths).tokens
    decoded = tokenizer.decode(together)
    for i in range(4):
        alone = tokenizer.encode(features[i : i + 1], lengths[i : i + 1]).tokens
        assert torch.equal(alone.flatten()[0], together.flatten()[i])
        torch.testing.assert_close(tokenizer.decode(alone)[0], decoded[i], atol=1e-4, rtol=1e-4)


def test_layouts_without_masking_are_always_whole() -> None:
    assert small_tokenizer(mask_padding=False).layout(8) == small_tokenizer(mask_padding=False).layout()
    assert small_tokenizer().layout(8).capacity == 8
    assert small_tokenizer().layout(33).capacity == 16


def test_training_follows_its_generator_alone_and_learns() -> None:
    lengths = torch.tensor([64, 50, 40, 21])
    losses = []
    for run in range(2):
        tokenizer = small_tokenizer(dropout=0.1).train()
        features = clips(tokenizer, lengths.tolist(), 64)
        optimizer = torch.optim.Adam(tokenizer.parameters(), 3e-3)
        source, trail = rng(7), []
        for _ in range(30):
            torch.rand(run)  # the global state must not matter
            step = tokenizer.training_loss(features, lengths, source)
            optimizer.zero_grad()
            step.loss.backward()
            optimizer.step()
            trail.append(step.logs["loss"])
        losses.append(trail)
    assert losses[0] == losses[1]
    assert losses[0][-1] < 0.8 * losses[0][0]
    assert all(p.grad is not None for p in tokenizer.parameters())


def test_the_loss_does_not_feel_padding_and_evaluation_changes_nothing() -> None:
    tokenizer = small_tokenizer()
    lengths = torch.tensor([40, 17])
    state = {name: value.clone() for name, value in tokenizer.state_dict().items()}
    short = tokenizer.training_loss(clips(tokenizer, [40, 17], 40), lengths, rng(1)).loss
    long = tokenizer.training_loss(clips(tokenizer, [40, 17], 128), lengths, rng(2)).loss
    torch.testing.assert_close(short, long)
    assert all(torch.equal(value, state[name]) for name, value in tokenizer.state_dict().items())


def test_the_loss_is_the_formula() -> None:
    tokenizer = small_tokenizer()
    lengths = torch.tensor([32, 20])
    features = clips(tokenizer, [32, 20], 32)
    encoded = tokenizer.encode(features, lengths)
    decoded = tokenizer.decode(encoded.tokens)
    inside = torch.arange(32)[None] < lengths[:, None]
    everything = functional.smooth_l1_loss(decoded[inside], features[inside])
    explicit = functional.smooth_l1_loss(decoded[inside][:, 2:5], features[inside][:, 2:5])
    sums = tokenizer.pyramid(encoded.latent, encoded.tokens.layout, encoded.tokens.latent_lengths).sums
    kept = torch.arange(8)[None] < encoded.tokens.latent_lengths[:, None]
    commitment = sum(functional.mse_loss(part[kept], encoded.latent[kept]) for part in sums) / len(sums)
    wanted = everything + 0.5 * explicit + 0.02 * commitment
    torch.testing.assert_close(tokenizer.training_loss(features, lengths, rng(0)).loss, wanted)


def test_a_codebook_of_more_scales_leaves_less() -> None:
    tokenizer = small_tokenizer(codes=200)
    lengths = torch.tensor([128] * 4)
    encoded = tokenizer.encode(clips(tokenizer, [128] * 4, 128), lengths)
    tokenizer.pyramid.quantizers[0].codebook[:] = encoded.latent.flatten(0, 2).repeat(2, 1)[:200]
    tokenizer.pyramid.quantizers[0].codebook[0] = 0.0
    sums = tokenizer.pyramid(encoded.latent, encoded.tokens.layout, encoded.tokens.latent_lengths).sums
    errors = [float((encoded.latent - part).square().mean()) for part in sums]
    assert errors[-1] < errors[0]


def test_bad_batches_are_refused_in_one_sentence() -> None:
    tokenizer = small_tokenizer()
    good, lengths = clips(tokenizer, [40], 64), torch.tensor([40])
    nan = good.clone()
    nan[0, 3, 3] = float("nan")
    none = torch.zeros(0, dtype=torch.int64)
    cases = [
        (good[..., :9], lengths, "9 features per frame; this tokenizer takes 10"),
        (good, torch.tensor([65]), "65 frames"),
        (good[:, :38], lengths, "40 frames"),
        (good, torch.tensor([3]), "expected 4"),
        (good[:0], none, "empty"),
        (nan, lengths, "NaN"),
        (torch.zeros(1, 132, 10), lengths, "132 frames"),
    ]
    for features, given, message in cases:
        for call in (tokenizer.encode, lambda f, n: tokenizer.training_loss(f, n, rng(0))):
            with pytest.raises(InputError, match=message):
                call(features, given)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"scales": (4, 8, 1)}, "falling"),
        ({"scales": (4, 2)}, "falling"),
        ({"max_frames": 130}, "max_frames"),
        ({"max_frames": 100, "mask_padding": True}, "mask_padding"),
        ({"faithful": True, "mask_padding": True}, "exclude"),
        ({"width": 24, "heads": 8}, "heads"),
        ({"explicit_slice": (4, 300)}, "block .explicit. is columns 4 to 300"),
        ({"levels": 0}, "levels"),
    ],
)
def test_inconsistent_configs_are_refused(changes: dict, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        Config.parse({"max_frames": 128, **changes})


def test_decoding_needs_no_more_than_the_first_scales() -> None:
    tokenizer = small_tokenizer()
    tokens = tokenizer.encode(clips(tokenizer, [64], 64), torch.tensor([64])).tokens
    only = TokenMap(tokens.layout, tokens.latent_lengths, tokens.scales[:1])
    assert torch.equal(tokenizer.decode(only), tokenizer.decode(tokens.first(1)))
