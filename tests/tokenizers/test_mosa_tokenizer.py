"""MoSa's tokenizer: published size, both ways of padding, batches, training from an explicit generator, bad input."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from kinescale.core.errors import ConfigError, InputError
from kinescale.tokenizers.mosa import Config, Tokenizer
from kinescale.tokens import Codec
from kinescale.tokens.token_map import PADDING
from mosa_parts import small_tokenizer
from moscale_parts import clips, rng

UNEVEN = (3, 5, 11, 16)


def count(module: torch.nn.Module | None) -> int:
    assert module is not None
    return sum(p.numel() for p in module.parameters())


def test_the_defaults_are_the_published_network() -> None:
    with torch.device("meta"):
        built = Tokenizer(Config())
    assert count(built.encoder) == 7_958_016
    # the authors' decoder holds one more convolution, of 256 channels, that it never uses: 10.784 M with it
    assert count(built.decoder) + 256 * 256 * 3 + 256 == 10_783_751
    assert count(built.pyramid.phis) == 15_738_880
    assert sum(book.codebook.numel() for book in built.pyramid.quantizers) == 5120 * 512
    assert count(built.slots) == 515_480
    assert built.layout(40).positions == 236 and built.layout() == built.layout(40)
    assert built.codec.vocabularies == tuple(round(x) for x in torch.linspace(256, 768, 10).tolist())


@pytest.mark.parametrize("padding", ["slots", "masked"])
@pytest.mark.parametrize("bins", [(4, 8, 12, 16), UNEVEN, (2, 8, 14, 16)])
def test_any_bins_go_both_ways(bins: tuple[int, ...], padding: str) -> None:
    tokenizer = small_tokenizer(bins=bins, padding=padding)
    assert isinstance(tokenizer.codec, Codec)
    lengths = torch.tensor([60, 4, 37])
    features = clips(tokenizer, lengths.tolist(), 60)
    before = features.clone(), lengths.clone()
    encoded = tokenizer.encode(features, lengths)
    layout = encoded.tokens.layout
    assert layout == tokenizer.layout(60)
    for k, row in enumerate(encoded.tokens.scales):
        assert torch.equal(row != PADDING, encoded.tokens.valid(k)) and int(row.max()) < tokenizer.codec.vocabularies[k]
    running = tokenizer.codec.empty(layout, 3)
    for k, row in enumerate(encoded.tokens.scales):
        left = encoded.latent - running
        assert torch.equal(tokenizer.codec.quantize_scale(left, k, layout, encoded.tokens.latent_lengths), row)
        running = running + tokenizer.codec.contribution(row, k, layout)
        assert tokenizer.codec.scale_input(running, k, layout).shape == (3, layout.scales[k].bins, 1, 6)
    torch.testing.assert_close(running, encoded.quantized)
    for kept in range(1, len(bins) + 1):
        decoded = tokenizer.decode(encoded.tokens.first(kept))
        assert decoded.shape == (3, layout.max_frames, 10) and bool(decoded.isfinite().all())
    assert torch.equal(features, before[0]) and torch.equal(lengths, before[1])


@pytest.mark.parametrize("length", [4, 13, 16, 31, 32])
def test_masked_padding_does_not_matter(length: int) -> None:
    tokenizer = small_tokenizer()
    lengths = torch.tensor([length])
    wanted_tokens, wanted_frames, wanted_inputs = None, None, None
    for frames in (32, 48, 64):
        encoded = tokenizer.encode(clips(tokenizer, [length], frames), lengths)
        layout = encoded.tokens.layout
        assert layout.capacity == frames // 4
        tokens = [row[encoded.tokens.valid(k)] for k, row in enumerate(encoded.tokens.scales)]
        decoded = tokenizer.decode(encoded.tokens)[:, :length]
        inputs = tokenizer.codec.scale_input(encoded.quantized, 2, layout)[encoded.tokens.valid(2)]
        if wanted_tokens is None:
            wanted_tokens, wanted_frames, wanted_inputs = tokens, decoded, inputs
        assert all(torch.equal(a, b) for a, b in zip(tokens, wanted_tokens, strict=True))
        torch.testing.assert_close(decoded, wanted_frames, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(inputs, wanted_inputs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("padding", ["slots", "masked"])
def test_what_stands_past_a_length_is_not_read(padding: str) -> None:
    tokenizer = small_tokenizer(padding=padding)
    lengths = torch.tensor([40])
    clean = clips(tokenizer, [40], 64)
    dirty = clean.clone()
    dirty[:, 40:] = 5.0
    assert torch.equal(tokenizer.encode(clean, lengths).latent, tokenizer.encode(dirty, lengths).latent)
    losses = [float(tokenizer.training_loss(given, lengths, rng(0)).loss.detach()) for given in (clean, dirty)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.parametrize("padding", ["slots", "masked"])
def test_a_clip_is_the_same_alone_and_in_a_batch(padding: str) -> None:
    tokenizer = small_tokenizer(padding=padding)
    lengths = torch.tensor([64, 36, 51, 12])
    features = clips(tokenizer, lengths.tolist(), 64)
    together = tokenizer.encode(features, lengths).tokens
    decoded = tokenizer.decode(together)
    for i in range(4):
        alone = tokenizer.encode(features[i : i + 1], lengths[i : i + 1]).tokens
        assert torch.equal(alone.flatten()[0], together.flatten()[i])
        torch.testing.assert_close(tokenizer.decode(alone)[0], decoded[i], atol=1e-4, rtol=1e-4)


def test_layouts_shrink_where_padding_is_masked_and_bins_allow() -> None:
    slots, masked = small_tokenizer(padding="slots"), small_tokenizer()
    assert slots.layout(8) == slots.layout() and slots.layout().rounding == "all"
    assert [scale.bins for scale in masked.layout(8).scales] == [1, 2, 3, 4]
    assert [scale.bins for scale in masked.layout(33).scales] == [3, 6, 9, 12]
    assert small_tokenizer(bins=UNEVEN).layout(8).capacity == 16


def test_slots_stand_after_a_clips_end_and_group_zero_is_for_evaluation() -> None:
    tokenizer = small_tokenizer(padding="slots")
    assert tokenizer.slots is not None
    features = clips(tokenizer, [64, 20], 64)
    filled = tokenizer.slots.fill(features, torch.tensor([64, 20]), 2)
    assert torch.equal(filled[0], features[0]) and torch.equal(filled[1, :20], features[1, :20])
    assert torch.equal(filled[1, 20:], tokenizer.slots.frames[2, 20:])
    short = tokenizer.encode(features[1:, :20], torch.tensor([20]))
    torch.testing.assert_close(short.latent[0], tokenizer.encode(features, torch.tensor([64, 20])).latent[1])


def test_slots_begin_with_full_clips_and_follow_them() -> None:
    tokenizer = Tokenizer(small_tokenizer(padding="slots", slot_decay=0.5).config)
    slots = tokenizer.slots
    assert slots is not None
    features = clips(tokenizer, [64, 20, 64], 64)
    slots.follow(features[1:2], torch.tensor([20]), rng(0))
    slots.follow(features[:, :40], torch.tensor([40, 20, 40]), rng(0))
    assert not bool(slots.initialized) and not slots.frames.any()
    slots.follow(features, torch.tensor([64, 20, 64]), rng(0))
    first = slots.frames.detach().clone()
    assert bool(slots.initialized)
    for group, clip in enumerate((0, 2, 0)):
        torch.testing.assert_close(first[group], features[clip], atol=0.05, rtol=0)
    slots.follow(features[2:], torch.tensor([64]), rng(0))
    torch.testing.assert_close(slots.frames.detach(), first.lerp(features[2].expand_as(first), 0.5))


@pytest.mark.parametrize("padding", ["slots", "masked"])
def test_training_follows_its_generator_alone_and_learns(padding: str) -> None:
    lengths = torch.tensor([64, 50, 40, 21])
    losses = []
    for run in range(2):
        tokenizer = small_tokenizer(padding=padding).train()
        features = clips(tokenizer, lengths.tolist(), 64)
        optimizer = torch.optim.Adam(tokenizer.parameters(), 1e-2)
        source, trail = rng(7), []
        for _ in range(12):
            torch.rand(run)  # the global state must not matter
            step = tokenizer.training_loss(features, lengths, source)
            optimizer.zero_grad()
            step.loss.backward()
            optimizer.step()
            trail.append(step.logs["loss"])
        losses.append(trail)
        assert 0 < step.logs["usage"] <= 1 and step.logs["perplexity"] >= 1
        assert all(p.grad is not None for p in tokenizer.parameters())
    assert losses[0] == losses[1]
    assert losses[0][-1] < 0.9 * losses[0][0]


def test_evaluation_changes_nothing_and_padding_is_not_felt() -> None:
    tokenizer = small_tokenizer()
    lengths = torch.tensor([32, 17])
    state = {name: value.clone() for name, value in tokenizer.state_dict().items()}
    short = tokenizer.training_loss(clips(tokenizer, [32, 17], 32), lengths, rng(1)).loss
    long = tokenizer.training_loss(clips(tokenizer, [32, 17], 64), lengths, rng(2)).loss
    torch.testing.assert_close(short, long)
    assert all(torch.equal(value, state[name]) for name, value in tokenizer.state_dict().items())


@pytest.mark.parametrize("padding", ["slots", "masked"])
def test_the_loss_is_the_formula_and_scale_convolutions_learn_from_the_sums(padding: str) -> None:
    tokenizer = small_tokenizer(padding=padding)
    lengths = torch.tensor([64, 20])
    features = clips(tokenizer, [64, 20], 64)
    encoded = tokenizer.encode(features, lengths)
    decoded = tokenizer.decode(encoded.tokens)
    target = features if tokenizer.slots is None else tokenizer.slots.fill(features, lengths)
    inside = torch.arange(64)[None] < (lengths if padding == "masked" else torch.tensor([64, 64]))[:, None]
    everything = functional.smooth_l1_loss(decoded[inside], target[inside])
    explicit = functional.smooth_l1_loss(decoded[inside][:, 2:5], target[inside][:, 2:5])
    sums = tokenizer.pyramid(encoded.latent, encoded.tokens.layout, encoded.tokens.latent_lengths).sums
    kept = inside[:, ::4]
    pull = sum(2 * functional.mse_loss(part[kept], encoded.latent[kept]) for part in sums) / len(sums)
    loss = tokenizer.training_loss(features, lengths, rng(0)).loss
    torch.testing.assert_close(loss, everything + 0.5 * explicit + 0.02 * pull)
    loss.backward()
    through = [p.grad.clone() for p in tokenizer.pyramid.phis.parameters()]
    tokenizer.zero_grad()
    tokenizer.config = tokenizer.config.but(quantization_weight=0.0)
    tokenizer.training_loss(features, lengths, rng(0)).loss.backward()
    assert any(bool(grad.any()) for grad in through)
    assert all(p.grad is None or not bool(p.grad.any()) for p in tokenizer.pyramid.phis.parameters())


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
        (torch.zeros(1, 68, 10), lengths, "68 frames"),
    ]
    for features, given, message in cases:
        for call in (tokenizer.encode, lambda f, n: tokenizer.training_loss(f, n, rng(0))):
            with pytest.raises(InputError, match=message):
                call(features, given)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"bins": (8, 4, 49)}, "rising"),
        ({"bins": (8, 16)}, "rising"),
        ({"max_frames": 190}, "max_frames"),
        ({"codes": (256, 300)}, "2 codebooks"),
        ({"width": 6}, "multiple of 4"),
        ({"multipliers": ()}, "levels"),
        ({"explicit_slice": (4, 300)}, "block .explicit. is columns 4 to 300"),
        ({"padding": "none"}, "padding"),
    ],
)
def test_inconsistent_configs_are_refused(changes: dict, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        Config.parse(changes)


def test_the_ablation_has_the_published_network_without_its_attention() -> None:
    with torch.device("meta"):
        whole, less = Tokenizer(Config()), Tokenizer(Config(attention=False))
    kept = {name for name, _ in less.named_parameters()}
    assert kept == {name for name, _ in whole.named_parameters() if "attention" not in name} != set()
    tokenizer = small_tokenizer(attention=False)
    assert tokenizer.decode(tokenizer.encode(clips(tokenizer, [64], 64), torch.tensor([64])).tokens).shape == (
        1,
        64,
        10,
    )
