"""Masked sampling: alone or in a batch alike, given tokens stay, greedy draws agree with a naive twin, schedules."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from kinescale.core.errors import ConfigError, InputError
from kinescale.generators.base import MaskedGenerator
from kinescale.samplers.base import Keep, SampleRequest, SamplerOutput
from kinescale.samplers.masked import Config, sample
from kinescale.tokens import TextFeatures
from kinescale.tokens.token_map import MASKED, PADDING
from msq_parts import KINDS, clips, rng, small_generator, small_text, small_tokenizer


def parts(**kind: Any):
    tokenizer = small_tokenizer(**kind)
    generator = small_generator(tokenizer)
    assert isinstance(generator, MaskedGenerator)
    return tokenizer, generator


def make(tokenizer, generator, lengths: list[int], text=None, seeds=None, **options: Any) -> SamplerOutput:
    seeds = range(len(lengths)) if seeds is None else seeds
    config = options.pop("config", Config(steps=(5,), guidance_scale=(2.0,)))
    request = SampleRequest(
        generator=generator,
        codec=tokenizer.codec,
        text=small_text(len(lengths)) if text is None else text,
        layout=tokenizer.layout(max(lengths)),
        latent_lengths=torch.tensor(lengths) // 4,
        rngs=[rng(seed) for seed in seeds],
        **options,
    )
    return sample(request, config)


class Rounds:
    """A generator with rounds of its own; counts what is hidden in each pass."""

    def __init__(self, generator: Any, rounds: tuple[tuple[int, ...], ...]):
        self.generator, self._rounds = generator, rounds
        self.hidden: list[tuple[tuple[int, ...], list[int]]] = []
        self.clips: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.generator, name)

    def rounds(self, layout: Any) -> tuple[tuple[int, ...], ...]:
        return self._rounds

    def logits(self, state: Any, scales: tuple[int, ...], tokens: tuple[Tensor, ...]) -> Any:
        count = torch.stack([(tokens[k] == MASKED).flatten(1).sum(1) for k in scales]).sum(0)
        self.hidden.append((scales, count.tolist()))
        self.clips.append(len(tokens[0]))
        return self.generator.logits(state, scales, tokens)


@pytest.mark.parametrize(("kind", "coarse_first"), [(KINDS[0], False), (KINDS[1], True), (KINDS[4], False)])
def test_every_position_is_drawn_and_the_latent_is_their_sum(kind: dict, coarse_first: bool) -> None:
    tokenizer, generator = parts(**kind)
    drawn = make(tokenizer, generator, [128, 44, 6], config=Config(steps=(2, 3), coarse_first=coarse_first))
    running = tokenizer.codec.empty(drawn.tokens.layout, 3)
    for k, row in enumerate(drawn.tokens.scales):
        assert torch.equal(row == PADDING, ~drawn.tokens.valid(k)) and not bool((row == MASKED).any())
        running = running + tokenizer.codec.contribution(row, k, drawn.tokens.layout)
    torch.testing.assert_close(running, drawn.latent)


def test_a_clip_is_the_same_alone_and_in_a_batch_of_eight() -> None:
    tokenizer, generator = parts()
    lengths = [64, 128, 9, 32, 100, 64, 50, 77]
    together = make(tokenizer, generator, lengths)
    text = small_text(8)
    frames = tokenizer.decode(together.tokens)
    assert len({tuple(row.flatten().tolist()) for row in together.tokens.scales[-1]}) == 8
    for i, length in enumerate(lengths):
        own = TextFeatures(text.tokens[i : i + 1], text.mask[i : i + 1])
        alone = make(tokenizer, generator, [length], own, seeds=[i])
        for k, row in enumerate(alone.tokens.scales):
            assert torch.equal(
                row[0][alone.tokens.valid(k)[0]], together.tokens.scales[k][i][together.tokens.valid(k)[i]]
            )
        whole = length // 4 * 4
        torch.testing.assert_close(tokenizer.decode(alone.tokens)[0, :whole], frames[i, :whole], atol=1e-3, rtol=1e-3)


def test_clips_share_passes_only_when_asked_to() -> None:
    tokenizer, generator = parts()
    for shared, clips_a_pass in ((True, [4] * 5), (False, [2] * 10)):
        counter = Rounds(generator, ((0, 1, 2, 3, 4, 5),))
        make(tokenizer, counter, [64, 40], shared_passes=shared)
        assert counter.clips == clips_a_pass


def test_a_seed_fixes_a_clip_and_another_seed_changes_it() -> None:
    tokenizer, generator = parts(preset="limbs")
    first, again = make(tokenizer, generator, [64]), make(tokenizer, generator, [64])
    other = make(tokenizer, generator, [64], seeds=[5])
    assert torch.equal(first.tokens.flatten(), again.tokens.flatten())
    assert not torch.equal(first.tokens.flatten(), other.tokens.flatten())


def test_given_positions_stay_and_the_others_are_drawn() -> None:
    tokenizer, generator = parts()
    source = tokenizer.encode(clips(tokenizer, [128], 128), torch.tensor([128])).tokens
    given = tuple(torch.rand(row.shape, generator=rng(1)) < 0.6 for row in source.scales)
    kept = [row.clone() for row in source.scales]
    drawn = make(tokenizer, generator, [128], keep=Keep(source.scales, given))
    for row, mask, mine in zip(source.scales, given, drawn.tokens.scales, strict=True):
        assert torch.equal(mine[mask], row[mask])
    assert any(bool((a != b).any()) for a, b in zip(source.scales, drawn.tokens.scales, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(source.scales, kept, strict=True))
    counter = Rounds(generator, ((0, 1, 2, 3, 4, 5),))
    everything = tuple(torch.ones_like(mask) for mask in given)
    same = make(tokenizer, counter, [128], keep=Keep(source.scales, everything))
    assert torch.equal(same.tokens.flatten(), source.flatten())
    assert counter.hidden == [], "nothing is computed where nothing is drawn"


def naive(tokenizer, generator, length: int, text: TextFeatures, config: Config, rounds) -> list[list[int]]:
    """One clip, greedily, with lists: the definition in the words of the notes."""
    layout, latents = tokenizer.layout(length), torch.tensor([length // 4])
    tokens = [[MASKED] * scale.size for scale in layout.scales]
    shapes = [(1, scale.bins, scale.groups) for scale in layout.scales]
    for place, scales in enumerate(rounds):
        where = [(k, i) for k in scales for i in range(layout.scales[k].size)]
        fixed: set[tuple[int, int]] = set()
        sure: dict[tuple[int, int], float] = {}
        for step in range(config.passes(place)):
            passes = config.passes(place)
            whole = passes if config.schedule == "open" else max(1, passes - 1)
            count = max(1, round(len(where) * math.cos(math.pi / 2 * step / whole)))
            free = sorted((p for p in where if p not in fixed), key=lambda p: sure.get(p, 0.0))
            hidden = free[:count]
            fixed = set(where) - set(hidden)
            for k, i in hidden:
                tokens[k][i] = MASKED
            shown = tuple(torch.tensor(row).view(shape) for row, shape in zip(tokens, shapes, strict=True))
            found = []
            for sentence in (text, generator.unconditional(text)):
                state = generator.begin(sentence, layout, latents)
                found.append(generator.logits(state, scales, shown)[0])
            weight = config.guidance_at(place)
            for k, with_text, without in zip(scales, *found, strict=True):
                logits = (without + weight * (with_text - without)).flatten(1, 2)[0]
                for spot in (i for kk, i in hidden if kk == k):
                    tokens[k][spot] = int(logits[spot].argmax())
                    sure[k, spot] = float(logits[spot].softmax(-1).max())
    return tokens


@torch.no_grad()
@pytest.mark.parametrize("schedule", ["open", "closed"])
@pytest.mark.parametrize("one_round", [True, False])
def test_greedy_draws_agree_with_a_naive_twin(schedule: str, one_round: bool) -> None:
    tokenizer = small_tokenizer(max_frames=64)
    generator = small_generator(tokenizer)
    rounds = ((0, 1, 2, 3, 4, 5),) if one_round else ((0,), (1, 2), (3,), (4, 5))
    config = Config(steps=(4, 1, 3), guidance_scale=(4.0, 5.0), temperature=1e-5, schedule=schedule)
    text = small_text(2)
    drawn = make(tokenizer, Rounds(generator, rounds), [64, 24], config=config)
    for i, length in enumerate((64, 24)):
        own = TextFeatures(text.tokens[i : i + 1, : 1 + i], text.mask[i : i + 1, : 1 + i])
        wanted = naive(tokenizer, generator, length, own, config, rounds)
        for k, row in enumerate(wanted):
            assert drawn.tokens.scales[k][i][drawn.tokens.valid(k)[i]].tolist() == row


def test_the_schedules_count_each_clips_own_positions() -> None:
    tokenizer, generator = parts()
    for schedule, last in (("open", 10), ("closed", 9)):
        counter = Rounds(generator, ((0, 1, 2, 3, 4, 5),))
        make(tokenizer, counter, [128, 40], config=Config(steps=(10,), schedule=schedule))
        together = Rounds(generator, ((0, 1, 2, 3, 4, 5),))
        config = Config(steps=(10,), schedule=schedule)
        make(tokenizer, together, [128, 40], config=config, shared_passes=True)
        layout = tokenizer.layout(128)
        for clip, latents in ((0, 32), (1, 10)):
            own = int(layout.valid_flat(torch.tensor([latents])).sum())
            wanted = [max(1, round(own * math.cos(math.pi / 2 * t / last))) for t in range(10)]
            assert [hidden[0] for _, hidden in counter.hidden[10 * clip : 10 * clip + 10]] == wanted
            assert [hidden[clip] for _, hidden in together.hidden] == wanted
    assert wanted[-1] == 1


def test_steps_and_guidance_are_a_number_a_round() -> None:
    tokenizer, generator = parts()
    counter = Rounds(generator, ((0,), (1,), (2,), (3,), (4,), (5,)))
    make(tokenizer, counter, [64], config=Config(steps=(10, 1), guidance_scale=(4.0, 5.0), schedule="closed"))
    assert [scales for scales, _ in counter.hidden] == [(0,)] * 10 + [(1,), (2,), (3,), (4,), (5,)]
    assert Config(steps=(10, 1)).passes(3) == 1 and Config(guidance_scale=(4.0, 5.0)).guidance_at(4) == 5.0
    assert Config.parse({"guidance_scale": 3.0, "steps": 12}).but(guidance_scale=2).guidance_scale == (2.0,)


def test_a_guidance_of_one_needs_no_second_half() -> None:
    tokenizer, generator = parts()
    away = small_text(4)
    away = TextFeatures(away.tokens[3:], away.mask[3:])
    counter = Rounds(generator, ((0, 1, 2, 3, 4, 5),))
    one = make(tokenizer, counter, [64], config=Config(guidance_scale=(1.0,), steps=(3,)))
    assert counter.clips == [1, 1, 1]
    two = make(tokenizer, generator, [64], config=Config(guidance_scale=(1.0,), steps=(3,)), uncond=away)
    assert torch.equal(one.tokens.flatten(), two.tokens.flatten())
    led = make(tokenizer, generator, [64], config=Config(guidance_scale=(5.0,), steps=(3,)), uncond=away)
    assert not torch.equal(one.tokens.flatten(), led.tokens.flatten())


def test_only_the_best_codes_are_drawn() -> None:
    assert [Config().best(codes) for codes in (1000, 512, 40, 3)] == [100, 52, 4, 1]
    tokenizer, generator = parts(preset="limbs")
    one = make(tokenizer, generator, [64], config=Config(keep_share=1e-9), seeds=[1])
    two = make(tokenizer, generator, [64], config=Config(temperature=1e-5), seeds=[2])
    assert torch.equal(one.tokens.flatten(), two.tokens.flatten()), "the best alone is the greedy choice"


def test_callbacks_see_every_scale() -> None:
    tokenizer, generator = parts()
    seen: list[tuple[int, Tensor]] = []
    drawn = make(tokenizer, generator, [64], on_scale=lambda k, running: seen.append((k, running)))
    assert [k for k, _ in seen] == list(range(6))
    assert torch.equal(seen[-1][1], drawn.latent)


def test_misfits_are_refused_in_one_sentence() -> None:
    tokenizer, generator = parts()
    source = tokenizer.encode(clips(tokenizer, [40], 128), torch.tensor([40])).tokens
    given = tuple(torch.ones_like(row, dtype=torch.bool) for row in source.scales)
    for options, lengths, message in (
        ({"text": small_text(2)}, [64], "2 sentences"),
        ({"seeds": [1, 2]}, [64], "2 random generators"),
        ({"config": Config(steps=())}, [64], "steps"),
        ({"keep": Keep(source.scales, given)}, [64], "shapes"),
        ({"keep": Keep(source.scales, given)}, [128], "hold no token"),
        ({}, [3], "expected 4"),
    ):
        with pytest.raises(InputError, match=message):
            make(tokenizer, generator, lengths, **options)
    with pytest.raises(InputError, match="each of them once"):
        make(tokenizer, Rounds(generator, ((0, 1), (1, 2, 3, 4, 5))), [64])
    for changes in (
        {"guidance_scale": -1},
        {"guidance_scale": ()},
        {"temperature": 0},
        {"keep_share": 0},
        {"steps": "x"},
    ):
        with pytest.raises(ConfigError):
            Config.parse(changes)
