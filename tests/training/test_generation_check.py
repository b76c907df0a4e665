"""Validation by generation: the same numbers again, the weights of the lowest FID kept, nothing else changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("pyarrow", reason="prepared data needs the extra 'train'")

from kinescale import evaluators, features, recipes
from kinescale.bundle import Part
from kinescale.bundle.evaluator import EvaluatorBundle
from kinescale.cli.main import main
from kinescale.core.errors import DataError
from kinescale.data.prepared import open_prepared
from kinescale.features import Normalizer
from kinescale.training import checkpoint as files
from kinescale.training.export import build_bundle
from kinescale.training.log import FILE, read_log
from kinescale.training.overrides import override
from kinescale.training.run import train
from toy_training import toy_prepared


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_prepared(tmp_path_factory.mktemp("data"), 40, corpus="two")


@pytest.fixture(scope="module")
def evaluator() -> EvaluatorBundle:
    feature = features.FAMILY.get("rotations", "build")(features.FAMILY.get("rotations", "Config")())
    module = evaluators.FAMILY.load("tmr")
    sizes = {"width": 16, "heads": 2, "motion_layers": 1, "text_layers": 1, "embedding": 4, "max_frames": 64}
    torch.manual_seed(0)
    network = module.Evaluator(module.Config(feature_width=feature.width, text_width=16, **sizes))
    return EvaluatorBundle(
        feature, Normalizer(torch.zeros(feature.width), torch.ones(feature.width)), network,
        Part(name="hashed", config={"width": 16, "max_tokens": 16}),
    )  # fmt: skip


def test_the_weights_of_the_lowest_fid_are_kept_and_training_is_what_it_was(
    data: Path, evaluator: EvaluatorBundle, tmp_path: Path
) -> None:
    config = override(recipes.get("moscale.debug"), {"generator_training.validate_every": 2})
    stages = ("tokenizer", "generator")
    train(config, data, tmp_path / "plain", stages)
    train(config, data, tmp_path / "checked", stages, evaluator=evaluator, validate_clips=2)
    plain, checked = (files.load(tmp_path / name / "generator" / files.CURRENT) for name in ("plain", "checked"))
    assert all(torch.equal(value, checked.tensors[name]) for name, value in plain.tensors.items())
    log = [row for row in read_log(tmp_path / "checked" / "generator" / FILE) if "val_fid" in row]
    assert [row["step"] for row in log] == [2, 4] and "val_fid" not in str(
        read_log(tmp_path / "plain" / "generator" / FILE)
    )
    best = min(log, key=lambda row: row["val_fid"])
    kept = files.load(tmp_path / "checked" / "generator" / "best_fid.safetensors")
    assert (kept.state["step"], kept.state["fid"]) == (best["step"], pytest.approx(best["val_fid"], rel=1e-6))
    bundle = build_bundle(tmp_path / "checked", which="best_fid")
    assert bundle.provenance.chosen_on == "val: the lowest FID of generated motions"
    assert bundle.generator is not None
    state = bundle.generator.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in kept.part("model").items())
    with pytest.raises(DataError, match="--validate generation"):
        build_bundle(tmp_path / "plain", which="best_fid")
    assert any(clip.split == "val" for clip in open_prepared(data).clips)


def test_options_that_do_not_go_together_are_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = ["train", "moscale.debug", "--data", str(data), "--run", str(tmp_path / "run")]
    for more, said in (
        (["--validate", "generation"], "needs --evaluator"),
        (["--evaluator", "default"], "give that as well"),
        (["--weights", "best_fid"], "give that as well"),
        (["--validate", "generation", "--evaluator", "default", "--validate-clips", "1"], "--validate-clips is 1"),
    ):
        assert main([*start, *more]) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
