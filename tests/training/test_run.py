"""Whole runs of the debug recipe, from a prepared folder to a bundle, and through the command."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kinescale import recipes
from kinescale.bundle import Bundle
from kinescale.cli import train as command
from kinescale.core.errors import ConfigError, DataError, InputError, KinescaleError
from kinescale.core.records import read_json
from kinescale.training import checkpoint as files
from kinescale.training.config import STAGES, RunConfig
from kinescale.training.export import build_bundle
from kinescale.training.overrides import override
from kinescale.training.run import train
from toy_training import toy_prepared


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_prepared(tmp_path_factory.mktemp("data"), 30)


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return recipes.get("moscale.debug")


@pytest.fixture(scope="module")
def done(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run made by the command, with all stages and its bundle."""
    folder = tmp_path_factory.mktemp("run") / "run"
    code = command.run(["moscale.debug", "--data", str(data), "--run", str(folder)])
    assert code == 0
    return folder


def test_a_run_becomes_a_bundle(done: Path) -> None:
    bundle = Bundle.from_pretrained(done / "bundle")
    made = build_bundle(done)
    assert bundle.content_hash == made.content_hash
    trained = files.load(done / "generator" / files.CURRENT).part("ema")
    assert all(torch.equal(value, trained[key]) for key, value in bundle.generator.state_dict().items())  # type: ignore[union-attr]
    assert bundle.provenance.steps == dict.fromkeys(STAGES, 4)
    assert bundle.provenance.recipe == "moscale.debug" and "toy" in bundle.provenance.data
    assert [(item.source, item.name) for item in bundle.licenses] == [("toy", "CC0")]
    assert sorted(bundle.provenance.actions) == ["run", "walk", "wave"] and "walk" in bundle.provenance.words
    curves = read_json(done / "bundle" / "curves.json")
    assert set(curves) == set(STAGES) and [step for step, _ in curves["generator"]["loss"]] == [1, 2, 3, 4]


def test_the_generator_keeps_its_tokenizer(done: Path) -> None:
    trained = files.load(done / "tokenizer" / files.CURRENT).part("ema")
    frozen = files.load(done / "generator" / "tokenizer.safetensors").part("model")
    bundle = build_bundle(done)
    for key, value in bundle.tokenizer.state_dict().items():
        assert torch.equal(value, frozen[key]) and torch.equal(value, trained[key])


def test_a_finished_run_started_again_changes_nothing(done: Path, data: Path, config: RunConfig) -> None:
    before = (done / "generator" / files.CURRENT).read_bytes()
    outcomes = train(config, data, done, STAGES)
    assert [outcome.finished for outcome in outcomes.values()] == [True] * len(STAGES)
    assert (done / "generator" / files.CURRENT).read_bytes() == before


def test_the_best_weights_can_be_exported(done: Path) -> None:
    best = files.load(done / "generator" / "best.safetensors").part("model")
    generator = build_bundle(done, which="best").generator
    assert generator is not None
    assert all(torch.equal(value, best[key]) for key, value in generator.state_dict().items())


@pytest.mark.parametrize(
    ("field", "stages"),
    [
        ("tokenizer_training.batch_size", ("tokenizer",)),
        ("generator_training.batch_size", ("generator",)),
        ("tokenizer.config.codes", ("generator",)),
        ("seed", ("generator",)),
    ],
)
def test_another_configuration_is_named(
    done: Path, data: Path, config: RunConfig, field: str, stages: tuple[str, ...]
) -> None:
    before = {p: p.read_bytes() for p in done.rglob("*") if p.is_file()}
    with pytest.raises(ConfigError, match=field.replace(".", r"\.")):
        train(override(config, {field: 8}), data, done, stages)  # type: ignore[arg-type]
    assert before == {p: p.read_bytes() for p in done.rglob("*") if p.is_file()}


def test_other_data_is_refused(done: Path, config: RunConfig, tmp_path: Path) -> None:
    other = toy_prepared(tmp_path, 12, seed=1)
    with pytest.raises(ConfigError, match="data_hash"):
        train(config, other, done, ("tokenizer",))


def test_bf16_trains_both_stages(data: Path, config: RunConfig, tmp_path: Path) -> None:
    half = {
        f"{stage}_training.{key}": value for stage in STAGES for key, value in (("precision", "bf16"), ("steps", 2))
    }
    outcomes = train(override(config, half), data, tmp_path, STAGES)
    assert all(outcome.finished and outcome.last["loss"] > 0 for outcome in outcomes.values())


def test_a_tokenizer_alone_makes_a_bundle_that_reconstructs(data: Path, tmp_path: Path) -> None:
    arguments = ["--data", str(data), "--run", str(tmp_path / "run"), "--stage", "tokenizer", "--seed", "3"]
    code = command.run(["moscale.debug", *arguments, "--tokenizer-training.steps=1", "--tokenizer.config.codes", "8"])
    bundle = Bundle.from_pretrained(tmp_path / "run" / "bundle")
    assert code == 0 and bundle.generator is None and bundle.tokenizer.codec.vocabulary == 8


def test_parts_that_do_not_fit_are_named(data: Path, config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="feature_width is 263, but the other parts of the run make it 272"):
        train(override(config, {"tokenizer.config.feature_width": 263}), data, tmp_path, ("tokenizer",))


def test_a_generator_needs_a_tokenizer(data: Path, config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no trained tokenizer"):
        train(config, data, tmp_path, ("generator",))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["moscale.smal"], KinescaleError, "Did you mean 'moscale.small'"),
        (["moscale.debug", "--data", "nowhere"], DataError, "no such folder"),
        (["moscale.debug", "--data", "."], DataError, "no prepared corpus"),
        (["moscale.debug", "--stage", "evaluator"], InputError, "stage"),
        (["moscale.debug", "--tokenizer_training.stepz", "3"], ConfigError, "Did you mean 'steps'"),
        (["moscale.debug", "--tokenizer_training.steps"], InputError, "no value"),
        (["moscale.debug", "--device", "abacus"], InputError, "unknown"),
        (["moscale.debug", "--minutes", "-1"], ConfigError, "minutes"),
    ],
)
def test_bad_input_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["--run", "run", *([] if "--data" in arguments else ["--data", "."]), *arguments]
    with pytest.raises(error, match=message) as caught:
        command.run(given)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()
