"""MSQ's generator: both ways, any tokenizer of codes, padding and batches do not matter, learning, bad input."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import moscale_parts
from kinescale.core.errors import ConfigError, InputError
from kinescale.core.family import Family
from kinescale.generators import msq
from kinescale.generators.msq import Config, Generator
from kinescale.generators.msq.network import axial_sets
from kinescale.samplers.base import SampleRequest
from kinescale.samplers.masked import Config as Drawing
from kinescale.samplers.masked import sample
from kinescale.tokens import Scale, TextFeatures, TokenLayout
from kinescale.tokens.token_map import MASKED, PADDING
from msq_parts import clips, rng, small_generator, small_text, small_tokenizer


def test_the_defaults_are_the_reconstructions_sizes() -> None:
    with torch.device("meta"):
        built = Generator(Config())
    assert built.config.bins == (6, 12, 12, 24, 24, 49)
    tables = sum(p.numel() for p in [*built.tables, *built.outputs])
    assert tables == 2 * 9 * 1000 * 384, "a table and an output layer for each of nine streams"
    assert sum(p.numel() for p in built.parameters()) == 22_905_640


def test_the_sampler_it_names_exists() -> None:
    assert msq.SAMPLER in Family("kinescale.samplers", "sampler").names()


def setting(lengths: list[int], in_turns: bool = False, **kind):
    tokenizer = small_tokenizer(**kind)
    generator = small_generator(tokenizer, in_turns=in_turns)
    tokens = tokenizer.encode(clips(tokenizer, lengths, max(lengths)), torch.tensor(lengths)).tokens
    hidden = tuple(with_masks(row, k) for k, row in enumerate(tokens.scales))
    return tokenizer, generator, tokens, hidden


def with_masks(row: Tensor, seed: int) -> Tensor:
    """Half of a row hidden, the same places whatever padding follows."""
    hide = torch.stack([torch.rand(row.shape[2], generator=rng(31 * seed + t)) < 0.5 for t in range(row.shape[1])])
    return torch.where(hide[None] & (row != PADDING), MASKED, row)


def asked(generator: Generator, text: TextFeatures, tokens, layout: TokenLayout, latents: Tensor) -> tuple[Tensor, ...]:
    scales = tuple(range(len(layout.scales)))
    return generator.logits(generator.begin(text, layout, latents), scales, tokens)[0]


@torch.no_grad()
@pytest.mark.parametrize("in_turns", [False, True])
@pytest.mark.parametrize("preset", ["pyramid", "grid", "limbs"])
def test_padding_and_batch_do_not_matter(preset: str, in_turns: bool) -> None:
    lengths = [100, 9, 64]
    tokenizer, generator, tokens, hidden = setting(lengths, in_turns, preset=preset)
    text = small_text(3)
    together = asked(generator, text, hidden, tokens.layout, tokens.latent_lengths)
    for i, length in enumerate(lengths):
        short = tokenizer.layout(length)
        own = TextFeatures(text.tokens[i : i + 1], text.mask[i : i + 1])
        cut = tuple(row[i : i + 1, : s.bins] for row, s in zip(hidden, short.scales, strict=True))
        alone = asked(generator, own, cut, short, tokens.latent_lengths[i : i + 1])
        for k, row in enumerate(alone):
            here = short.valid(tokens.latent_lengths[i : i + 1], k)[0]
            torch.testing.assert_close(row[0][here], together[k][i][tokens.valid(k)[i]], atol=1e-4, rtol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("in_turns", [False, True])
def test_every_position_sees_every_other_one(in_turns: bool) -> None:
    _, generator, tokens, hidden = setting([128], in_turns)
    before = asked(generator, small_text(1), hidden, tokens.layout, tokens.latent_lengths)
    for scale in (0, 5):
        changed = tuple((row + 1) % 60 if k == scale else row for k, row in enumerate(tokens.scales))
        after = asked(generator, small_text(1), changed, tokens.layout, tokens.latent_lengths)
        for k in range(6):
            if k != scale:
                assert not torch.allclose(before[k], after[k])
    some = generator.logits(generator.begin(small_text(1), tokens.layout, tokens.latent_lengths), (4, 1), hidden)[0]
    assert torch.equal(some[0], before[4]) and torch.equal(some[1], before[1])


def test_turns_hold_every_position_once() -> None:
    for preset in ("pyramid", "grid", "limbs"):
        for frames in (8, 60, 128):
            layout = small_tokenizer(preset=preset).layout(frames)
            for turn in axial_sets(layout):
                found = torch.cat([members.flatten() for members in turn])
                assert torch.equal(found.sort().values, torch.arange(layout.positions))
    columns, streams = axial_sets(small_tokenizer(preset="grid").layout())
    assert [tuple(members.shape) for members in columns] == [(4, 9), (8, 9), (16, 9), (32, 9)]
    assert [tuple(members.shape) for members in streams] == [(1, 60), (2, 60), (6, 60)]


@torch.no_grad()
def test_the_text_matters_only_where_it_is_real() -> None:
    _, generator, tokens, hidden = setting([64, 64])
    text = small_text(2)
    noisy = TextFeatures(text.tokens.masked_fill(~text.mask[:, :, None], 9.0), text.mask)
    plain = asked(generator, text, hidden, tokens.layout, tokens.latent_lengths)
    again = asked(generator, noisy, hidden, tokens.layout, tokens.latent_lengths)
    torch.testing.assert_close(again, plain)
    away = generator.unconditional(text)
    assert away.tokens.shape == (2, 1, 7)
    assert not torch.allclose(asked(generator, away, hidden, tokens.layout, tokens.latent_lengths)[0], plain[0])
    silent = generator._without_text(text, torch.tensor([True, False]))
    mixed = asked(generator, silent, hidden, tokens.layout, tokens.latent_lengths)
    torch.testing.assert_close(mixed[0][0], asked(generator, away, hidden, tokens.layout, tokens.latent_lengths)[0][0])
    torch.testing.assert_close(mixed[0][1], plain[0][1])


@pytest.mark.parametrize("in_turns", [False, True])
def test_training_follows_its_generator_alone_and_learns(in_turns: bool) -> None:
    tokenizer = small_tokenizer(preset="limbs")
    tokenizer.requires_grad_(False)
    lengths = torch.tensor([32, 20, 9])
    latent = tokenizer.encode(clips(tokenizer, lengths.tolist(), 32), lengths).latent
    trails = []
    for run in range(1 if in_turns else 2):
        generator = small_generator(tokenizer, dropout=0.05, in_turns=in_turns).train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            generator._initialize()
        optimizer = torch.optim.Adam(generator.parameters(), 2e-2)
        source, trail = rng(7), []
        for _ in range(10):
            torch.rand(run)  # the global state must not matter
            step = generator.training_loss(tokenizer.codec, latent, lengths, small_text(3), source)
            optimizer.zero_grad()
            step.loss.backward()
            optimizer.step()
            trail.append(step.logs["loss"])
        trails.append(trail)
    assert trails[0] == trails[-1]
    assert sum(trails[0][-3:]) < 0.9 * sum(trails[0][:3])
    assert all(p.grad is not None for p in generator.parameters())


@torch.no_grad()
def test_the_loss_is_the_cross_entropy_of_the_logits() -> None:
    tokenizer, generator, tokens, _ = setting([64, 40])
    lengths = torch.tensor([64, 40])
    latent = tokenizer.encode(clips(tokenizer, [64, 40], 64), lengths).latent
    text = small_text(2)
    state = generator.begin(text, tokens.layout, tokens.latent_lengths)
    labels, valid = tokens.flatten(), tokens.layout.valid_flat(tokens.latent_lengths)
    chosen = valid & (torch.rand(valid.shape, generator=rng(1)) < 0.5)
    shown = labels.masked_fill(chosen, MASKED)
    rows = generator._rows(state, generator._split(shown, tokens.layout))
    losses, right = generator._scores(rows, labels, chosen, tokens.layout)
    logits = generator.logits(state, tuple(range(6)), generator._split(shown, tokens.layout))[0]
    flat = torch.cat([row.flatten(1, 2) for row in logits], 1)
    wanted = torch.nn.functional.cross_entropy(flat[chosen], labels[chosen], reduction="none")
    torch.testing.assert_close(losses.sort().values, wanted.sort().values)
    assert torch.equal(right, (flat.argmax(-1) == labels) & chosen)
    step = generator.training_loss(tokenizer.codec, latent, lengths, text, rng(0))
    assert set(step.logs) == {"loss", "accuracy", *(f"accuracy.{k}" for k in range(6))}


def test_it_takes_another_tokenizers_pyramid() -> None:
    """MoScale's tokens, and a pyramid whose scales have codebooks of their own and evenly spread bins."""
    tokenizer = moscale_parts.small_tokenizer()
    generator = small_generator(tokenizer)
    lengths = torch.tensor([64, 40])
    latent = tokenizer.encode(clips(tokenizer, [64, 40], 64), lengths).latent
    generator.training_loss(tokenizer.codec, latent, lengths, small_text(2), rng(0)).loss.backward()
    drawn = sample(
        SampleRequest(
            generator=generator,
            codec=tokenizer.codec,
            text=small_text(2),
            layout=tokenizer.layout(64),
            latent_lengths=lengths // 4,
            rngs=[rng(0), rng(1)],
        ),
        Drawing(steps=(3,)),
    )
    assert bool(tokenizer.decode(drawn.tokens).isfinite().all())
    spread = TokenLayout((Scale(3, 1), Scale(6, 1), Scale(49, 1)), 49, 4, rounding="all")
    config = Config(
        vocabularies=(8, 12, 16), bins=(3, 6, 49), groups=(1, 1, 1), width=12, heads=2, layers=1, hidden=12,
        text_width=7, text_tokens=9, in_turns=True,
    )  # fmt: skip
    own = Generator(config)
    assert [tuple(table.shape) for table in own.tables] == [(1, 8, 12), (1, 12, 12), (1, 16, 12)]
    rows = tuple(torch.full((2, s.bins, 1), MASKED) for s in spread.scales)
    found = asked(own, small_text(2), rows, spread, torch.tensor([49, 20]))
    assert [row.shape[-1] for row in found] == [8, 12, 16]


