"""An evaluator's run: trained by the command, taken up again bit for bit, exported to a folder that embeds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

pytest.importorskip("pyarrow", reason="training needs the extra 'train'")

from kinescale import recipes
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.cli import train as command
from kinescale.core.errors import ConfigError, DataError, InputError
from kinescale.data.prepared import GIVEN_STATISTICS
from kinescale.evaluators.base import trained
from kinescale.training import checkpoint as files
from kinescale.training.evaluator_config import EvaluatorRunConfig
from kinescale.training.evaluator_run import build_evaluator, export_evaluator, train_evaluator
from kinescale.training.overrides import override
from kinescale.training.parts import build_feature
from motion_strategies import random_motion
from toy_training import toy_prepared

NAMES = [name for name in recipes.names() if isinstance(recipes.get(name), EvaluatorRunConfig)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_prepared(tmp_path_factory.mktemp("data"), 24)


@pytest.fixture(scope="module")
def done(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    assert command.run(["evaluator.debug", "--data", str(data), "--run", str(folder)]) == 0
    return folder


def test_the_command_makes_an_evaluator_that_embeds(done: Path) -> None:
    bundle = EvaluatorBundle.from_pretrained(done)
    weights = files.load(done / "evaluator" / files.CURRENT).part("ema")
    assert all(torch.equal(value, weights[key]) for key, value in bundle.evaluator.state_dict().items())
    assert bundle.provenance.steps == {"evaluator": 4} and bundle.provenance.recipe == "evaluator.debug"
    assert bundle.provenance.chosen_on == "none: the last step" and bundle.provenance.held_out_pairs == 0
    assert "val_loss" in bundle.provenance.results and [item.source for item in bundle.licenses] == ["toy"]
    motions = [random_motion(frames=frames, seed=frames).to(torch.float32) for frames in (64, 30, 90)]
    match, for_fid = bundle.embed_motions(motions)
    text = bundle.embed_text(["a person does walk", "someone is at run number 3"])
    assert match.shape == for_fid.shape == (3, 16) and text.shape == (2, 16)
    assert torch.allclose(bundle.embed_motions(motions[1:2])[0], match[1:2], atol=1e-5)


def test_a_run_taken_up_again_is_one_that_was_not_stopped(done: Path, data: Path, tmp_path: Path) -> None:
    config = recipes.get("evaluator.debug")
    assert isinstance(config, EvaluatorRunConfig)
    short = override(config, {"evaluator_training.minutes": 1e-9})
    assert train_evaluator(short, data, tmp_path / "run").reason == "time"
    outcome = train_evaluator(config, data, tmp_path / "run")
    assert outcome.finished and outcome.step == 4
    one, two = (files.load(folder / "evaluator" / files.CURRENT).tensors for folder in (done, tmp_path / "run"))
    assert all(torch.equal(value, two[key]) for key, value in one.items())


def test_statistics_published_with_the_data_are_taken_or_missed(data: Path, tmp_path: Path) -> None:
    config = override(recipes.get("evaluator.debug"), {"data.statistics": "given", "evaluator_training.steps": 1})
    assert isinstance(config, EvaluatorRunConfig)
    with pytest.raises(DataError, match="published mean") as caught:
        train_evaluator(config, data, tmp_path / "refused")
    assert "\n" not in str(caught.value)
    shutil.copytree(data, tmp_path / "data")
    width = build_feature(config.feature).width
    published = {"mean": torch.linspace(-1, 1, width), "std": torch.linspace(0, 2, width)}
    save_file(published, tmp_path / "data" / "toy" / GIVEN_STATISTICS)
    train_evaluator(config, tmp_path / "data", tmp_path / "run")
    bundle = EvaluatorBundle.from_pretrained(export_evaluator(tmp_path / "run"))
    assert torch.equal(bundle.normalizer.mean, published["mean"])
    assert torch.equal(bundle.normalizer.std, published["std"].clamp(min=config.data.std_floor))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--stage", "tokenizer"], InputError, "one stage"),
        (["--seed", "8"], ConfigError, "seed"),
        (["--evaluator.config.width", "32"], ConfigError, r"evaluator\.config\.width"),
        (["--evaluator_training.stepz", "3"], ConfigError, "Did you mean 'steps'"),
        (["--evaluator.config.text_width", "9", "--run", "other"], ConfigError, "text_width is 9"),
        (["--evaluator.name", "guo2022", "--run", "other"], ConfigError, "guo2022"),
    ],
)
def test_bad_input_is_one_sentence(
    done: Path,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    where = [] if "--run" in arguments else ["--run", str(done)]
    with pytest.raises(error, match=message) as caught:
        command.run(["evaluator.debug", "--data", str(data), *where, *arguments])
    assert "\n" not in str(caught.value)


def test_every_recipe_fits_itself_and_the_small_one_its_size() -> None:
    assert NAMES == ["evaluator.debug", "evaluator.small", "evaluator.cpu"]
    widths = {"minilm": 384}
    for name in NAMES:
        config = recipes.get(name)
        assert isinstance(config, EvaluatorRunConfig) and EvaluatorRunConfig.parse(config.to_json()) == config
        width = config.text.config.get("width") or widths[config.text.name]
        feature = build_feature(config.feature)
        with torch.device("meta"):
            built = build_evaluator(config, feature, width)
        assert trained(built) and built.reads == config.feature.name
        half = 2 * sum(p.numel() for p in built.parameters())
        assert half < 15e6, f"{name}: {half / 1e6:.1f} MB in half precision"
