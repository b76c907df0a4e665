"""MoScale's generator: published sizes, block-causal, steps equal one pass, padding and batches do not matter."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kinescale.core.errors import ConfigError, InputError
from kinescale.core.family import Family
from kinescale.generators import moscale
from kinescale.generators.moscale import Config, Generator
from kinescale.tokens import TextFeatures, TokenLayout
from kinescale.tokens.token_map import MASKED, PADDING
from moscale_parts import SCALE_LISTS, clips, rng, small_generator, small_text, small_tokenizer


@pytest.mark.parametrize(("layers", "count"), [(4, 46_113_664), (8, 88_639_360), (12, 131_165_056), (16, 173_690_752)])
def test_published_sizes(layers: int, count: int) -> None:
    with torch.device("meta"):
        built = Generator(Config(layers=layers))
    assert sum(p.numel() for p in built.parameters()) == count
    assert built.config.row_lengths == (6, 12, 24, 49)


def test_the_sampler_it_names_exists() -> None:
    assert moscale.SAMPLER in Family("kinescale.samplers", "sampler").names()


def test_initial_gains() -> None:
    sizes = {"latent_dim": 48, "head_latent_dim": 96, "layers": 2, "code_dim": 32, "text_width": 16}
    std = (1 / (3 * 48)) ** 0.5
    for faithful in (False, True):
        built = Generator(Config(**sizes, faithful=faithful))
        rows = built.blocks[0].modulation.linear.weight.detach().unflatten(0, (6, 96)).flatten(1).std(1)
        assert float(rows[0]) < 1e-4 * std and (float(rows[1]) < 1e-4 * std) == (not faithful)
        assert rows[2:].tolist() == pytest.approx([0.5 * std] * 4, rel=0.1)
        out = float(built.blocks[0].text.out.weight.detach().std())
        assert out == pytest.approx(std if faithful else std / 2, rel=0.1)
        assert float(built.head.weight.detach().std()) == pytest.approx(0.02 * std, rel=0.1)


def test_rotary_places_are_the_published_ones() -> None:
    tokenizer = small_tokenizer(max_frames=196, mask_padding=False)
    generator = small_generator(tokenizer)
    layout = tokenizer.layout()
    angles = generator.rotary_phases(layout)
    first = torch.atan2(angles[1, :, 0], angles[0, :, 0])
    rows = first.split([scale.bins for scale in layout.scales])
    wanted = [0, 8, 16, 24, 33, 41], [0, 4, 8, 12, 16, 20, 24, 29, 33, 37, 41, 45]
    for row, places in zip(rows, wanted, strict=False):
        there = torch.tensor(places, dtype=torch.float32)
        torch.testing.assert_close(row, torch.atan2(there.sin(), there.cos()), atol=1e-4, rtol=0)


def setting(scales: tuple[int, ...], lengths: list[int], **changes):
    tokenizer = small_tokenizer(scales=scales, mask_padding=not changes.get("faithful", False))
    generator = small_generator(tokenizer, **changes)
    frames = 128 if changes.get("faithful") else max(lengths)
    encoded = tokenizer.encode(clips(tokenizer, lengths, frames), torch.tensor(lengths))
    layout, latents = encoded.tokens.layout, encoded.tokens.latent_lengths
    running, inputs = tokenizer.codec.empty(layout, len(lengths)), []
    for k, row in enumerate(encoded.tokens.scales):
        inputs.append(tokenizer.codec.scale_input(running, k, layout))
        running = running + tokenizer.codec.contribution(row, k, layout)
    return generator, layout, latents, inputs, encoded.tokens.scales


def forced(generator: Generator, text: TextFeatures, inputs: list[Tensor], rows: list[Tensor], layout, latents):
    tokens = torch.cat(rows, 1).squeeze(2)
    return generator(generator.read(text), inputs[1:], tokens, layout, latents)


def with_masks(row: Tensor, seed: int) -> Tensor:
    hide = torch.rand(row.shape, generator=rng(seed)) < 0.5
    return torch.where(hide & (row != PADDING), MASKED, row)


@torch.no_grad()
@pytest.mark.parametrize("scales", SCALE_LISTS)
@pytest.mark.parametrize("faithful", [False, True])
def test_stepping_with_the_cache_gives_the_numbers_of_one_pass(scales: tuple[int, ...], faithful: bool) -> None:
    generator, layout, latents, inputs, final = setting(scales, [100, 9, 64], faithful=faithful)
    text = small_text(3)
    state = generator.begin(text, layout, latents)
    for k, row in enumerate(final):
        for step in range(3):
            asked = with_masks(row, step)
            logits, state = generator.step(state, k, inputs[k], asked)
            whole = [*final[:k], asked, *final[k + 1 :]]
            wanted = forced(generator, text, inputs, whole, layout, latents)
            part = wanted[:, layout.starts[k] : layout.starts[k + 1]]
            torch.testing.assert_close(logits, part, atol=1e-4, rtol=1e-4)
        state = generator.commit(state, k, inputs[k], row)


@torch.no_grad()
def test_a_scale_does_not_see_finer_ones() -> None:
    generator, layout, latents, inputs, final = setting((8, 4, 2, 1), [100, 64])
    before = forced(generator, small_text(2), inputs, list(final), layout, latents)
    changed = [row if k < 2 else with_masks(row, 1) for k, row in enumerate(final)]
    after = forced(generator, small_text(2), [*inputs[:2], *(i + 1 for i in inputs[2:])], changed, layout, latents)
    stop = layout.starts[2]
    torch.testing.assert_close(before[:, :stop], after[:, :stop])
    assert not torch.allclose(before[:, stop:], after[:, stop:])


@torch.no_grad()
def test_padding_and_batch_do_not_matter_in_the_clean_setting() -> None:
    lengths = [100, 9, 64]
    generator, layout, latents, inputs, final = setting((8, 4, 2, 1), lengths)
    together = forced(generator, small_text(3), inputs, list(final), layout, latents)
    text = small_text(3)
    for i, length in enumerate(lengths):
        tokenizer = small_tokenizer()
        short = tokenizer.layout(length)
        cut_inputs = [inputs[k][i : i + 1, : s.bins] for k, s in enumerate(short.scales)]
        cut_rows = [final[k][i : i + 1, : s.bins] for k, s in enumerate(short.scales)]
        own = TextFeatures(text.tokens[i : i + 1], text.mask[i : i + 1])
        alone = forced(generator, own, cut_inputs, cut_rows, short, latents[i : i + 1])
        valid_here, valid_there = short.valid_flat(latents[i : i + 1])[0], layout.valid_flat(latents)[i]
        torch.testing.assert_close(alone[0][valid_here], together[i][valid_there], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_text_matters_only_where_it_is_real() -> None:
    generator, layout, latents, inputs, final = setting((8, 4, 2, 1), [64, 64])
    text = small_text(2)
    noisy = TextFeatures(text.tokens.masked_fill(~text.mask[:, :, None], 9.0), text.mask)
    plain = forced(generator, text, inputs, list(final), layout, latents)
    torch.testing.assert_close(forced(generator, noisy, inputs, list(final), layout, latents), plain)
    away = generator.unconditional(text)
    assert torch.equal(away.mask, text.mask) and torch.equal(away.tokens[0], generator.no_text)
    assert not torch.allclose(forced(generator, away, inputs, list(final), layout, latents), plain)


def test_training_follows_its_generator_alone_and_learns() -> None:
    tokenizer = small_tokenizer()
    lengths = torch.tensor([64, 50, 40, 21])
    latent = tokenizer.encode(clips(tokenizer, lengths.tolist(), 64), lengths).latent
    trails = []
    for run, steps in enumerate((80, 15)):
        generator = small_generator(tokenizer, dropout=0.05)
        generator._initialize()
        generator.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            generator._initialize()
        optimizer = torch.optim.Adam(generator.parameters(), 1e-2)
        source, trail = rng(7), []
        for _ in range(steps):
            torch.rand(run)  # the global state must not matter
            step = generator.training_loss(tokenizer.codec, latent, lengths, small_text(4), source)
            optimizer.zero_grad()
            step.loss.backward()
            optimizer.step()
            trail.append(step.logs["loss"])
        trails.append(trail)
    assert trails[0][:15] == trails[1]
    assert sum(trails[0][-10:]) < 0.85 * sum(trails[0][:10])
    assert not any(p.grad is not None for p in tokenizer.parameters())


@pytest.mark.parametrize("faithful", [False, True])
def test_the_loss_is_finite_for_the_shortest_clips(faithful: bool) -> None:
    tokenizer = small_tokenizer(mask_padding=not faithful)
    generator = small_generator(tokenizer, faithful=faithful).train()
    lengths = torch.tensor([4, 5])
    latent = tokenizer.encode(clips(tokenizer, [4, 5], 8), lengths).latent
    for seed in range(4):
        step = generator.training_loss(tokenizer.codec, latent, lengths, small_text(2), rng(seed))
        step.loss.backward()
        assert bool(step.loss.isfinite())
    assert all(bool(p.grad.isfinite().all()) for p in generator.parameters() if p.grad is not None)


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
        (small_text(1), small_tokenizer(max_frames=256).layout(), "rows"),
        (small_text(1), small_tokenizer(scales=(4, 1)).layout(64), "rows"),
    ]
    for text, given, message in cases:
        assert isinstance(given, TokenLayout)
        with pytest.raises(InputError, match=message):
            generator.begin(text, given, latents)
    with pytest.raises(InputError, match="rows"):
        small_generator(tokenizer, faithful=True).begin(small_text(1), layout, latents)
    with pytest.raises(InputError, match="2 sentences"):
        generator.training_loss(tokenizer.codec, torch.zeros(1, 16, 1, 6), torch.tensor([60]), small_text(2), rng(0))


@pytest.mark.parametrize(
    "changes", [{"heads": 7}, {"scales": ()}, {"scales": (50, 1)}, {"prefix_pool_heads": 5}, {"masked_share": 1.0}]
)
def test_inconsistent_configs_are_refused(changes: dict) -> None:
    with pytest.raises(ConfigError):
        Config.parse(changes)
