"""Sampling: a clip is the same alone or in a batch, given positions stay, every scale is seen."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from kinescale.core.errors import ConfigError, InputError
from kinescale.export.onnx.state import leaves, with_leaves
from kinescale.generators.base import ScaleGenerator
from kinescale.samplers.base import Keep, SampleRequest, SamplerOutput
from kinescale.samplers.next_scale import Config, sample
from kinescale.tokens import TextFeatures
from kinescale.tokens.token_map import MASKED, PADDING
from moscale_parts import SCALE_LISTS, clips, rng, small_generator, small_text, small_tokenizer


def parts(scales: tuple[int, ...] = (8, 4, 2, 1), faithful: bool = False):
    tokenizer = small_tokenizer(scales=scales, mask_padding=not faithful)
    generator = small_generator(tokenizer, faithful=faithful)
    assert isinstance(generator, ScaleGenerator)
    return tokenizer, generator


def make(tokenizer, generator, lengths: list[int], text=None, seeds=None, **options: Any) -> SamplerOutput:
    seeds = range(len(lengths)) if seeds is None else seeds
    config = options.pop("config", Config(steps=(1, 2, 3, 4), guidance_scale=3.0))
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


@pytest.mark.parametrize("scales", SCALE_LISTS)
@pytest.mark.parametrize("faithful", [False, True])
def test_every_position_is_drawn_and_the_latent_is_their_sum(scales: tuple[int, ...], faithful: bool) -> None:
    tokenizer, generator = parts(scales, faithful)
    config = Config(steps=(1, 2, 3, 4), faithful=faithful)
    drawn = make(tokenizer, generator, [128, 44, 6], config=config)
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
            count = int(alone.tokens.valid(k).sum())
            assert torch.equal(row[0, :count], together.tokens.scales[k][i, :count])
        whole = length // 4 * 4
        torch.testing.assert_close(tokenizer.decode(alone.tokens)[0, :whole], frames[i, :whole], atol=1e-3, rtol=1e-3)


def test_a_seed_fixes_a_clip_and_another_seed_changes_it() -> None:
    tokenizer, generator = parts()
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
    everything = tuple(torch.ones_like(mask) for mask in given)
    same = make(tokenizer, generator, [128], keep=Keep(source.scales, everything))
    assert torch.equal(same.tokens.flatten(), source.flatten())


def test_a_greedy_pyramid_needs_no_randomness() -> None:
    tokenizer, generator = parts()
    greedy = Config(top_k=1)
    one = make(tokenizer, generator, [128], config=greedy, seeds=[1])
    two = make(tokenizer, generator, [128], config=greedy, seeds=[2])
    assert torch.equal(one.tokens.flatten(), two.tokens.flatten())


def test_without_guidance_the_unconditional_text_does_not_matter() -> None:
    tokenizer, generator = parts()
    config = Config(guidance_scale=1.0)
    one = make(tokenizer, generator, [64], config=config)
    away = small_text(4)
    away = TextFeatures(away.tokens[3:], away.mask[3:])
    two = make(tokenizer, generator, [64], config=config, uncond=away)
    assert torch.equal(one.tokens.flatten(), two.tokens.flatten())
    guided = make(tokenizer, generator, [64], config=Config(guidance_scale=6.0), uncond=away)
    assert not torch.equal(one.tokens.flatten(), guided.tokens.flatten())


class Counter:
    """Counts hidden positions of every pass of a generator."""

    def __init__(self, generator):
        self.generator = generator
        self.hidden: list[tuple[int, list[int]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.generator, name)

    def step(self, state: Any, scale: int, inputs: Tensor, tokens: Tensor, places: Any = None) -> tuple[Tensor, Any]:
        self.hidden.append((scale, (tokens == MASKED).flatten(1).sum(1).tolist()))
        return self.generator.step(state, scale, inputs, tokens, places)


class Elsewhere:
    """A generator on the meta device, where no value can be read back; only its beginning is computed."""

    def __init__(self, generator, layout):
        two = small_text(2)
        self.state = generator.begin(two, layout, torch.tensor([layout.capacity] * 2))
        self.generator = copy.deepcopy(generator).to("meta")

    def unconditional(self, text: TextFeatures) -> TextFeatures:
        return text

    def begin(self, text: TextFeatures, layout: TokenLayout, latents: Tensor) -> Any:
        return with_leaves(self.state, {name: leaf.to("meta") for name, leaf in leaves(self.state).items()})

    def step(self, *given: Any) -> tuple[Tensor, Any]:
        return self.generator.step(*given)

    def commit(self, *given: Any) -> Any:
        return self.generator.commit(*given)


def test_sampling_never_waits_for_a_value_of_the_device() -> None:
    tokenizer, generator = parts()
    there = copy.deepcopy(tokenizer).to("meta")
    drawn = make(there, Elsewhere(generator, tokenizer.layout(64)), [64])
    assert drawn.latent.is_meta and all(row.is_meta for row in drawn.tokens.scales)
    with pytest.raises(RuntimeError):
        drawn.latent.sum().item()


def test_full_clips_are_hidden_by_the_published_schedule() -> None:
    tokenizer = small_tokenizer(max_frames=196, mask_padding=False)
    generator = small_generator(tokenizer, faithful=True)
    for faithful in (True, False):
        counter = Counter(generator)
        make(tokenizer, counter, [196], config=Config(faithful=faithful))
        wanted = [6, 12, 1, 24, 22, 17, 9, 1, 49, 48, 46, 42, 38, 31, 24, 17, 9, 1]
        assert [hidden[0] for _, hidden in counter.hidden] == wanted


def test_short_clips_are_refined_by_their_own_count_unless_faithful() -> None:
    counts = {}
    for faithful in (True, False):
        tokenizer, generator = parts(faithful=faithful)
        for shared in (True, False):
            counter = Counter(generator)
            make(tokenizer, counter, [128, 40], config=Config(faithful=faithful), shared_passes=shared)
            counts[faithful] = [hidden[-1] for scale, hidden in counter.hidden if scale == 3][-10:]
            assert len(counter.hidden) == (18 if shared else 36)
    assert counts[False] == [10, 10, 9, 9, 8, 6, 5, 3, 2, 1]
    assert counts[True] == [10, 10, 10, 10, 10, 10, 10, 10, 6, 1]


def test_callbacks_see_every_scale() -> None:
    tokenizer, generator = parts()
    seen: list[tuple[int, Tensor]] = []
    drawn = make(tokenizer, generator, [64], on_scale=lambda k, running: seen.append((k, running)))
    assert [k for k, _ in seen] == [0, 1, 2, 3]
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
    for changes in ({"guidance_scale": -1}, {"temperature": 0}, {"top_p": 2}, {"steps": "x"}):
        with pytest.raises(ConfigError):
            Config.parse(changes)
