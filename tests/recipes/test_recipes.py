"""Every recipe builds, fits itself, and is found by its name."""

from __future__ import annotations

import pytest
import torch

from kinescale import generators, recipes, tokenizers
from kinescale.core.errors import UnknownNameError
from kinescale.training.config import RunConfig
from kinescale.training.store import build_feature

NAMES = recipes.names()


def test_all_recipes_are_listed() -> None:
    assert {"moscale.debug", "moscale.small", "moscale.humanml3d"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_whole_and_its_networks_can_be_built(name: str) -> None:
    config = recipes.get(name)
    assert config.name == name
    assert RunConfig.parse(config.to_json()) == config
    feature = build_feature(config.feature)
    tokenizer = tokenizers.FAMILY.get(config.tokenizer.name, "Config").parse(
        {"feature_width": feature.width, **config.tokenizer.config}
    )
    with torch.device("meta"):
        built = tokenizers.FAMILY.get(config.tokenizer.name, "Tokenizer")(tokenizer)
        assert config.generator is not None and config.text is not None
        generator = generators.FAMILY.get(config.generator.name, "Config").parse(config.generator.config)
        generators.FAMILY.get(config.generator.name, "Generator")(generator)
    assert built.layout().max_frames >= config.tokenizer_training.draw.min_frames


def test_the_published_sizes() -> None:
    """MoScale notes, sections 2 and 3: parameters of the release."""
    config = recipes.get("moscale.humanml3d")
    assert config.generator is not None
    with torch.device("meta"):
        tokenizer = tokenizers.FAMILY.get("moscale", "Tokenizer")(
            tokenizers.FAMILY.get("moscale", "Config").parse(config.tokenizer.config)
        )
        generator = generators.FAMILY.get("moscale", "Generator")(
            generators.FAMILY.get("moscale", "Config").parse(config.generator.config)
        )
    assert sum(p.numel() for p in tokenizer.parameters()) == 32_062_759
    assert sum(p.numel() for p in generator.parameters()) == 173_690_752


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("moscale.smal", "Did you mean 'moscale.small'"),
        ("nothing", r"Known: .*moscale\."),
        ("moscale", r"Known: .*moscale\."),
    ],
)
def test_an_unknown_recipe_lists_those_there_are(name: str, hint: str) -> None:
    with pytest.raises(UnknownNameError, match=hint):
        recipes.get(name)


def test_a_hyphen_is_an_underscore() -> None:
    assert recipes.get("moscale.humanml3d") == recipes.get("moscale.humanml3d".replace("_", "-"))
