"""Graph convolution, pooling and unpooling: agreement with naive twins, and nothing that follows a clip matters."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from kinescale.nn.skeleton_graph import (
    GraphResidual,
    GraphTimeConv,
    SkeletonPool,
    SkeletonUnpool,
    adjacency,
    double_steps,
    hold_steps,
)
from kinescale.nn.steps import valid_steps

EDGES = [(0, 1), (1, 2), (1, 3)]
MEMBERS = ((0, 2), (3, 1, 2))


def test_adjacency_is_symmetric_with_loops() -> None:
    graph = adjacency(4, EDGES)
    assert torch.equal(graph, graph.T) and graph.diagonal().all() and int(graph.sum()) == 4 + 2 * 3


def test_graph_time_convolution_agrees_with_sums_over_neighbors() -> None:
    layer = GraphTimeConv(5, adjacency(4, EDGES))
    x = torch.randn(2, 6, 4, 5)
    out = layer(x)
    neighbors = {j: [k for k in range(4) if adjacency(4, EDGES)[j, k]] for j in range(4)}
    padded = functional.pad(x, (0, 0, 0, 0, 1, 1))
    for j, near in neighbors.items():
        around = sum(layer.others(x[:, :, k]) for k in near) / (len(near) + 1e-6)
        moved = sum(padded[:, i : i + 6, j] @ layer.time.weight[:, :, i].T for i in range(3)) + layer.time.bias
        torch.testing.assert_close(out[:, :, j], layer.own(x[:, :, j]) + around + moved)


def test_pooling_weights_are_a_softmax_over_members() -> None:
    pool = SkeletonPool(4, MEMBERS)
    torch.nn.init.normal_(pool.logits, std=3.0)
    values = pool.logits.detach()
    assert SkeletonPool(4, MEMBERS).logits.tolist() == [0.5, 0.5] + [float(torch.tensor(1 / 3))] * 3
    weights = pool.weights()
    wanted = torch.zeros(2, 4)
    wanted[0, [0, 2]] = values[:2].softmax(0)
    wanted[1, [1, 2, 3]] = values[2:].softmax(0)
    torch.testing.assert_close(weights, wanted, atol=1e-5, rtol=1e-5)
    assert float(weights.detach().sum()) < 2.0, "the denominators hold a small number more"
    low = SkeletonPool(2, ((0, 1),))
    low.logits.data.fill_(-20.0)
    share = math.exp(-20) / (2 * math.exp(-20) + 1e-6)
    torch.testing.assert_close(low.weights(), torch.full((1, 2), share))


def test_pooling_halves_time_and_takes_the_one_step_of_a_half_filled_pair() -> None:
    pool = SkeletonPool(4, MEMBERS)
    x = torch.randn(1, 6, 4, 3)
    mixed = torch.einsum("pj,btjc->btpc", pool.weights(), x)
    torch.testing.assert_close(pool(x), (mixed[:, ::2] + mixed[:, 1::2]) / 2)
    valid = valid_steps(torch.tensor([3]), 6)
    kept = pool(x * valid[:, :, None, None], valid)
    torch.testing.assert_close(kept[:, 0], pool(x)[:, 0])
    torch.testing.assert_close(kept[:, 1], mixed[:, 2])
    assert not kept[:, 2].any()


def test_unpooling_uses_positive_weights_and_doubles_time() -> None:
    unpool = SkeletonUnpool(4, MEMBERS)
    assert unpool.weight.tolist() == [[1, 0], [0, 1], [1, 1], [0, 1]]
    unpool.weight.data[0, 1] = -5.0
    x = torch.randn(2, 3, 2, 5)
    assert unpool(x).shape == (2, 6, 4, 5)
    torch.testing.assert_close(unpool(x)[:, :, 0], double_steps(x)[:, :, 0])


def test_doubling_is_linear_between_centers_and_held_steps_end_a_clip() -> None:
    ramp = torch.arange(4.0).view(1, 4, 1, 1)
    assert double_steps(ramp).flatten().tolist() == [0.0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.0]
    assert hold_steps(ramp, torch.tensor([2])).flatten().tolist() == [0.0, 1.0, 1.0, 1.0]


def test_a_masked_stack_does_not_see_what_follows() -> None:
    block = GraphResidual(5, adjacency(4, EDGES), 0.0)
    x = torch.randn(1, 8, 4, 5)
    short = block(x, valid_steps(torch.tensor([8]), 8))
    long = block(functional.pad(x, (0, 0, 0, 0, 0, 6)), valid_steps(torch.tensor([8]), 14))
    torch.testing.assert_close(long[:, :8], short)
    assert not long[:, 8:].any()
