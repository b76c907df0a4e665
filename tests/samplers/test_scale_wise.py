"""One pass a scale: a clip is the same alone or in a batch, given positions stay, runs may stop, filters and ramp."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import moscale_parts
from kinescale.core.errors import InputError
from kinescale.samplers import next_scale
from kinescale.samplers.base import Keep, SampleRequest, SamplerOutput
from kinescale.samplers.base.logits import keep_crossing_nucleus, keep_share
from kinescale.samplers.scale_wise import Config, keep_outside, sample
from kinescale.tokens import TextFeatures
from kinescale.tokens.token_map import MASKED, PADDING
from mosa_parts import small_generator, small_tokenizer
from moscale_parts import clips, rng, small_text


def parts(**changes: Any):
    tokenizer = small_tokenizer(**changes)
    return tokenizer, small_generator(tokenizer)


def make(tokenizer, generator, lengths: list[int], text=None, seeds=None, **options: Any) -> SamplerOutput:
    seeds = range(len(lengths)) if seeds is None else seeds
    config = options.pop("config", Config(guidance_scale=3.0, drop=0.2))
    layout = options.pop("layout", None) or tokenizer.layout(max(lengths))
    sampler = options.pop("sampler", sample)
    request = SampleRequest(
        generator=generator,
        codec=tokenizer.codec,
        text=small_text(len(lengths)) if text is None else text,
        layout=layout,
        latent_lengths=layout.latents(torch.tensor(lengths)),
        rngs=[rng(seed) for seed in seeds],
        **options,
    )
    return sampler(request, config)


@pytest.mark.parametrize("padding", ["masked", "slots"])
def test_every_position_is_drawn_and_the_latent_is_their_sum(padding: str) -> None:
    tokenizer, generator = parts(padding=padding, bins=(3, 5, 11, 16))
    seen = []
    drawn = make(tokenizer, generator, [64, 41, 6], on_scale=lambda k, total: seen.append((k, total)))
    running = tokenizer.codec.empty(drawn.tokens.layout, 3)
    for k, row in enumerate(drawn.tokens.scales):
        assert torch.equal(row == PADDING, ~drawn.tokens.valid(k)) and not bool((row == MASKED).any())
        assert int(row.max()) < tokenizer.codec.vocabularies[k]
        running = running + tokenizer.codec.contribution(row, k, drawn.tokens.layout)
        assert seen[k][0] == k
        torch.testing.assert_close(seen[k][1], running)
    torch.testing.assert_close(running, drawn.latent)


def test_a_clip_is_the_same_alone_and_in_a_batch_of_eight() -> None:
    tokenizer, generator = parts()
    lengths = [32, 64, 9, 16, 50, 64, 25, 38]
    together = make(tokenizer, generator, lengths)
    text, frames = small_text(8), tokenizer.decode(together.tokens)
    assert len({tuple(row.flatten().tolist()) for row in together.tokens.scales[-1]}) == 8
    for i, length in enumerate(lengths):
        own = TextFeatures(text.tokens[i : i + 1], text.mask[i : i + 1])
        alone = make(tokenizer, generator, [length], own, seeds=[i])
        assert alone.tokens.layout.capacity == -(-length // 16) * 4
        for k, row in enumerate(alone.tokens.scales):
            count = int(alone.tokens.valid(k).sum())
            assert torch.equal(row[0, :count], together.tokens.scales[k][i, :count])
        torch.testing.assert_close(tokenizer.decode(alone.tokens)[0, :length], frames[i, :length], atol=1e-3, rtol=1e-3)


def test_a_seed_fixes_a_clip_and_another_seed_changes_it() -> None:
    tokenizer, generator = parts()
    first, again = make(tokenizer, generator, [64]), make(tokenizer, generator, [64])
    other = make(tokenizer, generator, [64], seeds=[5])
    assert torch.equal(first.tokens.flatten(), again.tokens.flatten())
    assert not torch.equal(first.tokens.flatten(), other.tokens.flatten())


def test_given_positions_stay_and_the_others_are_drawn() -> None:
    tokenizer, generator = parts(padding="slots")
    source = tokenizer.encode(clips(tokenizer, [64], 64), torch.tensor([64])).tokens
    given = tuple(torch.rand(row.shape, generator=rng(1)) < 0.6 for row in source.scales)
    drawn = make(tokenizer, generator, [64], keep=Keep(source.scales, given))
    for row, mask, mine in zip(source.scales, given, drawn.tokens.scales, strict=True):
        assert torch.equal(mine[mask], row[mask])
    assert any(bool((a != b).any()) for a, b in zip(source.scales, drawn.tokens.scales, strict=True))
    everything = tuple(torch.ones_like(mask) for mask in given)
    same = make(tokenizer, generator, [64], keep=Keep(source.scales, everything))
    assert torch.equal(same.tokens.flatten(), source.flatten())


def test_an_edit_keeps_what_lies_outside() -> None:
    tokenizer, _ = parts()
    source = tokenizer.encode(clips(tokenizer, [64, 30], 64), torch.tensor([64, 30])).tokens
    again = torch.zeros(2, 16)
    again[:, 8:] = 1.0
    keep = keep_outside(source, again, forced=1)
    assert bool(keep.given[0][0].all())
    for k, given in enumerate(keep.given[1:], start=1):
        bins = given.shape[1]
        assert given[0, :, 0].tolist() == [b < bins // 2 for b in range(bins)]
        assert not bool((given & ~source.valid(k)).any())


def test_a_run_may_stop_after_any_scale_and_its_guidance_still_reaches_full_strength() -> None:
    tokenizer, generator = parts()
    config = Config(guidance_scale=5.0)
    assert [config.guidance_at(k, 5) for k in range(5)] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert config.guidance_at(0, 1) == 5.0
    for count in (1, 2, 4):
        drawn = make(tokenizer, generator, [40], config=Config(scales=count))
        assert len(drawn.tokens.scales) == count
        assert tokenizer.decode(drawn.tokens).shape[1] == tokenizer.layout(40).max_frames
    # without guidance the first scales do not depend on how many follow
    short = make(tokenizer, generator, [40], config=Config(guidance_scale=1.0, scales=2)).tokens
    whole = make(tokenizer, generator, [40], config=Config(guidance_scale=1.0)).tokens
    assert torch.equal(short.flatten(), whole.first(2).flatten())
    with pytest.raises(InputError, match="5 scales to sample"):
        make(tokenizer, generator, [40], config=Config(scales=5))


class Counter:
    """Counts the clips and positions that each pass computes."""

    def __init__(self, generator):
        self.generator = generator
        self.passes: list[tuple[int, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.generator, name)

    def step(self, state: Any, scale: int, inputs: Tensor, tokens: Tensor) -> tuple[Tensor, Any]:
        self.passes.append(tuple(tokens.shape[:2]))
        return self.generator.step(state, scale, inputs, tokens)


def test_one_pass_a_scale_no_branch_without_guidance_and_short_clips_cost_less() -> None:
    tokenizer, generator = parts()
    for guidance, clips_a_pass in ((4.0, 4), (1.0, 2)):
        counter = Counter(generator)
        make(tokenizer, counter, [64, 20], config=Config(guidance_scale=guidance), shared_passes=True)
        assert counter.passes == [(clips_a_pass, bins) for bins in (4, 8, 12, 16)]
    counter = Counter(generator)
    make(tokenizer, counter, [64, 14], config=Config(guidance_scale=1.0))
    assert counter.passes == [(1, bins) for bins in (4, 8, 12, 16, 1, 2, 3, 4)]


def test_without_guidance_the_unconditional_text_does_not_matter() -> None:
    tokenizer, generator = parts()
    away = small_text(4)
    away = TextFeatures(away.tokens[3:], away.mask[3:])
    none = Config(guidance_scale=1.0)
    one = make(tokenizer, generator, [64], config=none)
    two = make(tokenizer, generator, [64], config=none, uncond=away)
    led = make(tokenizer, generator, [64], config=Config(guidance_scale=6.0), uncond=away)
    assert torch.equal(one.tokens.flatten(), two.tokens.flatten())
    assert not torch.equal(one.tokens.flatten(), led.tokens.flatten())


def test_samplers_and_generators_of_two_systems_fit() -> None:
    tokenizer, generator = parts(padding="slots")
    config = next_scale.Config(steps=(1, 2), guidance_scale=2.0)
    refined = make(tokenizer, generator, [64], sampler=next_scale.sample, config=config)
    assert all(int(row.min()) >= 0 for row in refined.tokens.scales)
    codec = moscale_parts.small_tokenizer()
    drawn = make(codec, moscale_parts.small_generator(codec), [128, 40])
    assert torch.equal(drawn.tokens.scales[-1] == PADDING, ~drawn.tokens.valid(3))


def test_the_share_that_is_kept_is_counted_in_floating_point_and_ties_stay() -> None:
    for codes, kept in ((370, 73), (540, 107), (256, 51), (50, 9), (4, 1)):
        assert int(keep_share(torch.randn(codes), 0.8).isfinite().sum()) == kept
    assert keep_share(torch.tensor([1.0, 3.0, 3.0, 3.0, 0.0]), 0.6).isfinite().tolist() == [
        False,
        True,
        True,
        True,
        False,
    ]
    logits = torch.randn(9)
    assert torch.equal(keep_share(logits, 0.0), logits)
    assert int(keep_share(logits, 1.0).isfinite().sum()) == 1


def test_the_crossing_code_stays_in_the_nucleus() -> None:
    logits = torch.randn(30, 12, generator=rng(1)) * 2
    for share in (1e-6, 0.3, 0.9):
        kept = keep_crossing_nucleus(logits, share).isfinite()
        for row, mask in zip(logits, kept, strict=True):
            total, wanted = 0.0, set()
            for code in row.argsort(descending=True).tolist():
                if total < share:
                    wanted.add(code)
                total += float(row.double().softmax(0)[code])
            assert set(mask.nonzero().flatten().tolist()) == wanted
    assert torch.equal(keep_crossing_nucleus(logits, 0.0), logits)
    assert torch.equal(keep_crossing_nucleus(logits, 1.0), logits)
