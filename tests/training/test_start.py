"""Runs that begin from a bundle: weights, statistics and tokenizer taken over, on other data; misfits refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kinescale import recipes
from kinescale.bundle import Bundle
from kinescale.core.errors import ConfigError
from kinescale.training.config import STAGES, RunConfig
from kinescale.training.export import build_bundle
from kinescale.training.overrides import override
from kinescale.training.run import train
from toy_training import toy_prepared


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return recipes.get("grouped.debug")


@pytest.fixture(scope="module")
def first(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle of both stages, trained on one made folder."""
    base = tmp_path_factory.mktemp("first")
    train(config, toy_prepared(base / "data", 24), base / "run", STAGES)
    return build_bundle(base / "run")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_prepared(tmp_path_factory.mktemp("other"), 24, seed=5)


def test_a_generator_stage_takes_the_bundle_as_it_is(
    first: Bundle, other: Path, config: RunConfig, tmp_path: Path
) -> None:
    still = override(config, {"generator_training.steps": 1, "generator_training.optimizer.lr": 1e-12})
    train(still, other, tmp_path / "run", ["generator"], start=first)
    made = build_bundle(tmp_path / "run")
    for name, part in (("tokenizer", made.tokenizer), ("generator", made.generator)):
        old = getattr(first, name).state_dict()
        for key, value in part.state_dict().items():
            torch.testing.assert_close(value, old[key], atol=1e-6, rtol=1e-6)
    assert torch.equal(made.normalizer.mean, first.normalizer.mean)


def test_a_tokenizer_stage_goes_on_from_the_bundle(
    first: Bundle, other: Path, config: RunConfig, tmp_path: Path
) -> None:
    train(config, other, tmp_path / "run", ["tokenizer"], start=first)
    made = build_bundle(tmp_path / "run")
    assert int(made.tokenizer.steps_seen) == int(first.tokenizer.steps_seen) + config.tokenizer_training.steps
    assert torch.equal(made.normalizer.std, first.normalizer.std)
    assert not torch.equal(made.tokenizer.encoder.enter.weight, first.tokenizer.encoder.enter.weight)


def test_another_start_or_another_network_is_refused(
    first: Bundle, other: Path, config: RunConfig, tmp_path: Path
) -> None:
    wider = override(config, {"tokenizer.config.width": 24})
    with pytest.raises(ConfigError, match="another one than the recipe's"):
        train(wider, other, tmp_path / "wider", ["tokenizer"], start=first)
    train(config, other, tmp_path / "run", ["tokenizer"], start=first)
    with pytest.raises(ConfigError, match="start"):
        train(config, other, tmp_path / "run", ["tokenizer"])
