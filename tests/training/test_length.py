"""The length estimator: learned with the generator, kept in the bundle, used where no length is given."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from kinescale import TextToMotion, recipes
from kinescale.bundle import Bundle
from kinescale.core.errors import BundleError, InputError
from kinescale.generators.base.length import LengthPredictor, median_steps
from kinescale.tokens import TextFeatures
from kinescale.training.export import build_bundle
from kinescale.training.run import train
from tiny_bundle import MAX_FRAMES, STRIDE, tiny_bundle
from toy_training import toy_prepared

STEPS = MAX_FRAMES // STRIDE


def one_word(width: int = 16) -> TextFeatures:
    return TextFeatures(torch.eye(width)[:2, None], torch.ones(2, 1, dtype=torch.bool))


def taught(bundle: Bundle, lengths: dict[str, int]) -> Bundle:
    """The bundle with an estimator that has learned the lengths of some sentences by heart."""
    torch.manual_seed(0)
    network = LengthPredictor(16, STEPS)
    text = bundle.text_encoder.encode(list(lengths))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for _ in range(60):
        loss, _ = network.training_loss(text, torch.tensor(list(lengths.values())))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return dataclasses.replace(bundle, length=network.eval().requires_grad_(False))


def test_the_median_is_where_half_of_the_probability_is_reached() -> None:
    chances = torch.tensor([[0.4, 0.05, 0.15, 0.4], [0.0, 0.0, 0.2, 0.8], [1.0, 0.0, 0.0, 0.0]])
    # a length of no step is none: the shortest clip is one
    assert median_steps((chances + 1e-9).log()).tolist() == [2, 3, 1]


def test_lengths_are_learned_from_sentences_and_kept_in_the_bundle(tmp_path: Path) -> None:
    short, long = "a person jumps", "someone walks slowly around the whole room"
    bundle = taught(tiny_bundle(), {short: 3, long: 14})
    again = Bundle.from_pretrained(bundle.save_pretrained(tmp_path / "bundle"))
    assert again.content_hash == bundle.content_hash != tiny_bundle().content_hash
    pipe = TextToMotion(again)
    fps = again.feature.fps
    assert pipe.estimated_seconds(short) == 3 * STRIDE / fps
    made = pipe([short, long, long], samples=2)
    assert [len(motion) for motion in made.motions] == [12, 12, 56, 56, 56, 56]
    alone = pipe(long, samples=[1]).motions[0]
    assert torch.equal(alone.rotations, made.motions[3].rotations)
    assert len(pipe(long, 1.0).motions[0]) == round(fps)


def test_without_an_estimator_the_default_stays() -> None:
    bundle = tiny_bundle()
    pipe = TextToMotion(bundle)
    assert bundle.length_estimator() is None and pipe.estimated_seconds("a person walks") is None
    assert pipe.default_seconds("a person walks") == MAX_FRAMES / bundle.feature.fps


@pytest.mark.parametrize(("width", "capacity"), [(17, STEPS), (16, STEPS + 1)])
def test_an_estimator_of_other_sizes_is_refused(width: int, capacity: int) -> None:
    with pytest.raises(BundleError, match="do not fit"):
        dataclasses.replace(tiny_bundle(), length=LengthPredictor(width, capacity))


def test_text_of_another_width_is_refused() -> None:
    with pytest.raises(InputError):
        LengthPredictor(8, 4).length_logits(one_word(16))


@pytest.mark.slow
def test_a_run_trains_the_estimator_after_the_generator(tmp_path: Path) -> None:
    data = toy_prepared(tmp_path / "data")
    config = recipes.get("moscale.debug")
    stages = ("tokenizer", "generator", "length")
    outcomes = train(config, data, tmp_path / "run", stages)
    assert [outcome.step for outcome in outcomes.values()] == [4, 4, 4]
    bundle = build_bundle(tmp_path / "run")
    assert bundle.length is not None and bundle.provenance.steps["length"] == 4
    assert bundle.length.capacity == bundle.tokenizer.layout().capacity
    without = config.but(estimates_length=False)
    assert "length" not in train(without, data, tmp_path / "run", stages)
    # MoMask's generator has learned lengths itself
    assert "length" not in train(recipes.get("momask.debug"), data, tmp_path / "momask", stages)
    assert build_bundle(tmp_path / "momask").length_estimator() is not None
