"""Cosine attention, rotary positions on a plane, attention pooling: twins, invariances, the past in place of a pass."""

from __future__ import annotations

import math

import torch

from kinescale.nn.attention_pooling import AttentionPooling
from kinescale.nn.cosine_attention import CosineAttention
from kinescale.nn.cosine_block import CosineBlock
from kinescale.nn.grid_rotary import grid_phases
from kinescale.nn.rotary import rotate_interleaved


def phases_of(count: int, head_width: int = 8) -> torch.Tensor:
    return grid_phases(torch.arange(count) // 2, torch.arange(count) % 2, head_width)


def test_first_pairs_turn_with_time_and_last_with_the_body() -> None:
    rotary_phases = grid_phases(torch.tensor([0, 3, 0]), torch.tensor([0, 0, 2]), 8)
    angles = torch.atan2(rotary_phases[1], rotary_phases[0])
    wanted = torch.tensor([[0, 0, 0, 0], [3, 3 * 10000**-0.5, 0, 0], [0, 0, 2, 2 * 10000**-0.5]])
    torch.testing.assert_close(angles, wanted)


def test_products_depend_on_differences_of_places_alone() -> None:
    query, key = torch.randn(2, 1, 1, 1, 8)

    def product(at: tuple[int, int], other: tuple[int, int]) -> torch.Tensor:
        rotary_phases = [grid_phases(torch.tensor([t]), torch.tensor([j]), 8) for t, j in (at, other)]
        return (rotate_interleaved(query, rotary_phases[0]) * rotate_interleaved(key, rotary_phases[1])).sum()

    torch.testing.assert_close(product((5, 2), (3, 6)), product((7, 3), (5, 7)))


def test_scores_are_cosines_times_the_sharpness_and_the_scale() -> None:
    layer = CosineAttention(8, 1)
    torch.nn.init.normal_(layer.query_bias)
    layer.sharpness.data.fill_(9.0)  # more than ln 100 is ln 100
    x = torch.randn(1, 3, 8)
    query, key, value = layer.project(x).chunk(3, -1)
    cosine = torch.nn.functional.cosine_similarity((query + layer.query_bias)[:, :, None], key[:, None], dim=-1)
    wanted = layer.out((cosine * 100 / math.sqrt(8)).softmax(-1) @ (value + layer.value_bias))
    still = grid_phases(torch.zeros(3).long(), torch.zeros(3).long(), 8)
    torch.testing.assert_close(layer(x, still)[0], wanted)
    plain = CosineAttention(8, 1, 1.0)
    plain.load_state_dict(layer.state_dict())
    assert not torch.allclose(plain(x, still)[0], wanted)


def test_a_past_gives_the_numbers_of_one_pass() -> None:
    layer, x, rotary_phases = CosineAttention(16, 2), torch.randn(2, 7, 16), phases_of(7)
    causal = torch.ones(7, 7, dtype=torch.bool).tril()
    whole, _ = layer(x, rotary_phases, causal)
    _, past = layer(x[:, :3], rotary_phases[:, :3], causal[:3, :3])
    rest, _ = layer(x[:, 3:], rotary_phases[:, 3:], causal[3:], past)
    torch.testing.assert_close(rest, whole[:, 3:])


def test_a_block_with_closed_gates_passes_rows_but_for_the_text() -> None:
    block = CosineBlock(16, 2, 24, 0.0).eval()
    x, text, mask = torch.randn(2, 3, 16), torch.randn(2, 4, 16), torch.ones(2, 4, dtype=torch.bool)
    shared = tuple(torch.zeros(2, 1, 16) for _ in range(6))
    block.table.data[2:] = torch.randn(4, 16)
    keys_values = block.text.keys_values(text)
    rows, _ = block(x, block.modulation(shared), keys_values, mask, phases_of(3))
    torch.testing.assert_close(rows, x + block.text(block.text_norm(x), keys_values, mask))
    assert not torch.allclose(
        block(x, block.modulation(tuple(s + 1 for s in shared)), keys_values, mask, phases_of(3))[0], rows
    )


def test_pooling_reads_real_tokens_only_and_each_head_by_its_own_query() -> None:
    pooling = AttentionPooling(12, 7, 3)
    torch.nn.init.normal_(pooling.queries)
    tokens, mask = torch.randn(2, 4, 7), torch.tensor([[True, True, False, False], [True] * 4])
    out = pooling(tokens, mask)
    other = tokens.masked_fill(~mask[:, :, None], 7.0)
    torch.testing.assert_close(pooling(other, mask), out)
    key, value = pooling.project(tokens[:1, :2]).unflatten(-1, (2, 3, 4)).unbind(2)
    scores = torch.einsum("bnhd,hd->bhn", key, pooling.queries) / 2.0
    read = torch.einsum("bhn,bnhd->bhd", scores.softmax(-1), value).flatten(1) + pooling.value_bias
    torch.testing.assert_close(out[:1], pooling.out(read))
