"""Bitwise sampling: a clip is the same alone or in a batch, given bits stay, short clips cost less, edits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from kinescale.core.errors import ConfigError, InputError
from kinescale.generators.base import ScaleGenerator
from kinescale.samplers.base import Keep, SampleRequest, SamplerOutput
from kinescale.samplers.bitwise import (
    Config,
    bit_chances,
    draw_bits,
    region,
    rewrite,
    rewritten,
    sample,
)
from kinescale.tokens.token_map import PADDING
from scalemogen_parts import (
    SCHEDULES,
    clips,
    one_of,
    rng,
    small_generator,
    small_text,
    small_tokenizer,
    steps_of,
)


def parts(schedule: Any = 5, faithful: bool = False):
    tokenizer = small_tokenizer(schedule=schedule, faithful=faithful)
    generator = small_generator(tokenizer)
    assert isinstance(generator, ScaleGenerator)
    return tokenizer, generator


def make(tokenizer, generator, lengths: list[int], text=None, seeds=None, **options: Any) -> SamplerOutput:
    seeds = range(len(lengths)) if seeds is None else seeds
    config = options.pop("config", Config(guidance_scale=3.0))
    request = SampleRequest(
        generator=generator,
        codec=tokenizer.codec,
        text=small_text(len(lengths)) if text is None else text,
        layout=tokenizer.layout(max(lengths)),
        latent_lengths=steps_of(lengths),
        rngs=[rng(seed) for seed in seeds],
        **options,
    )
    return sample(request, config)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("faithful", [False, True])
def test_every_position_is_drawn_and_the_latent_is_their_sum(schedule: Any, faithful: bool) -> None:
    tokenizer, generator = parts(schedule, faithful)
    drawn = make(tokenizer, generator, [128, 44, 6])
    running = tokenizer.codec.empty(drawn.tokens.layout, 3)
    for k, row in enumerate(drawn.tokens.scales):
        valid = drawn.tokens.valid(k)
        assert bool(((row == 0) | (row == 1))[valid].all()) and bool((row == PADDING)[~valid].all())
        assert torch.equal(row[valid], drawn.chosen[k][valid])
        running = running + tokenizer.codec.contribution(row, k, drawn.tokens.layout)
    torch.testing.assert_close(running, drawn.latent)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_clip_is_the_same_alone_and_in_a_batch(schedule: Any) -> None:
    tokenizer, generator = parts(schedule)
    lengths = [64, 128, 9, 33, 100, 64, 50, 77]
    together = make(tokenizer, generator, lengths)
    text = small_text(8)
    frames = tokenizer.decode(together.tokens)
    assert len({tuple(row.flatten().tolist()) for row in together.tokens.scales[-1]}) == 8
    for i, length in enumerate(lengths):
        alone = make(tokenizer, generator, [length], one_of(text, i), seeds=[i])
        for k, row in enumerate(alone.tokens.scales):
            assert torch.equal(
                row[0][alone.tokens.valid(k)[0]], together.tokens.scales[k][i][together.tokens.valid(k)[i]]
            )
        decoded = tokenizer.decode(alone.tokens)[0]
        torch.testing.assert_close(decoded, frames[i, : len(decoded)], atol=1e-3, rtol=1e-3)


def test_a_faithful_clip_is_the_same_in_a_batch() -> None:
    tokenizer, generator = parts(faithful=True)
    together = make(tokenizer, generator, [128, 44])
    alone = make(tokenizer, generator, [44], one_of(small_text(2), 1), seeds=[1])
    assert torch.equal(alone.tokens.flatten()[0], together.tokens.flatten()[1])


def test_a_seed_fixes_a_clip_and_another_seed_changes_it() -> None:
    tokenizer, generator = parts()
    first, again = make(tokenizer, generator, [64]), make(tokenizer, generator, [64])
    other = make(tokenizer, generator, [64], seeds=[5])
    assert torch.equal(first.tokens.flatten(), again.tokens.flatten())
    assert not torch.equal(first.tokens.flatten(), other.tokens.flatten())


def test_greedy_bits_need_no_randomness_and_are_the_likelier() -> None:
    tokenizer, generator = parts()
    for config in (Config(greedy=True), Config(top_k=1)):
        one = make(tokenizer, generator, [128], config=config, seeds=[1])
        two = make(tokenizer, generator, [128], config=config, seeds=[2])
        assert torch.equal(one.tokens.flatten(), two.tokens.flatten())
    for bits, chance in zip(one.chosen, one.probabilities, strict=True):
        assert torch.equal(bits, (chance > 0.5).long())


def test_guidance_rises_from_nothing_to_its_whole() -> None:
    config = Config(guidance_scale=8.0)
    assert [config.guidance_at(k, 8) for k in range(8)] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert config.guidance_at(0, 1) == 1.0
    tokenizer, generator = parts()
    plain = make(tokenizer, generator, [64], config=Config(guidance_scale=1.0))
    guided = make(tokenizer, generator, [64], config=Config(guidance_scale=8.0))
    torch.testing.assert_close(plain.probabilities[0], guided.probabilities[0])
    assert not torch.allclose(plain.probabilities[1], guided.probabilities[1])


class Counter:
    """Counts rows that go through a generator."""

    def __init__(self, generator):
        self.generator = generator
        self.rows: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.generator, name)

    def step(self, state: Any, scale: int, inputs: Tensor, tokens: Tensor) -> tuple[Tensor, Any]:
        self.rows.append(inputs.shape[0] * inputs.shape[1] * inputs.shape[2])
        return self.generator.step(state, scale, inputs, tokens)


def test_one_pass_a_scale_and_short_clips_cost_less() -> None:
    costs = {}
    for faithful in (False, True):
        tokenizer, generator = parts(faithful=faithful)
        for length in (24, 128):
            counter = Counter(generator)
            make(tokenizer, counter, [length])
            assert len(counter.rows) == 11 and sum(counter.rows) == 2 * tokenizer.layout(length).positions
            costs[faithful, length] = sum(counter.rows)
    assert costs[False, 24] * 4 < costs[False, 128] and costs[True, 24] == costs[True, 128]
    counter = Counter(generator)
    make(tokenizer, counter, [128], config=Config(guidance_scale=1.0))
    assert 2 * sum(counter.rows) == costs[True, 128]


def test_drawing_stops_after_so_many_scales() -> None:
    tokenizer, generator = parts()
    whole = make(tokenizer, generator, [64])
    some = make(tokenizer, generator, [64], config=Config(guidance_scale=3.0, stop=4))
    assert len(some.tokens.scales) == 4
    assert all(torch.equal(a, b) for a, b in zip(some.tokens.scales, whole.tokens.scales, strict=False))
    assert tokenizer.decode(some.tokens).shape == (1, 64, 272)
    with pytest.raises(InputError, match="stop is 12"):
        make(tokenizer, generator, [64], config=Config(stop=12))


def test_callbacks_see_every_scale() -> None:
    tokenizer, generator = parts()
    seen: list[tuple[int, Tensor]] = []
    drawn = make(tokenizer, generator, [64], on_scale=lambda k, running: seen.append((k, running)))
    assert [k for k, _ in seen] == list(range(11)) and torch.equal(seen[-1][1], drawn.latent)


def test_given_bits_stay_and_the_others_are_drawn() -> None:
    tokenizer, generator = parts()
    source = tokenizer.encode(clips([100], 100), torch.tensor([100])).tokens
    given = tuple(torch.rand(row.shape[:3], generator=rng(1)) < 0.6 for row in source.scales)
    kept = [row.clone() for row in source.scales]
    drawn = make(tokenizer, generator, [100], keep=Keep(source.scales, given))
    for row, mask, mine in zip(source.scales, given, drawn.tokens.scales, strict=True):
        assert torch.equal(mine[mask], row[mask])
    assert any(bool((a != b).any()) for a, b in zip(source.scales, drawn.tokens.scales, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(source.scales, kept, strict=True))
    everything = tuple(torch.ones_like(mask) for mask in given)
    same = make(tokenizer, generator, [100], keep=Keep(source.scales, everything))
    assert torch.equal(same.tokens.flatten(), source.flatten())


def test_chances_and_filters() -> None:
    logits = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    torch.testing.assert_close(bit_chances(logits), logits.softmax(-1)[:, 1])
    assert bit_chances(logits, top_k=1).tolist() == [0.5, 0.0, 1.0]
    assert bit_chances(logits, top_p=0.97).tolist() == pytest.approx([0.5, 0.0474, 1.0], abs=1e-4)
    assert bit_chances(logits, top_p=0.4).tolist() == [0.5, 0.0, 1.0]
    chance = torch.full((20000,), 0.3)
    assert float(draw_bits(chance, torch.rand(20000, generator=rng(0))).float().mean()) == pytest.approx(0.3, abs=0.02)
    assert draw_bits(torch.tensor([0.0, 1.0]), torch.tensor([0.9999, 0.0])).tolist() == [0, 1]


def test_regions_are_bins_of_frames_and_groups_wholly_inside() -> None:
    layout = small_tokenizer().layout()
    nowhere, frames = region(layout), region(layout, (40, 80))
    assert not any(mask.any() for mask in nowhere)
    for mask, spec in zip(frames, layout.scales, strict=True):
        bins = torch.arange(spec.bins)
        inside = (bins >= 10 // spec.factor) & (bins < 20 // spec.factor)
        assert torch.equal(mask, inside[:, None].expand(mask.shape))
    arms = region(layout, None, [4, 5])
    for mask, spec in zip(arms, layout.scales, strict=True):
        assert torch.equal(mask.any(0), torch.tensor([set(group) <= {4, 5} for group in spec.members]))
    # with both, groups count inside the range only, all of which is in the region anyway
    both = region(layout, (40, 80), [4, 5])
    assert all(torch.equal(a, c) for a, c in zip(frames, both, strict=True))
    assert not any(mask.any() for mask in region(layout, (80, 80), [4, 5]))
    assert region(layout, (-8, 10**6))[-1].all()


def test_a_bit_gives_way_inside_or_where_it_became_unlikelier() -> None:
    source, new = torch.tensor([[[[1, 1, 0, 0]]]]), torch.tensor([[[[0, 0, 1, 1]]]])
    before, now = torch.tensor([[[[0.9, 0.9, 0.2, 0.2]]]]), torch.tensor([[[[0.75, 0.85, 0.9, 0.25]]]])
    outside, inside = torch.zeros(1, 1, 1, dtype=torch.bool), torch.ones(1, 1, 1, dtype=torch.bool)
    assert rewritten(new, now, source, before, outside, 0.1).flatten().tolist() == [0, 1, 1, 0]
    assert rewritten(new, now, source, before, inside, 0.1).equal(new)


def test_edits_keep_the_source_where_they_must() -> None:
    tokenizer, generator = parts(3)
    text = small_text(4)
    source = make(tokenizer, generator, [100], one_of(text, 0))
    layout = source.tokens.layout
    inside = region(layout, None, [4, 5])
    keep = rewrite(source, inside, early=3)
    edited = make(tokenizer, generator, [100], one_of(text, 2), seeds=[9], keep=keep)
    for k in range(3):
        assert torch.equal(edited.tokens.scales[k][:, ~inside[k]], source.tokens.scales[k][:, ~inside[k]])
    assert not torch.equal(edited.tokens.flatten(), source.tokens.flatten())
    never = make(tokenizer, generator, [100], one_of(text, 2), seeds=[9], keep=rewrite(source, region(layout), 0, 1.0))
    assert torch.equal(never.tokens.flatten(), source.tokens.flatten())
    everywhere = rewrite(source, region(layout, (0, 1000)), early=3)
    anew = make(tokenizer, generator, [100], one_of(text, 2), seeds=[9], keep=everywhere)
    plain = make(tokenizer, generator, [100], one_of(text, 2), seeds=[9])
    assert torch.equal(anew.tokens.flatten(), plain.tokens.flatten())
    short = make(tokenizer, generator, [100], config=Config(stop=2))
    with pytest.raises(InputError, match="2 scales"):
        rewrite(short, inside)


def test_misfits_are_refused_in_one_sentence() -> None:
    tokenizer, generator = parts()
    source = tokenizer.encode(clips([40], 128), torch.tensor([40])).tokens
    given = tuple(torch.ones(row.shape[:3], dtype=torch.bool) for row in source.scales)
    for options, lengths, message in (
        ({"text": small_text(2)}, [64], "2 sentences"),
        ({"seeds": [1, 2]}, [64], "2 random generators"),
        ({"keep": Keep(source.scales, given)}, [64], "shapes"),
        ({"keep": Keep(source.scales, given)}, [128], "hold no token"),
    ):
        with pytest.raises(InputError, match=message):
            make(tokenizer, generator, lengths, **options)
    for changes in ({"guidance_scale": -1}, {"temperature": 0}, {"top_p": 2}, {"stop": -1}):
        with pytest.raises(ConfigError):
            Config.parse(changes)
