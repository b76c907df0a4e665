"""Every recipe builds, fits itself, and is found by its name."""

from __future__ import annotations

import pytest
import torch

from kinescale import generators, recipes, samplers, text, tokenizers
from kinescale.bundle.manifest import Part
from kinescale.core.errors import ConfigError, UnknownNameError
from kinescale.training.config import RunConfig
from kinescale.training.parts import build_feature, build_generator, build_tokenizer

NAMES = [name for name in recipes.names() if isinstance(recipes.get(name), RunConfig)]
"""Those of systems; an evaluator's run has a record of its own."""


def test_all_recipes_are_listed() -> None:
    assert {"moscale.debug", "moscale.small", "moscale.humanml3d"} <= set(NAMES) < set(recipes.names())


TEXT_WIDTHS = {"minilm": 384, "clip": 512, "t5": 768, "google/flan-t5-xl": 2048}
"""Features a token of the encoders whose width is only known with their weights."""


def text_sizes(part: Part) -> tuple[int, int]:
    """Width and longest sentence of a text encoder."""
    config = text.FAMILY.get(part.name, "Config").parse(part.config).to_json()
    width = config.get("width") or TEXT_WIDTHS.get(config.get("model", ""), TEXT_WIDTHS.get(part.name, 0))
    return width, 1 if config.get("pooled") else config["max_tokens"]


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_whole_and_its_networks_fit_each_other(name: str) -> None:
    """By the path that training takes: the generator is built for the recipe's own tokenizer and text encoder."""
    config = recipes.get(name)
    assert config.name == name
    assert RunConfig.parse(config.to_json()) == config
    feature = build_feature(config.feature)
    assert config.generator is not None and config.text is not None
    with torch.device("meta"):
        tokenizer = build_tokenizer(config.tokenizer, feature, config.seed)
        generator = build_generator(config.generator, tokenizer, *text_sizes(config.text), config.seed)
    assert tokenizer.layout().max_frames >= config.tokenizer_training.draw.min_frames
    sampler = config.sampling or Part(name=generators.FAMILY.get(config.generator.name, "SAMPLER"))
    assert sampler.name == generators.FAMILY.get(config.generator.name, "SAMPLER")
    assert samplers.FAMILY.get(sampler.name, "Config").parse(sampler.config) is not None
    kind = tokenizer.codec.view(generator.token_kind).token_kind
    assert kind == generator.token_kind


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


MOSCALE_SIZES = {"tiny": 46_113_664, "small": 88_639_360, "medium": 131_165_056, "large": 173_690_752}
SCALEMOGEN_SIZES = {"layer16": 361_606_128, "layer24": 940_907_952, "layer40": 4_716_357_360}
"""By the counts of the method notes, section 3 (that of ScaleMoGen holds where four times the width is a multiple of
256, as it is for these)."""


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *((f"moscale.humanml3d_{size}", count) for size, count in MOSCALE_SIZES.items()),
        *((f"scalemogen.humanml3d_{size}", count) for size, count in SCALEMOGEN_SIZES.items()),
    ],
)
def test_the_named_sizes_have_the_published_parameters(name: str, count: int) -> None:
    config = recipes.get(name)
    assert config.generator is not None and config.text is not None
    feature = build_feature(config.feature)
    with torch.device("meta"):
        tokenizer = build_tokenizer(config.tokenizer, feature, 0)
        generator = build_generator(config.generator, tokenizer, *text_sizes(config.text), 0)
    assert sum(p.numel() for p in generator.parameters()) == count


def test_published_settings_that_are_not_ours() -> None:
    """Method notes: MoScale 4 and 5.3, MoSa 1 and 3, ScaleMoGen 1.2 and 3.7, MoMask in the baselines."""
    release, kit = recipes.get("moscale.humanml3d"), recipes.get("moscale.kit")
    assert release.sampling.config == {"faithful": True, "guidance_scale": 6.0}
    assert kit.sampling.config == {"faithful": True, "guidance_scale": 4.0}
    epoch = 9_652 // 64
    assert kit.generator_training.steps == 60 * epoch
    assert build_tokenizer(kit.tokenizer, build_feature(kit.feature), 0).explicit == slice(4, 64)
    for name in ("mosa.humanml3d", "mosa.motionx", "mosa.kit"):
        assert recipes.get(name).text.config == {"max_tokens": 77, "masked": False}
        assert recipes.get(name).data.feature_bias == 5.0
    assert recipes.get("momask.humanml3d").data.feature_bias == recipes.get("momask.kit").data.feature_bias == 5.0
    snap = recipes.get("scalemogen.snapmogen")
    assert snap.tokenizer_training.draw.unit == snap.generator_training.draw.unit == 8
    optimizer = snap.generator_training.optimizer
    assert (optimizer.clip, optimizer.clip_extra) == (1.0, 5.0)


def test_a_recipe_names_blocks_of_features_and_no_columns() -> None:
    """The same blocks are other columns of another feature."""
    config = recipes.get("moscale.debug")
    assert config.tokenizer.config["explicit_blocks"] == ["rotations", "positions"]
    for feature, columns in ((Part(name="rotations"), slice(4, 202)), (Part(name="humanml3d"), slice(4, 193))):
        assert build_tokenizer(config.tokenizer, build_feature(feature), 0).explicit == columns
    wrong = config.tokenizer.but(config={**config.tokenizer.config, "explicit_blocks": ["rotation"]})
    with pytest.raises(ConfigError, match="'rotation', which the feature lacks; known: root_yaw_velocity"):
        build_tokenizer(wrong, build_feature(config.feature), 0)


def test_a_part_is_made_from_a_config_record_with_the_fields_that_were_given() -> None:
    config = text.FAMILY.get("hashed", "Config")
    assert Part.of(config(width=16)) == Part(name="hashed", config={"width": 16})
    assert Part.of(Part(name="hashed")) == Part(name="hashed")
