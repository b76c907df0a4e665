"""ScaleMoGen's tokenizer with a codebook or rounded numbers in place of sign bits: laws of its pyramid; learning."""

from __future__ import annotations

import pytest
import torch

from kinescale.core.errors import ConfigError
from kinescale.tokenizers.scalemogen import Config
from kinescale.tokens.token_map import PADDING
from scalemogen_parts import clips, rng, small_tokenizer

LENGTHS = [128, 61, 22, 5]
KINDS = {"vq": {"codes": 24, "code_dim": 6}, "fsq": {"levels": [5, 3], "code_dim": 6}}


def begun(kind: str, **changes):
    """In eval mode, after one training batch has set up its book."""
    built = small_tokenizer(quantizer=kind, **{**KINDS[kind], **changes})
    built.train().training_loss(clips(LENGTHS, 128), torch.tensor(LENGTHS), rng(1))
    return built.eval()


def test_the_published_quantizer_adds_no_tensors_and_is_the_default() -> None:
    plain = small_tokenizer()
    assert plain.codec.token_kind == "bits" and plain.codec.vocabulary == plain.codec.latent_width == 5
    assert not [key for key in plain.state_dict() if key.startswith("pyramid")]
    assert plain.state_dict().keys() == small_tokenizer(quantizer="bsq").state_dict().keys()


@pytest.mark.parametrize("kind", KINDS)
def test_scale_by_scale_is_what_encoding_does(kind: str) -> None:
    tokenizer = begun(kind)
    assert tokenizer.codec.token_kind == "codes" and tokenizer.codec.vocabulary == {"vq": 24, "fsq": 15}[kind]
    encoded = tokenizer.encode(clips(LENGTHS, 128), torch.tensor(LENGTHS))
    layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
    running = tokenizer.codec.empty(layout, len(LENGTHS))
    for scale, row in enumerate(encoded.tokens.scales):
        again = tokenizer.codec.quantize_scale(encoded.latent - running, scale, layout, latents)
        assert torch.equal(again, row) and torch.equal(row == PADDING, ~encoded.tokens.valid(scale))
        assert int(row.max()) < tokenizer.codec.vocabulary
        running = running + tokenizer.codec.contribution(row, scale, layout)
    inside = (torch.arange(layout.capacity) < latents[:, None])[:, :, None, None]
    torch.testing.assert_close(running * inside, encoded.quantized * inside, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_is_the_same_alone_and_in_a_batch(kind: str) -> None:
    tokenizer = begun(kind)
    features = clips(LENGTHS, 128)
    together = tokenizer.encode(features, torch.tensor(LENGTHS)).tokens
    frames = tokenizer.decode(together)
    for i, length in enumerate(LENGTHS):
        alone = tokenizer.encode(features[i : i + 1, :length], torch.tensor([length])).tokens
        for scale, row in enumerate(alone.scales):
            here = together.scales[scale][i][together.valid(scale)[i]]
            assert torch.equal(row[0][alone.valid(scale)[0]], here)
        mine = tokenizer.decode(alone)[0, :length]
        torch.testing.assert_close(mine, frames[i, :length], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_training_reaches_the_encoder_and_lowers_the_loss(kind: str) -> None:
    tokenizer = begun(kind, scale_dropout=0.0, dropout=0.0).train()
    optimizer = torch.optim.Adam(tokenizer.parameters(), lr=3e-3)
    losses = []
    for step in range(12):
        optimizer.zero_grad()
        found = tokenizer.training_loss(clips(LENGTHS, 128), torch.tensor(LENGTHS), rng(step))
        found.loss.backward()
        if step == 0:
            gradient = tokenizer.encoder.state_dict(keep_vars=True)
            assert all(bool(p.grad.isfinite().all()) for p in gradient.values() if p.grad is not None)
            assert tokenizer.project_in.weight.grad is not None and bool(tokenizer.project_in.weight.grad.any())
        optimizer.step()
        losses.append(found.logs["reconstruction"])
    assert losses[-1] < 0.9 * losses[0]
    assert found.logs["usage"] > 0.1 and found.logs["perplexity"] > 1.5 and "balance" not in found.logs


def test_the_first_batch_sets_up_the_book_once() -> None:
    tokenizer = begun("fsq")
    gains = torch.cat([gain.detach().clone() for gain in tokenizer.pyramid.log_gains])
    assert bool(tokenizer.pyramid.begun) and len(gains) == 11 and bool((gains != 0).all())
    tokenizer.train().training_loss(3 * clips(LENGTHS, 128), torch.tensor(LENGTHS), rng(2))
    assert torch.equal(torch.cat(list(tokenizer.pyramid.log_gains)), gains)
    assert bool(begun("vq").pyramid.quantizers[0].initialized)


def test_evaluation_changes_no_book() -> None:
    tokenizer = begun("vq")
    before = {key: value.clone() for key, value in tokenizer.state_dict().items()}
    tokenizer.training_loss(clips(LENGTHS, 128), torch.tensor(LENGTHS), rng(2))
    assert all(torch.equal(value, before[key]) for key, value in tokenizer.state_dict().items())


def test_an_unknown_quantizer_is_refused() -> None:
    with pytest.raises(ConfigError, match="quantizer"):
        Config.parse({"quantizer": "lfq"})
