"""MoSa's building blocks: masked norms and attention ignore padding, rotary angles align, one product is two layers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from kinescale.nn.cross_attention_block import CrossAttentionBlock
from kinescale.nn.group_norm import GroupNorm
from kinescale.nn.multi_head_attention import MultiHeadAttention
from kinescale.nn.norm_conv import NormConv
from kinescale.nn.rotary import rotate_interleaved
from kinescale.nn.scale_rotary import scale_phases
from kinescale.nn.swiglu import SwiGLU
from kinescale.nn.time_attention import TimeAttention


def test_group_norm_over_valid_steps_is_group_norm_of_the_short_clip() -> None:
    norm = GroupNorm(4, 8, eps=1e-6)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = torch.randn(3, 8, 12)
    lengths = [12, 7, 1]
    valid = torch.arange(12)[None] < torch.tensor(lengths)[:, None]
    made = norm(x, valid)
    for clip, length in enumerate(lengths):
        wanted = functional.group_norm(x[clip : clip + 1, :, :length], 4, norm.weight, norm.bias, 1e-6)
        torch.testing.assert_close(made[clip : clip + 1, :, :length], wanted, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(norm(x, torch.ones(3, 12, dtype=torch.bool)), norm(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["convolution", "wider", "attention"])
def test_blocks_give_a_short_clip_what_it_gets_alone(kind: str) -> None:
    block = {"convolution": NormConv(8, 8, 4), "wider": NormConv(8, 12, 4), "attention": TimeAttention(8, 4)}[kind]
    x = torch.randn(2, 8, 10)
    valid = torch.arange(10)[None] < torch.tensor([10, 6])[:, None]
    x = x * valid[:, None]
    made = block(x, valid)
    torch.testing.assert_close(made[1:, :, :6], block(x[1:, :, :6]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(made[:1], block(x[:1]), atol=1e-5, rtol=1e-5)
    assert not made[1, :, 6:].any()


def test_time_attention_is_softmax_over_all_steps() -> None:
    block = TimeAttention(8, 4)
    x = torch.randn(1, 8, 5)
    query, key, value = block.project(block.norm(x)).chunk(3, dim=1)
    weights = torch.softmax(query.transpose(1, 2) @ key / 8**0.5, -1)
    wanted = x + block.out(value @ weights.transpose(1, 2))
    torch.testing.assert_close(block(x), wanted)


def test_rows_of_any_length_start_and_end_at_the_same_angles() -> None:
    rotary_phases = [scale_phases(torch.linspace(0, 1, bins), 16) for bins in (3, 6, 49)]
    for found in rotary_phases:
        torch.testing.assert_close(found[:, 0], rotary_phases[0][:, 0])
        torch.testing.assert_close(found[:, -1], rotary_phases[0][:, -1])
    # the middle of three stands where the middle of forty-nine does
    torch.testing.assert_close(rotary_phases[0][:, 1], rotary_phases[2][:, 24])
    # the angle of the fastest pair runs to the head's width in radians
    torch.testing.assert_close(rotary_phases[0][0, -1, 0], torch.tensor(16.0).cos())


def test_scores_depend_on_the_difference_of_places() -> None:
    query, key = torch.randn(1, 1, 1, 8), torch.randn(1, 1, 1, 8)

    def score(at: float, other: float) -> Tensor:
        here, there = (scale_phases(torch.tensor([place]), 8) for place in (at, other))
        return (rotate_interleaved(query, here) * rotate_interleaved(key, there)).sum()

    torch.testing.assert_close(score(0.2, 0.5), score(0.6, 0.9), atol=1e-4, rtol=1e-4)
    # turns may differ from clip to clip
    places = torch.rand(2, 1, 5)
    rows = torch.randn(2, 3, 5, 8)
    each = [rotate_interleaved(rows[b : b + 1], scale_phases(places[b, 0], 8)) for b in range(2)]
    torch.testing.assert_close(rotate_interleaved(rows, scale_phases(places, 8)), torch.cat(each))


def test_swiglu_is_its_formula() -> None:
    layer = SwiGLU(6, 10)
    first, second = layer.grow.weight.chunk(2)
    x = torch.randn(4, 6)
    wanted = (functional.silu(x @ first.T) * (x @ second.T)) @ layer.shrink.weight.T
    torch.testing.assert_close(layer(x), wanted)


def test_attention_reads_only_what_is_allowed() -> None:
    layer = MultiHeadAttention(8, 2)
    x, source = torch.randn(1, 3, 8), torch.randn(1, 5, 8)
    allowed = torch.tensor([[True, True, False, True, False]])
    other = source.clone()
    other[:, ~allowed[0]] = 7.0
    torch.testing.assert_close(
        layer(x, layer.keys_values(source), allowed), layer(x, layer.keys_values(other), allowed)
    )
    torch.testing.assert_close(
        layer(x, layer.keys_values(source), allowed), layer(x, layer.keys_values(source[:, allowed[0]]))
    )


def test_a_block_with_a_past_gives_what_it_gives_at_once() -> None:
    block = CrossAttentionBlock(8, 2, 12, 0.0)
    x, sentence = torch.randn(2, 7, 8), block.read(torch.randn(2, 4, 8))
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    rotary_phases = scale_phases(torch.linspace(0, 1, 7), 4)
    scales = torch.tensor([0, 0, 1, 1, 1, 1, 1])
    whole, _ = block(x, sentence, mask, rotary_phases, scales[None] <= scales[:, None])
    first, past = block(x[:, :2], sentence, mask, rotary_phases[:, :2])
    second, grown = block(x[:, 2:], sentence, mask, rotary_phases[:, 2:], None, past)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    assert grown[0].shape == (2, 2, 7, 4)
