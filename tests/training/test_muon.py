"""MuonAdamW: orthogonal steps for matrices, AdamW's for the rest, one state that a checkpoint carries."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from kinescale.training.config import OptimizerConfig, StageConfig
from kinescale.training.muon import orthogonalized
from kinescale.training.state import TrainState, build_optimizer

CONFIG = OptimizerConfig(kind="muon", lr=0.01, weight_decay=0.1)


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 3))


def train(state: TrainState, steps: int) -> float:
    loss = torch.zeros(())
    for _ in range(steps):
        inputs = torch.randn(32, 6, generator=torch.Generator().manual_seed(state.step))
        loss = (state.module(inputs) - inputs[:, :3].sin()).square().mean()
        state.optimizer.zero_grad()
        loss.backward()
        state.optimizer.step()
        state.step += 1
    return float(loss.detach())


@pytest.mark.parametrize("shape", [(8, 8), (5, 12), (40, 7), (1, 9)])
def test_singular_values_come_near_to_one(shape: tuple[int, int]) -> None:
    rng = torch.Generator().manual_seed(sum(shape))
    values = torch.linalg.svdvals(orthogonalized(torch.randn(shape, generator=rng)))
    assert values.min() > 0.5 and values.max() < 1.3


def test_a_gradient_of_zeros_moves_nothing() -> None:
    assert not orthogonalized(torch.zeros(4, 6)).any()


def test_steps_of_matrices_have_the_size_of_adamws_and_vectors_are_adamws() -> None:
    muon, adamw = network(), network()
    for module, kind in ((muon, "muon"), (adamw, "adamw")):
        optimizer = build_optimizer(module, OptimizerConfig(kind=kind, lr=0.01))
        module(torch.randn(32, 6, generator=torch.Generator().manual_seed(0))).square().mean().backward()
        optimizer.step()
    start = network()
    for before, one, other in zip(start.parameters(), muon.parameters(), adamw.parameters(), strict=True):
        if before.ndim == 2:
            size = float((one - before).detach().square().mean().sqrt())
            assert 0.0014 < size < 0.0026  # 0.2 lr, as the singular values are near to one
        else:
            assert torch.equal(one, other)


def test_it_learns_and_a_checkpoint_goes_on_bit_for_bit() -> None:
    config = StageConfig(optimizer=CONFIG)
    whole, cut = (TrainState(network(), config, torch.device("cpu")) for _ in range(2))
    first = train(whole, 1)
    train(whole, 40)
    train(cut, 1)
    train(cut, 15)
    resumed = TrainState(nn.Sequential(*network()), config, torch.device("cpu"))
    resumed.restore(cut.to_checkpoint({}))
    train(resumed, 25)
    assert all(map(torch.equal, whole.module.parameters(), resumed.module.parameters()))
    assert train(whole, 100) < 0.2 * first
