"""MoMask's tokenizer: published size, laws of its codec, padding and books, training from an explicit generator."""

from __future__ import annotations

import pytest
import torch

from kinescale.core.errors import ConfigError, InputError
from kinescale.tokenizers.momask import Config, Tokenizer
from kinescale.tokens import Codec
from kinescale.tokens.token_map import PADDING


def small(**changes: object) -> Tokenizer:
    torch.manual_seed(0)
    sizes = {"feature_width": 10, "width": 8, "code_dim": 6, "codes": 16, "codebooks": 3, "max_frames": 64}
    return Tokenizer(Config(**{**sizes, "explicit_slice": (2, 5), "mask_padding": True, **changes})).eval()  # type: ignore[arg-type]


def clips(lengths: list[int], frames: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    made = torch.randn(len(lengths), 64, 10, generator=rng)[:, :frames]
    return made * (torch.arange(frames)[None, :, None] < torch.tensor(lengths)[:, None, None])


def test_the_defaults_are_the_published_network() -> None:
    """46.86 M in all, of which encoder 9.59, decoder 9.85, codebooks 1.57."""
    with torch.device("meta"):
        built = Tokenizer(Config())
    sizes = [sum(p.numel() for p in part.parameters()) for part in (built.encoder, built.decoder)]
    assert sizes == [9_587_200, 9_849_607]
    assert sum(built.pyramid.quantizer(k).codebook.numel() for k in range(6)) == 6 * 512 * 512  # type: ignore[union-attr]


@pytest.mark.parametrize("mask_padding", [True, False])
def test_its_codec_agrees_with_encoding(mask_padding: bool) -> None:
    tokenizer = small(mask_padding=mask_padding)
    assert isinstance(tokenizer.codec, Codec)
    lengths = torch.tensor([60, 4, 37])
    encoded = tokenizer.encode(clips([60, 4, 37], 60), lengths)
    layout = encoded.tokens.layout
    assert layout == tokenizer.layout(60)
    assert [scale.bins for scale in layout.scales] == [15, 15, 15]
    running = tokenizer.codec.empty(layout, 3)
    for k, row in enumerate(encoded.tokens.scales):
        assert torch.equal(row != PADDING, encoded.tokens.valid(k))
        left = encoded.latent - running
        assert torch.equal(tokenizer.codec.quantize_scale(left, k, layout, encoded.tokens.latent_lengths), row)
        running = running + tokenizer.codec.contribution(row, k, layout)
    torch.testing.assert_close(running, encoded.quantized)
    for count in (1, 2, 3):
        assert tokenizer.decode(encoded.tokens.first(count)).shape == (3, 60, 10)


def test_each_codebook_brings_the_sum_nearer() -> None:
    tokenizer = small(temperature=None, codebook_dropout=0.0)
    rng = torch.Generator().manual_seed(2)
    tokenizer.train()
    for _ in range(20):
        tokenizer.training_loss(clips([60, 60, 52], 60), torch.tensor([60, 60, 52]), rng)
    tokenizer.eval()
    encoded = tokenizer.encode(clips([60], 60), torch.tensor([60]))
    quantized = tokenizer.pyramid(encoded.latent, encoded.tokens.layout, encoded.tokens.latent_lengths)
    errors = [float((encoded.latent - partial).square().mean().detach()) for partial in quantized.sums]
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("length", [5, 32, 45])
def test_masked_padding_does_not_matter(length: int) -> None:
    tokenizer = small()
    found = []
    for frames in (48, 64):
        encoded = tokenizer.encode(clips([length], frames), torch.tensor([length]))
        tokens = torch.stack([row[encoded.tokens.valid(k)] for k, row in enumerate(encoded.tokens.scales)])
        decoded = tokenizer.decode(encoded.tokens)[:, : length // 4 * 4]
        found.append((tokens, decoded.detach()))
    assert torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1], atol=1e-5, rtol=1e-4)


def test_training_follows_its_generator_and_evaluation_changes_nothing() -> None:
    features, lengths = clips([60, 40], 60), torch.tensor([60, 40])
    losses = []
    for _ in range(2):
        tokenizer = small(dropout=0.3).train()
        step = tokenizer.training_loss(features, lengths, torch.Generator().manual_seed(5))
        step.loss.backward()
        losses.append((float(step.loss.detach()), tokenizer.pyramid.quantizer(0).state_dict()["codebook"].clone()))
    assert losses[0][0] == losses[1][0]
    assert torch.equal(losses[0][1], losses[1][1])
    tokenizer = small()
    before = {name: value.clone() for name, value in tokenizer.state_dict().items()}
    tokenizer.training_loss(features, lengths, torch.Generator().manual_seed(5))
    assert all(torch.equal(value, before[name]) for name, value in tokenizer.state_dict().items())


def test_codebooks_are_dropped_as_often_as_configured() -> None:
    tokenizer = small(codebook_dropout=0.4).train()
    rng = torch.Generator().manual_seed(0)
    counts = [len(tokenizer._used(tokenizer.layout(), rng).scales) for _ in range(2000)]
    # a third of the dropped batches keeps all three codebooks by chance
    assert counts.count(3) / 2000 == pytest.approx(0.6 + 0.4 / 3, abs=0.03)
    assert counts.count(1) / 2000 == pytest.approx(0.4 / 3, abs=0.03)


def test_bad_input_gives_one_error() -> None:
    tokenizer = small()
    good, lengths = clips([40], 40), torch.tensor([40])
    bad = good.clone()
    bad[0, 3, 2] = float("nan")
    for features, given, said in (
        (good[..., :9], lengths, "9 features"),
        (good[:0], lengths[:0], "empty"),
        (good, torch.tensor([44]), "a clip of 44"),
        (bad, lengths, "NaN"),
        (clips([64], 64).repeat(1, 2, 1), torch.tensor([64]), "128 frames"),
    ):
        with pytest.raises(InputError, match=said):
            tokenizer.encode(features, given)
    with pytest.raises(ConfigError, match="multiple of 4"):
        Config.parse({"max_frames": 50})
