"""ScaleMoGen's generator: published size, block-causal, steps equal one pass, padding and batches do not matter."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from kinescale.core.errors import ConfigError, InputError
from kinescale.core.family import Family
from kinescale.generators import scalemogen
from kinescale.generators.scalemogen import Config, Generator
from kinescale.tokens import TextFeatures
from scalemogen_parts import (
    SCHEDULES,
    clips,
    one_of,
    rng,
    small_generator,
    small_text,
    small_tokenizer,
    steps_of,
    valid_rows,
)

SNAPMOGEN = {
    "scales": (80, 40, 20, 10, 5, 2, 1), "bins": (1, 2, 4, 8, 16, 40, 80), "groups": (7,) * 7, "capacity": 80,
}  # fmt: skip


@pytest.mark.parametrize("changes", [{}, SNAPMOGEN])
def test_published_sizes(changes: dict) -> None:
    with torch.device("meta"):
        built = Generator(Config.parse({**changes, "faithful": True}))
    assert sum(p.numel() for p in built.parameters()) == 125_167_248
    assert (built.config.hidden, built.config.pool_heads) == (3072, 16)


def test_the_sampler_it_names_exists() -> None:
    assert scalemogen.SAMPLER in Family("kinescale.samplers", "sampler").names()


def test_initial_gains() -> None:
    built = Generator(Config(width=96, heads=4, layers=2, text_width=64, text_tokens=64))
    std = (1 / (9 * 96)) ** 0.5
    block = built.blocks[0]

    def spread(weight: Tensor) -> float:
        return float(weight.detach().std())

    assert spread(block.grow.weight) == pytest.approx(std, rel=0.05)
    for layer in (block.shrink, block.attention.out, block.text.out):
        assert spread(layer.weight) == pytest.approx(std / 2, rel=0.05)
    assert spread(built.head.weight) == pytest.approx(0.02 * std, rel=0.1)
    assert spread(built.head_modulation.linear.weight) == pytest.approx(1e-3 * std, rel=0.05)
    assert spread(block.table[:2]) < 1e-5 and spread(block.table[2:]) == pytest.approx(1e-3 * 96**-0.5, rel=0.2)
    assert spread(built.no_text) == pytest.approx(0.02 / 8, rel=0.1)
    assert block.attention.sharpness.tolist() == pytest.approx([torch.tensor(4.0).log().item()] * 4)


def test_rotary_places_are_the_published_ones() -> None:
    sizes = {"width": 8, "heads": 1, "layers": 1, "text_width": 4, "text_tokens": 4, "faithful": True}
    generator = Generator(Config.parse(sizes))
    factors = (49, 24, 16, 7, 4, 2, 1)
    layout = small_tokenizer(faithful=True, max_frames=196, factors=factors).layout()
    angles = torch.atan2(*generator.rotary_phases(layout).flip(0).unbind())
    times, joints = angles[:, 0], angles[:, 2]
    rows = {k: slice(layout.starts[k], layout.starts[k + 1]) for k in range(len(layout.scales))}

    def same(mine: Tensor, wanted: list[int]) -> None:
        there = torch.tensor(wanted, dtype=torch.float32)
        torch.testing.assert_close(mine, torch.atan2(there.sin(), there.cos()), atol=1e-4, rtol=0)

    for scale, places in ((1, [0, 24]), (3, [0, 16, 33]), (6, [0, 4, 8, 12, 16, 20, 24, 29, 33, 37, 41, 45])):
        groups = layout.scales[scale].groups
        same(times[rows[scale]], [place for place in places for _ in range(groups)])
    for scale, places in ((0, [0]), (2, [0, 4]), (5, [0, 2, 5]), (8, [0, 1, 3, 4, 6]), (10, [0, 1, 2, 3, 4, 5, 6])):
        same(joints[rows[scale]], places * layout.scales[scale].bins)


def setting(lengths: list[int], schedule: Any = 5, faithful: bool = False, **changes: Any):
    tokenizer = small_tokenizer(schedule=schedule, faithful=faithful)
    generator = small_generator(tokenizer, **changes)
    encoded = tokenizer.encode(clips(lengths, max(lengths)), torch.tensor(lengths))
    layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
    running, inputs = tokenizer.codec.empty(layout, len(lengths)), []
    for k, row in enumerate(encoded.tokens.scales):
        inputs.append(tokenizer.codec.scale_input(running, k, layout, latents))
        running = running + tokenizer.codec.contribution(row, k, layout)
    return generator, layout, latents, inputs


@torch.no_grad()
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("faithful", [False, True])
def test_stepping_with_the_cache_gives_the_numbers_of_one_pass(schedule: Any, faithful: bool) -> None:
    generator, layout, latents, inputs = setting([100, 9, 64], schedule, faithful)
    text = small_text(3)
    wanted = generator(generator.read(text), inputs[1:], layout, latents)
    assert wanted.shape == (3, layout.positions, 5, 2)
    state = generator.begin(text, layout, latents)
    for k in range(len(layout.scales)):
        logits, state = generator.step(state, k, inputs[k])
        part = wanted[:, layout.starts[k] : layout.starts[k + 1]]
        torch.testing.assert_close(logits, part, atol=1e-4, rtol=1e-4)
        state = generator.commit(state, k, inputs[k], torch.zeros(0))


@torch.no_grad()
def test_a_scale_does_not_see_finer_ones() -> None:
    generator, layout, latents, inputs = setting([100, 64])
    reading = generator.read(small_text(2))
    before = generator(reading, inputs[1:], layout, latents)
    after = generator(reading, [*inputs[1:5], *(part + 1 for part in inputs[5:])], layout, latents)
    stop = layout.starts[5]
    torch.testing.assert_close(before[:, :stop], after[:, :stop])
    assert not torch.allclose(before[:, stop:], after[:, stop:])


@torch.no_grad()
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_padding_and_batch_do_not_matter(schedule: Any) -> None:
    lengths = [100, 9, 63]
    generator, layout, latents, inputs = setting(lengths, schedule)
    text = small_text(3)
    together = generator(generator.read(text), inputs[1:], layout, latents)
    for i, length in enumerate(lengths):
        short = small_tokenizer(schedule=schedule).layout(length)
        cut = [inputs[k][i : i + 1, : s.bins] for k, s in enumerate(short.scales)]
        own = latents[i : i + 1]
        alone = generator(generator.read(one_of(text, i)), cut[1:], short, own)
        mine, theirs = valid_rows(short, own, alone, 0), valid_rows(layout, latents, together, i)
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_fillers_of_the_coarsest_scale_are_alike_in_the_faithful_setting_alone() -> None:
    for faithful in (True, False):
        generator, layout, latents, inputs = setting([100], 3, faithful)
        logits = generator(generator.read(small_text(1)), inputs[1:], layout, latents)[0, 1:7]
        alike = torch.allclose(logits, logits[:1].expand_as(logits), atol=1e-6)
        # rotary places differ, but each filler reads one key alone
        assert alike == faithful
        assert len(generator.start_rows) == (1 if faithful else 7)


@torch.no_grad()
def test_the_text_matters_only_where_it_is_real() -> None:
    generator, layout, latents, inputs = setting([64, 64])
    text = small_text(2)
    noisy = TextFeatures(text.tokens.masked_fill(~text.mask[:, :, None], 9.0), text.mask)

    def logits(text: TextFeatures) -> Tensor:
        return generator(generator.read(text), inputs[1:], layout, latents)

    plain = logits(text)
    torch.testing.assert_close(logits(noisy), plain)
    away = generator.unconditional(text)
    assert torch.equal(away.mask, text.mask) and torch.equal(away.tokens[0], generator.no_text)
    assert not torch.allclose(logits(away), plain)


def test_training_follows_its_generator_alone_and_learns() -> None:
    tokenizer = small_tokenizer(schedule=3)
    lengths = torch.tensor([32, 25, 13])
    latent = tokenizer.encode(clips(lengths.tolist(), 32), lengths).latent
    trails = []
    for run in range(2):
        generator = small_generator(tokenizer).train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            generator._initialize()
        optimizer = torch.optim.Adam(generator.parameters(), 2e-2)
        source, trail = rng(7), []
        for _ in range(20):
            torch.rand(run)  # the global state must not matter
            step = generator.training_loss(tokenizer.codec, latent, lengths, small_text(3), source)
            optimizer.zero_grad()
            step.loss.backward()
            optimizer.step()
            trail.append(step.logs["loss"])
        trails.append(trail)
    assert trails[0] == trails[1]
    assert trails[0][0] == pytest.approx(0.693, abs=0.01)
    assert sum(trails[0][-5:]) < 0.9 * sum(trails[0][:5])
    assert not any(p.grad is not None for p in tokenizer.parameters())


@pytest.mark.parametrize("faithful", [False, True])
def test_the_loss_is_finite_for_the_shortest_clips(faithful: bool) -> None:
    tokenizer = small_tokenizer(faithful=faithful)
    generator = small_generator(tokenizer).train()
    lengths = torch.tensor([4, 5])
    latent = tokenizer.encode(clips([4, 5], 8), lengths).latent
    step = generator.training_loss(tokenizer.codec, latent, lengths, small_text(2), rng(0))
    step.loss.backward()
    assert bool(step.loss.isfinite())
    assert all(bool(p.grad.isfinite().all()) for p in generator.parameters() if p.grad is not None)


def test_the_clean_loss_does_not_feel_padding() -> None:
    tokenizer = small_tokenizer()
    generator = small_generator(tokenizer)
    losses = []
    for frames in (50, 128):
        latent = tokenizer.encode(clips([50, 21], frames), torch.tensor([50, 21])).latent
        lengths = torch.tensor([50, 21])
        step = generator.training_loss(tokenizer.codec, latent, lengths, small_text(2), rng(1), flip=False)
        losses.append(step.loss)
    torch.testing.assert_close(losses[0], losses[1], atol=1e-4, rtol=1e-4)


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
        (small_text(1), small_tokenizer(schedule=3).layout(64), "groups"),
    ]
    for text, given, message in cases:
        with pytest.raises(InputError, match=message):
            generator.begin(text, given, latents)
    with pytest.raises(InputError, match="bins"):
        small_generator(tokenizer, faithful=True).begin(small_text(1), layout, latents)
    with pytest.raises(InputError, match="2 sentences"):
        generator.training_loss(tokenizer.codec, torch.zeros(1, 16, 7, 5), torch.tensor([60]), small_text(2), rng(0))


@pytest.mark.parametrize(
    "changes", [{"heads": 7}, {"bins": ()}, {"bins": (1, 2)}, {"groups": (8,) * 11}, {"width": 72, "heads": 12}]
)
def test_inconsistent_configs_are_refused(changes: dict) -> None:
    with pytest.raises(ConfigError):
        Config.parse(changes)


def test_any_text_width_finds_heads_that_divide_the_width() -> None:
    for text_width, width, heads in ((2048, 768, 16), (384, 256, 2), (384, 192, 3), (16, 20, 1), (768, 100, 5)):
        assert Config(text_width=text_width, width=width, heads=1).pool_heads == heads, (text_width, width)


def test_steps_of_a_clip_count_one_filled_in_part() -> None:
    layout = small_tokenizer().layout()
    assert torch.equal(layout.touched(torch.tensor([4, 5, 63, 64])), steps_of([4, 5, 63, 64]))
