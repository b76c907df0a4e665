"""Attention and convolution blocks: masks hide what they should, twins agree, dropout follows its generator."""

from __future__ import annotations

import pytest
import torch

from kinescale.nn.adaln import AdaptiveBlock
from kinescale.nn.conv_stack import ResidualConvStack
from kinescale.nn.cross_attention import CrossAttention
from kinescale.nn.drop_path import drop_path
from kinescale.nn.gated_attention import GatedAttention
from kinescale.nn.rotary import interleaved_phases
from kinescale.nn.seeded import seeded
from kinescale.nn.self_attention import SelfAttention
from kinescale.nn.steps import valid_steps, zero_after
from kinescale.nn.text_pooling import TextPooling
from moscale_parts import rng


def test_steps_beyond_the_length_are_zeroed_and_the_input_stays() -> None:
    x = torch.ones(3, 2, 5)
    valid = valid_steps(torch.tensor([0, 3, 9]), 5)
    assert valid.sum(1).tolist() == [0, 3, 5]
    assert zero_after(x, valid).sum((1, 2)).tolist() == [0, 6, 10]
    assert x.sum() == 30 and zero_after(x, None) is x


def test_gated_attention_ignores_steps_that_are_not_valid() -> None:
    block = GatedAttention(16, 2, 2).eval()
    x, other = torch.randn(2, 2, 6, 16)
    valid = valid_steps(torch.tensor([4, 6]), 6)
    mixed = torch.where(valid[:, :, None], x, other)
    torch.testing.assert_close(block(x, valid)[valid], block(mixed, valid)[valid])
    assert not torch.allclose(block(x)[0, :4], block(mixed)[0, :4])


def test_conv_stack_with_a_mask_does_not_see_the_padding_that_follows() -> None:
    stack = ResidualConvStack(4, 3, 3, 0.0)
    assert [block.wide.dilation[0] for block in stack.blocks] == [9, 3, 1]
    x = torch.randn(1, 4, 12)
    short = stack(x, valid_steps(torch.tensor([12]), 12))
    long = stack(torch.nn.functional.pad(x, (0, 20)), valid_steps(torch.tensor([12]), 32))
    torch.testing.assert_close(long[..., :12], short)
    assert not long[..., 12:].any()


def test_self_attention_with_a_past_gives_the_numbers_of_one_pass() -> None:
    layer = SelfAttention(12, 2, 0.0)
    x, rotary_phases = torch.randn(2, 7, 12), interleaved_phases(torch.arange(7), 6)
    causal = torch.ones(7, 7, dtype=torch.bool).tril()
    whole, _ = layer(x, rotary_phases, causal)
    first, past = layer(x[:, :3], rotary_phases[:, :3], causal[:3, :3])
    second, _ = layer(x[:, 3:], rotary_phases[:, 3:], causal[3:], past)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)


def test_cross_attention_reads_only_real_tokens_and_rounds_when_asked() -> None:
    layer = CrossAttention(12, 5, 2)
    tokens, mask = torch.randn(2, 4, 5), torch.tensor([[True, True, False, False], [True] * 4])
    x = torch.randn(2, 3, 12)
    other = tokens.masked_fill(~mask[:, :, None], 7.0)
    plain = layer(x, layer.keys_values(tokens), mask)
    torch.testing.assert_close(layer(x, layer.keys_values(other), mask), plain)
    rounding = CrossAttention(12, 5, 2, round_bf16=True)
    rounding.load_state_dict(layer.state_dict())
    rounded = rounding(x, rounding.keys_values(tokens), mask)
    assert 0 < float((rounded - plain).detach().abs().max()) < 0.05


def test_text_pooling_gives_one_vector_a_query_and_sentence() -> None:
    pooling = TextPooling(5, 12, 7, 3)
    torch.nn.init.normal_(pooling.queries)
    tokens, mask = torch.randn(2, 4, 7), torch.ones(2, 4, dtype=torch.bool)
    both = pooling(tokens, mask)
    assert both.shape == (2, 5, 12)
    torch.testing.assert_close(pooling(tokens[1:], mask[1:])[0], both[1])


def test_a_block_with_closed_gates_passes_rows_but_for_the_text() -> None:
    block = AdaptiveBlock(12, 2, 6, 2, 0.0, 0.0, False).eval()
    x, text, mask = torch.randn(2, 3, 12), torch.randn(2, 4, 6), torch.ones(2, 4, dtype=torch.bool)
    closed = tuple(torch.zeros(2, 1, 12) for _ in range(6))
    keys_values = block.text.keys_values(text)
    rows, _ = block(x, closed, keys_values, mask, interleaved_phases(torch.arange(3), 6))
    torch.testing.assert_close(rows, x + block.text(block.text_norm(x), keys_values, mask))


def test_drop_path_keeps_or_drops_whole_samples() -> None:
    branch = torch.ones(400, 3)
    dropped = drop_path(branch, 0.25, training=True)
    assert sorted(dropped.unique().tolist()) == pytest.approx([0.0, 4 / 3])
    assert bool((dropped == dropped[:, :1]).all())
    assert 200 < int((dropped[:, 0] > 0).sum()) < 380
    assert drop_path(branch, 0.25, training=False) is branch


def test_seeded_draws_follow_the_generator_and_leave_the_global_state() -> None:
    cpu = torch.device("cpu")
    before = torch.get_rng_state()
    with seeded(rng(3), cpu):
        first = torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(1)
    with seeded(rng(3), cpu):
        assert torch.equal(torch.rand(4), first)
    on, off = rng(3), rng(3)
    with seeded(on, cpu), seeded(off, cpu, enabled=False):
        pass
    assert torch.equal(on.get_state(), off.get_state())