def test_misfits_are_refused_in_one_sentence() -> None:
    tokenizer = small_tokenizer()
    generator = small_generator(tokenizer)
    layout, latents = tokenizer.layout(64), torch.tensor([16])
    long = TextFeatures(torch.zeros(1, 12, 7), torch.ones(1, 12, dtype=torch.bool))
    empty = TextFeatures(torch.zeros(1, 4, 7), torch.zeros(1, 4, dtype=torch.bool))
    cases = [
        (small_text(1, width=8), layout, "8 wide"),
        (long, layout, "over 9 text tokens"),
        (empty, layout, "no text tokens"),
        (small_text(1), small_tokenizer(max_frames=256).layout(), "bins"),
        (small_text(1), small_tokenizer(preset="limbs").layout(64), "groups"),
        (small_text(2), layout, "2 sentences"),
    ]
    for text, given, message in cases:
        with pytest.raises(InputError, match=message):
            generator.begin(text, given, latents)
    with pytest.raises(InputError, match="2 sentences"):
        latent = tokenizer.codec.empty(tokenizer.layout(64), 1)
        generator.training_loss(tokenizer.codec, latent, torch.tensor([60]), small_text(2), rng(0))


@pytest.mark.parametrize(
    "changes", [{"heads": 7}, {"bins": ()}, {"groups": (1,)}, {"vocabularies": (0,) * 6}, {"masking": {"tokens": 2.0}}]
)
def test_inconsistent_configs_are_refused(changes: dict) -> None:
    with pytest.raises(ConfigError):
        Config.parse(changes)
