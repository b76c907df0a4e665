"""Overrides by dotted names, and what makes two runs the same."""

from __future__ import annotations

import pytest

from kinescale import recipes
from kinescale.core.errors import ConfigError
from kinescale.core.renamed import RenamedWarning
from kinescale.training.config import RunConfig
from kinescale.training.identity import difference, first_difference
from kinescale.training.overrides import current_path, override


@pytest.fixture()
def config() -> RunConfig:
    return recipes.get("moscale.debug")


def test_an_override_changes_its_field_alone(config: RunConfig) -> None:
    before = config.to_json()
    changed = override(config, {"generator_training.optimizer.lr": "0.01"})
    assert changed.generator_training.optimizer.lr == 0.01
    assert first_difference(config.to_json(), changed.to_json()) == (
        "'generator_training.optimizer.lr' was 0.0003 and is now 0.01"
    )
    assert config.to_json() == before


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("tokenizer_training.steps", "7", 7),
        ("tokenizer_training.draw.mirror", "False", False),
        ("tokenizer_training.optimizer.betas", "[0.8, 0.9]", [0.8, 0.9]),
        ("tokenizer_training.precision", "bf16", "bf16"),
        ("tokenizer_training.minutes", "none", None),
        ("tokenizer_training.draw.corpora.cmu", "0.5", 0.5),
        ("tokenizer.config.new_field", "[4, 2]", [4, 2]),
        ("device", "cpu", "cpu"),
    ],
)
def test_text_is_read_as_what_it_means(config: RunConfig, path: str, text: str, value: object) -> None:
    node: object = override(config, {path: text}).to_json()
    for part in path.split("."):
        node = node[part]  # type: ignore[index]
    assert node == value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("tokenizer_training.stepz", "7", "Did you mean 'steps'"),
        ("tokenizer_trainin.steps", "7", "Did you mean 'tokenizer_training'"),
        ("tokenizer_training.steps.more", "7", "holds 4 and no fields"),
        ("tokenizer_training.steps", "0", "tokenizer_training.steps"),
        ("tokenizer_training.precision", "fp8", "tokenizer_training.precision"),
        ("seed", "minus", "seed"),
    ],
)
def test_a_bad_override_is_one_sentence(config: RunConfig, path: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        override(config, {path: value})


def test_watching_does_not_change_what_a_run_is(config: RunConfig) -> None:
    watched = override(config, {"tokenizer_training.minutes": "3", "tokenizer_training.log_every": "9", "workers": "5"})
    other = override(config, {"tokenizer_training.batch_size": "5"})
    assert watched.identity("tokenizer") == config.identity("tokenizer")
    assert other.identity("tokenizer") != config.identity("tokenizer")
    assert other.identity("generator") == config.identity("generator")


def test_earlier_spellings_of_an_override_change_the_field_of_now() -> None:
    config = recipes.get("mosa.debug")
    changes = {"generator_training.optimiser.lr": "0.01", "tokenizer.config.quantisation_weight": "0.5"}
    with pytest.warns(RenamedWarning) as noted:
        changed = override(config, changes)
    assert [str(note.message).split(";")[0] for note in noted] == [
        "generator_training.optimiser.lr is now generator_training.optimizer.lr",
        "tokenizer.config.quantisation_weight is now tokenizer.config.quantization_weight",
    ]
    assert changed.generator_training.optimizer.lr == 0.01
    assert changed.tokenizer.config["quantization_weight"] == 0.5 and "quantisation_weight" not in str(
        changed.to_json()
    )
    assert current_path(config, "generator_training.optimiser.lr") == "generator_training.optimizer.lr"


def test_the_config_of_an_earlier_run_is_read_and_is_the_same_run(config: RunConfig) -> None:
    """Earlier names, columns as numbers, and settings that did not exist yet, in run.json and checkpoints."""
    old = config.to_json()
    for stage in ("tokenizer_training", "generator_training"):
        old[stage]["optimiser"] = old[stage].pop("optimizer")
        del old[stage]["kinematics"], old[stage]["draw"]["shares"]
    old["tokenizer"]["config"]["explicit_slice"] = [4, 202]
    old["tokenizer"]["config"].pop("explicit_blocks", None)
    read = RunConfig.parse(old)
    assert read.generator_training == config.generator_training
    earlier = {key: old[key] for key in ("seed", "feature", "tokenizer", "data", "tokenizer_training")}
    assert difference(earlier, config.identity("tokenizer")) is None
    other = override(config, {"tokenizer.config.explicit_blocks": ["rotations"]})
    assert "explicit_blocks" in str(difference(earlier, other.identity("tokenizer")))
