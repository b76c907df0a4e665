"""MoSa's recipes: published sizes and rates, and every debug part steps twice through the training's own builder."""

from __future__ import annotations

import pytest
import torch

from kinescale import recipes
from kinescale.core.errors import ConfigError
from kinescale.training.parts import build_feature, build_generator, build_tokenizer
from moscale_parts import clips, rng, small_text

PUBLISHED = ("mosa.humanml3d", "mosa.motionx", "mosa.kit")


def test_all_recipes_are_listed() -> None:
    assert {"mosa.debug", "mosa.small", "mosa.cpu", *PUBLISHED} <= set(recipes.names())


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_runs_have_the_published_rates(name: str) -> None:
    config = recipes.get(name)
    assert config.tokenizer.config["faithful"] and config.text is not None and config.text.name == "clip"
    first, second = config.tokenizer_training, config.generator_training
    assert first.optimizer.lr == second.optimizer.lr == 2e-4 and first.optimizer.betas == (0.9, 0.99)
    assert second.optimizer.weight_decay == 1e-5 and first.optimizer.weight_decay == 0
    assert first.schedule.milestones == (first.steps * 300 // 500,)
    assert second.schedule.milestones == (second.steps // 5, second.steps * 2 // 5)


@pytest.mark.parametrize("name", ["mosa.debug", *PUBLISHED])
def test_it_is_built_as_a_run_builds_it_and_steps_twice(name: str) -> None:
    config = recipes.get(name)
    feature = build_feature(config.feature)
    shrunk = {} if name == "mosa.debug" else {"width": 8, "blocks": 1, "code_dim": 8, "codes": [8] * 10}
    part = config.tokenizer.model_copy(update={"config": {**config.tokenizer.config, **shrunk}})
    tokenizer = build_tokenizer(part, feature, 0)
    assert config.generator is not None
    shrunk = {} if name == "mosa.debug" else {"width": 16, "heads": 2, "layers": 1, "hidden": 16}
    part = config.generator.model_copy(update={"config": {**config.generator.config, **shrunk}})
    generator = build_generator(part, tokenizer, 7, 9, 0)
    lengths = torch.tensor([64, 40])
    features = clips(tokenizer, [64, 40], 64)
    for step in range(2):
        made = tokenizer.training_loss(features, lengths, rng(step))
        made.loss.backward()
        with torch.no_grad():
            latent = tokenizer.eval().encode(features, lengths).latent
        tokenizer.train()
        told = generator.training_loss(tokenizer.codec, latent, lengths, small_text(2), rng(step))
        told.loss.backward()
        assert made.loss.isfinite() and told.loss.isfinite()


def test_what_another_part_decides_cannot_be_given_otherwise() -> None:
    config = recipes.get("mosa.debug")
    tokenizer = build_tokenizer(config.tokenizer, build_feature(config.feature), 0)
    assert config.generator is not None
    wrong = config.generator.model_copy(update={"config": {"bins": [3, 6, 49]}})
    with pytest.raises(ConfigError, match="bins is"):
        build_generator(wrong, tokenizer, 7, 9, 0)
