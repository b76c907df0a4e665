"""The pair that no paper has, skeletal-temporal codes under in-scale refinement, from clips to motions; bit views."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kinescale import recipes
from kinescale.bundle import Bundle
from kinescale.pipelines import TextToMotion
from kinescale.tokens import BitView
from kinescale.training.config import STAGES
from kinescale.training.export import build_bundle
from kinescale.training.overrides import override
from kinescale.training.parts import build_feature, build_generator, build_tokenizer
from kinescale.training.run import train
from toy_training import toy_prepared

TWO = {f"{stage}_training.steps": 2 for stage in STAGES}

TRIALS = {
    "vq": ("skeletal_moscale.debug", {}),
    "fsq": (
        "skeletal_moscale.debug",
        {"tokenizer.config.quantizer": "fsq", "tokenizer.config.levels": [5, 3], "sampling.config.steps": [2]},
    ),
    "codes as bits": (
        "scalemogen.debug",
        {"tokenizer.config.quantizer": "vq", "tokenizer.config.codes": 20, "tokenizer.config.code_dim": 6},
    ),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_prepared(tmp_path_factory.mktemp("data"), 12)


@pytest.mark.parametrize("trial", TRIALS)
def test_two_steps_of_each_stage_then_a_bundle_that_makes_the_same_motions(
    trial: str, data: Path, tmp_path: Path
) -> None:
    name, changes = TRIALS[trial]
    outcomes = train(override(recipes.get(name), {**changes, **TWO}), data, tmp_path / "run", STAGES)
    assert {outcome.step for outcome in outcomes.values()} == {2}
    bundle = build_bundle(tmp_path / "run")
    bundle.save_pretrained(tmp_path / "bundle")
    back = Bundle.from_pretrained(tmp_path / "bundle")
    assert isinstance(back.codec, BitView) == (trial == "codes as bits")
    seen: list[int] = []
    made = TextToMotion(back)("a person walks", seconds=1.5, samples=3, seed=4, on_scale=lambda k, _: seen.append(k))
    count = len(back.tokenizer.layout().scales)
    assert len(made.motions) == 3 and seen == list(range(count)) * 3
    assert all(len(motion) == 45 and bool(motion.root.isfinite().all()) for motion in made.motions)
    for row, size in zip(made.tokens[0].scales, back.tokenizer.codec.vocabularies, strict=True):
        assert row.ndim == 3 and int(row.min()) >= 0 and int(row.max()) < size
    again = TextToMotion(bundle)("a person walks", seconds=1.5, samples=[2], seed=4)
    assert torch.equal(again.motions[0].rotations, made.motions[2].rotations)


def test_the_scales_are_moscales_in_time_and_grow_in_the_body() -> None:
    for name in ("small", "cpu"):
        config = recipes.get(f"skeletal_moscale.{name}")
        assert config.generator is not None
        with torch.device("meta"):
            tokenizer = build_tokenizer(config.tokenizer, build_feature(config.feature), 0)
            generator = build_generator(config.generator, tokenizer, 384, 32, 0)
        layout = tokenizer.layout()
        assert [(scale.bins, scale.groups) for scale in layout.scales] == [(8, 1), (16, 2), (32, 3), (64, 7)]
        assert layout.positions == 584 and tokenizer.layout(60).positions < 150
        assert generator.group_table.num_embeddings == 13
