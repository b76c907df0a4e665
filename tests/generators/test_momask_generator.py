"""MoMask's generator: published size, what each network may see, batches and padding, training and sampling."""

from __future__ import annotations

import pytest
import torch

from kinescale.core.errors import ConfigError, InputError
from kinescale.core.family import Family
from kinescale.generators import momask
from kinescale.generators.momask import Config, Generator
from kinescale.samplers import masked
from kinescale.samplers.base import SampleRequest
from kinescale.tokenizers.momask import Config as TokenizerConfig
from kinescale.tokenizers.momask import Tokenizer
from kinescale.tokens import TextFeatures
from kinescale.tokens.token_map import MASKED, PADDING


def codec() -> Tokenizer:
    torch.manual_seed(0)
    sizes = {"feature_width": 10, "width": 8, "code_dim": 6, "codes": 16, "codebooks": 3, "max_frames": 64}
    return Tokenizer(TokenizerConfig(**sizes, explicit_slice=None, mask_padding=True)).eval()  # type: ignore[arg-type]


def generator(**changes: object) -> Generator:
    torch.manual_seed(1)
    sizes = {"vocabulary": 16, "code_dim": 6, "bins": (16,) * 3, "groups": (1,) * 3, "capacity": 16, "text_width": 5}
    return Generator(Config(**{**sizes, "width": 8, "heads": 2, "feed_forward": 16, "layers": 2, **changes})).eval()  # type: ignore[arg-type]


def text(count: int, seed: int = 0) -> TextFeatures:
    rng = torch.Generator().manual_seed(seed)
    mask = torch.ones(count, 4, dtype=torch.bool)
    mask[:, 3] = False
    return TextFeatures(torch.randn(count, 4, 5, generator=rng), mask)


def test_the_defaults_are_the_published_networks() -> None:
    with torch.device("meta"):
        built = Generator(Config())
    sizes = [sum(p.numel() for p in part.parameters()) for part in (built.masked, built.residual, built.length)]
    assert [round(size / 1e6, 2) for size in sizes] == [12.05, 13.36, 0.44]
    assert momask.SAMPLER in Family("kinescale.samplers", "sampler").names()


def test_a_further_book_sees_the_books_before_it_alone() -> None:
    made = generator()
    rng = torch.Generator().manual_seed(3)
    tokens = torch.randint(0, 16, (1, 16, 3), generator=rng)
    state = made.begin(text(1), codec().layout(), torch.tensor([16]))
    logits = made.residual_logits(tokens, 1, state)
    later = tokens.clone()
    later[..., 1:] = (later[..., 1:] + 1) % 16
    torch.testing.assert_close(made.residual_logits(later, 1, state), logits)
    first = tokens.clone()
    first[..., 0] = (first[..., 0] + 1) % 16
    assert not torch.allclose(made.residual_logits(first, 1, state), logits)
    assert not torch.allclose(made.residual_logits(tokens, 2, state), logits)


def test_what_stands_past_a_clip_is_not_seen_and_batches_do_not_matter() -> None:
    made = generator()
    rng = torch.Generator().manual_seed(3)
    layout, latents = codec().layout(), torch.tensor([16, 9])
    rows = [torch.randint(0, 16, (2, 16, 1), generator=rng) for _ in range(3)]
    rows = [row.masked_fill(~layout.valid(latents, k), PADDING) for k, row in enumerate(rows)]
    rows[0][:, 4:7] = MASKED
    together, _ = made.logits(made.begin(text(2), layout, latents), (0, 1), tuple(rows))
    short = codec().layout(36)
    one = TextFeatures(text(2).tokens[1:], text(2).mask[1:])
    alone, _ = made.logits(made.begin(one, short, latents[1:]), (0, 1), tuple(r[1:, :9] for r in rows))
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a[1:, :9], b, atol=1e-5, rtol=1e-4)


def test_it_learns_one_batch_and_its_sampler_draws_it() -> None:
    tokens_of, made = codec(), generator(dropout=0.0, width=32, feed_forward=64, text_dropout=0.0)
    rng = torch.Generator().manual_seed(3)
    lengths = torch.tensor([64, 40])
    features = torch.randn(2, 64, 10, generator=rng)
    encoded = tokens_of.encode(features, lengths)
    optimizer = torch.optim.Adam(made.parameters(), 5e-3)
    made.train()
    first = last = 0.0
    for step in range(150):
        outcome = made.training_loss(tokens_of.codec, encoded.latent, lengths, text(2), rng)
        optimizer.zero_grad()
        outcome.loss.backward()
        optimizer.step()
        first, last = (first or outcome.logs["masked"]), outcome.logs["masked"]
        assert step or set(outcome.logs) == {"loss", "masked", "accuracy", "residual", "length"}
    assert last < 0.5 * first
    made.eval()
    assert made.length_logits(text(2)).argmax(-1).tolist() == [16, 10]
    config = masked.Config(steps=(6, 1), guidance_scale=(1.0,), temperature=1e-3, schedule="closed", keep_share=1.0)
    rngs = [torch.Generator().manual_seed(0) for _ in range(2)]
    layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
    request = SampleRequest(
        generator=made, codec=tokens_of.codec, text=text(2), layout=layout, latent_lengths=latents, rngs=rngs
    )
    drawn = masked.sample(request, config).tokens
    same = torch.stack([row == own for row, own in zip(drawn.scales, encoded.tokens.scales, strict=True)]).float()
    assert float(same[0].mean()) > 0.8


def test_the_loss_follows_its_generator() -> None:
    tokens_of, made = codec(), generator().train()
    encoded = tokens_of.encode(torch.randn(2, 64, 10), torch.tensor([64, 40]))
    losses = [
        float(made.training_loss(tokens_of.codec, encoded.latent, torch.tensor([64, 40]), text(2), rng).loss.detach())
        for rng in (torch.Generator().manual_seed(s) for s in (4, 4, 5))
    ]
    assert losses[0] == losses[1] != losses[2]


def test_misfits_are_refused_in_a_sentence() -> None:
    made, tokens_of = generator(), codec()
    with pytest.raises(ConfigError, match="all of one size"):
        Config.parse({"bins": [6, 12], "groups": [1, 1]})
    wide = TextFeatures(torch.zeros(1, 2, 7), torch.ones(1, 2, dtype=torch.bool))
    with pytest.raises(InputError, match="built for 5"):
        made.begin(wide, tokens_of.layout(), torch.tensor([16]))
    with pytest.raises(InputError, match="3 rows alike"):
        other = Tokenizer(TokenizerConfig(feature_width=10, width=8, code_dim=6, codebooks=2, explicit_slice=None))
        made.begin(text(1), other.layout(64), torch.tensor([16]))
