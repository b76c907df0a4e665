"""MoSa's generator: published size, block-causal, steps equal one pass, padding does not matter, any codec."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import moscale_parts
from kinescale.core.errors import ConfigError, InputError
from kinescale.core.family import Family
from kinescale.generators import mosa
from kinescale.generators.mosa import Config, Generator
from kinescale.generators.mosa.training import keeping, teach
from kinescale.tokens import Scale, TextFeatures, TokenLayout
from kinescale.tokens.token_map import PADDING
from mosa_parts import small_generator, small_tokenizer
from moscale_parts import clips, rng, small_text

UNEVEN = (3, 5, 11, 16)


def test_published_size() -> None:
    with torch.device("meta"):
        built = Generator(Config())
    assert sum(p.numel() for p in built.parameters()) == 18_940_928
    assert built.start_rows.shape == (3, 384) and built.length_table.weight.shape == (49, 384)


def test_the_sampler_it_names_exists() -> None:
    assert mosa.SAMPLER in Family("kinescale.samplers", "sampler").names()


def test_weights_start_as_published() -> None:
    built = Generator(Config(width=96, heads=2, layers=1))
    assert float(built.text_in.weight.detach().std()) == pytest.approx(0.02, rel=0.05)
    assert float(built.start_rows.detach().std()) == pytest.approx((1 / (3 * 96)) ** 0.5, rel=0.15)
    assert not built.heads[0].bias.any() and not built.blocks[0].text.query.bias.any()


def setting(lengths: list[int], **changes):
    tokenizer = small_tokenizer(**changes)
    generator = small_generator(tokenizer)
    encoded = tokenizer.encode(clips(tokenizer, lengths, max(lengths)), torch.tensor(lengths))
    layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
    running, inputs = tokenizer.codec.empty(layout, len(lengths)), []
    for k, row in enumerate(encoded.tokens.scales):
        inputs.append(tokenizer.codec.scale_input(running, k, layout))
        running = running + tokenizer.codec.contribution(row, k, layout)
    return generator, layout, latents, inputs


def forced(generator: Generator, text: TextFeatures, inputs: list[Tensor], layout, latents) -> list[Tensor]:
    return generator(generator.read(text, latents), tuple(inputs[1:]), layout, latents)


@torch.no_grad()
@pytest.mark.parametrize("bins", [(4, 8, 12, 16), UNEVEN])
@pytest.mark.parametrize("padding", ["masked", "slots"])
def test_stepping_with_the_cache_gives_the_numbers_of_one_pass(bins: tuple[int, ...], padding: str) -> None:
    generator, layout, latents, inputs = setting([60, 9, 33], bins=bins, padding=padding)
    text = small_text(3)
    wanted = forced(generator, text, inputs, layout, latents)
    state = generator.begin(text, layout, latents)
    for k, part in enumerate(wanted):
        tokens = torch.zeros(3, layout.scales[k].bins, 1, dtype=torch.int64)
        for _ in range(2):  # a second pass over a scale finds the same
            logits, state = generator.step(state, k, inputs[k], tokens)
            torch.testing.assert_close(logits, part, atol=1e-4, rtol=1e-4)
        state = generator.commit(state, k, inputs[k], tokens)


@torch.no_grad()
def test_a_scale_does_not_see_finer_ones() -> None:
    generator, layout, latents, inputs = setting([60, 33])
    before = forced(generator, small_text(2), inputs, layout, latents)
    after = forced(generator, small_text(2), [*inputs[:2], *(i + 1 for i in inputs[2:])], layout, latents)
    for k in range(4):
        same = torch.allclose(before[k], after[k], atol=1e-5)
        assert same == (k < 2)


@torch.no_grad()
def test_padding_and_batch_do_not_matter_when_masked() -> None:
    lengths = [60, 9, 33]
    generator, layout, latents, inputs = setting(lengths)
    together = forced(generator, small_text(3), inputs, layout, latents)
    text = small_text(3)
    for i, length in enumerate(lengths):
        short = small_tokenizer().layout(length)
        cut = [inputs[k][i : i + 1, : scale.bins] for k, scale in enumerate(short.scales)]
        own = TextFeatures(text.tokens[i : i + 1], text.mask[i : i + 1])
        alone = forced(generator, own, cut, short, latents[i : i + 1])
        for k, row in enumerate(alone):
            count = int(short.valid_bins(latents[i : i + 1], k))
            torch.testing.assert_close(row[0, :count], together[k][i, :count], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_text_and_length_matter_and_masked_words_do_not() -> None:
    generator, layout, latents, inputs = setting([64, 64], padding="slots")
    text = small_text(2)
    noisy = TextFeatures(text.tokens.masked_fill(~text.mask[:, :, None], 9.0), text.mask)
    plain = forced(generator, text, inputs, layout, latents)
    torch.testing.assert_close(forced(generator, noisy, inputs, layout, latents)[0], plain[0])
    away = generator.unconditional(text)
    assert not away.tokens.any() and torch.equal(away.mask, text.mask)
    for other in (
        forced(generator, away, inputs, layout, latents),
        forced(generator, text, inputs, layout, latents - 5),
    ):
        assert not torch.allclose(other[0], plain[0])


@torch.no_grad()
def test_groups_of_body_parts_are_told_apart() -> None:
    """A layout of bins times groups, as a skeletal tokenizer has it."""
    layout = TokenLayout((Scale(2, 1), Scale(4, 3), Scale(8, 3)), 8, 4, "up")
    config = Config(
        vocabularies=(5, 6, 7), code_dim=4, bins=(2, 4, 8), groups=(1, 3, 3), capacity=8, width=16, heads=2, layers=1,
        hidden=16, text_width=7,
    )  # fmt: skip
    generator, text, latents = Generator(config).eval(), small_text(2), torch.tensor([8, 3])
    inputs = [torch.zeros(2, scale.bins, scale.groups, 4) for scale in layout.scales]
    made = forced(generator, text, inputs, layout, latents)
    assert [row.shape for row in made] == [(2, 2, 5), (2, 12, 6), (2, 24, 7)]
    assert not torch.allclose(made[2][:, 0], made[2][:, 1])
    state = generator.begin(text, layout, latents)
    for k, row in enumerate(made):
        logits, state = generator.step(state, k, inputs[k], torch.zeros(2, *inputs[k].shape[1:3], dtype=torch.int64))
        torch.testing.assert_close(logits, row, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["masked", "slots", "another system's"])
def test_training_follows_its_generator_alone_and_learns(kind: str) -> None:
    tokenizer = moscale_parts.small_tokenizer() if kind.startswith("another") else small_tokenizer(padding=kind)
    lengths = torch.tensor([64, 50, 40, 21])
    latent = tokenizer.encode(clips(tokenizer, lengths.tolist(), 64), lengths).latent
    losses = []
    for run in range(2):
        generator = small_generator(tokenizer, dropout=0.1).train()
        optimizer = torch.optim.Adam(generator.parameters(), 1e-2)
        source, trail = rng(7), []
        for _ in range(10):
            torch.rand(run)
            step = generator.training_loss(tokenizer.codec, latent, lengths, small_text(4), source)
            optimizer.zero_grad()
            step.loss.backward()
            optimizer.step()
            trail.append(step.logs["loss"])
        losses.append(trail)
        assert all(p.grad is not None for p in generator.parameters())
        assert {"accuracy", "accuracy.0", "loss.last"} <= set(step.logs)
    assert losses[0] == losses[1]
    assert losses[0][-1] < 0.8 * losses[0][0]


@torch.no_grad()
def test_the_clean_loss_is_the_formula() -> None:
    tokenizer = small_tokenizer()
    generator = small_generator(tokenizer, text_dropout=0.0)
    lengths, text = torch.tensor([64, 21]), small_text(2)
    encoded = tokenizer.encode(clips(tokenizer, [64, 21], 64), lengths)
    layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
    lesson = teach(tokenizer.codec, encoded.latent, layout, latents, None)
    assert torch.equal(torch.cat(lesson.labels, 1), encoded.tokens.flatten())
    logits = generator(generator.read(text, latents), lesson.inputs, layout, latents)
    each = [
        functional.cross_entropy(row[label >= 0], label[label >= 0], reduction="none")
        for row, label in zip(logits, lesson.labels, strict=True)
    ]
    wanted = torch.cat(each[:-1]).mean() + each[-1].mean()
    loss = generator.training_loss(tokenizer.codec, encoded.latent, lengths, text, rng(0), corrupt=False).loss
    torch.testing.assert_close(loss, wanted)


def test_half_of_the_input_tokens_are_random_codes_of_their_own_book_and_the_targets_stay() -> None:
    tokenizer = small_tokenizer(padding="slots")
    lengths = torch.tensor([64] * 8)
    encoded = tokenizer.encode(clips(tokenizer, [64] * 8, 64), lengths)
    layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
    swap = keeping(0.5, tokenizer.codec.vocabularies, rng(3))
    assert swap is not None and keeping(1.0, tokenizer.codec.vocabularies, rng(3)) is None
    seen = []

    def watched(tokens: Tensor, scale: int) -> Tensor:
        other = swap(tokens, scale)
        assert int(other.max()) < tokenizer.codec.vocabularies[scale] and int(other.min()) >= 0
        seen.append((other == tokens).float())
        return other

    lesson = teach(tokenizer.codec, encoded.latent, layout, latents, watched)
    clean = teach(tokenizer.codec, encoded.latent, layout, latents, None)
    assert all(torch.equal(a, b) for a, b in zip(lesson.labels, clean.labels, strict=True))
    assert not torch.allclose(lesson.inputs[-1], clean.inputs[-1])
    assert 0.4 < float(torch.cat([s.flatten() for s in seen]).mean()) < 0.68
    padded = torch.tensor([[[3], [PADDING]]])
    assert int(swap(padded, 0)[0, 1, 0]) == PADDING


def test_what_does_not_fit_is_refused_in_one_sentence() -> None:
    tokenizer = small_tokenizer()
    generator = small_generator(tokenizer)
    layout, latents = tokenizer.layout(), torch.tensor([16])
    wide = TextFeatures(torch.zeros(1, 4, 8), torch.ones(1, 4, dtype=torch.bool))
    silent = TextFeatures(torch.zeros(1, 4, 7), torch.zeros(1, 4, dtype=torch.bool))
    other = TokenLayout((Scale(4, 1), Scale(8, 1)), 8, 4)
    for text, where, message in (
        (wide, layout, "8 wide"),
        (silent, layout, "no text tokens"),
        (small_text(1), other, "takes at most"),
        (small_text(2), layout, "1 lengths for 2 sentences"),
    ):
        with pytest.raises(InputError, match=message):
            generator.begin(text, where, latents)
    for changes, word in (
        ({"bins": (3, 6)}, "as many of each"),
        ({"heads": 5}, "heads"),
        ({"groups": (0,) * 10}, "no groups"),
        ({"bins": (), "groups": (), "vocabularies": ()}, "one a scale"),
    ):
        with pytest.raises(ConfigError, match=word):
            Config.parse(changes)


@torch.no_grad()
@pytest.mark.parametrize("positions", ["rotary", "sinusoidal", "learned"])
def test_the_positions_of_the_ablation_step_as_they_run_at_once(positions: str) -> None:
    published, layout, latents, inputs = setting([60, 33])
    text = small_text(2)
    generator = small_generator(small_tokenizer(), positions=positions)
    wanted = forced(generator, text, inputs, layout, latents)
    state = generator.begin(text, layout, latents)
    for k, part in enumerate(wanted):
        tokens = torch.zeros(2, layout.scales[k].bins, 1, dtype=torch.int64)
        logits, state = generator.step(state, k, inputs[k], tokens)
        torch.testing.assert_close(logits, part, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(wanted[-1], forced(published, text, inputs, layout, latents)[-1])
