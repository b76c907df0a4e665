"""Parts that do not fit are refused before anything is trained; the sampler follows the generator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kinescale import features, recipes
from kinescale.bundle import Bundle
from kinescale.bundle.manifest import Part
from kinescale.core.errors import BundleError, ConfigError, InputError
from kinescale.features import Normalizer
from kinescale.pipelines import RAW, TextToMotion
from kinescale.training.config import RunConfig
from kinescale.training.export import build_bundle
from kinescale.training.overrides import override
from kinescale.training.preflight import check_parts, check_sampling
from kinescale.training.run import train
from recombination import TEXT_TOKENS, TEXT_WIDTH, WIDTH, begun_tokenizer, generator_parts, tokenizer_parts, try_pair
from toy_training import toy_prepared

FEATURE = features.FAMILY.get("rotations", "build")(features.FAMILY.get("rotations", "Config")())


def crossed(tokenizer: str, generator: str) -> RunConfig:
    """A debug recipe with another system's generator, as by ``--generator.name`` and its config."""
    given, other = recipes.get(f"{tokenizer}.debug"), recipes.get(f"{generator}.debug")
    assert isinstance(given, RunConfig) and isinstance(other, RunConfig) and other.generator is not None
    return override(given, {"generator": other.generator.to_json()})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_prepared(tmp_path_factory.mktemp("data"), clips=12)


@pytest.mark.parametrize("generator", ["mosa", pytest.param("moscale", marks=pytest.mark.slow)])
def test_a_crossed_run_trains_and_generates_by_its_generators_sampler(
    generator: str, data: Path, tmp_path: Path
) -> None:
    train(crossed("msq", generator), data, tmp_path / "run", ("tokenizer", "generator"))
    bundle = build_bundle(tmp_path / "run")
    assert bundle.sampling is None
    bundle.save_pretrained(tmp_path / "bundle")
    again = Bundle.from_pretrained(tmp_path / "bundle")
    made = TextToMotion(again)("a person does walk", 1.0)
    assert len(made.motions[0]) == 30 and bool(made.motions[0].positions().isfinite().all())


@pytest.mark.parametrize(
    ("config", "problem", "words"),
    [
        (crossed("scalemogen", "mosa"), ConfigError, "predicts codes"),
        (crossed("moscale", "momask"), ConfigError, "one size"),
        (
            override(crossed("msq", "mosa"), {"text.name": "t5", "text.config": {"model": "/no/such/t5"}}),
            BundleError,
            "/no/such/t5",
        ),
        (
            override(crossed("msq", "mosa"), {"generator.config.text_width": 5}),
            ConfigError,
            "text_width is 5",
        ),
        (
            override(crossed("msq", "mosa"), {"sampling": {"name": "masked", "config": {}}}),
            ConfigError,
            "drawn from by",
        ),
        (
            override(recipes.get("msq.debug"), {"sampling.config": {"passes": [3]}}),
            ConfigError,
            "passes",
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_made(
    config: RunConfig, problem: type[Exception], words: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(problem, match=words) as found:
        train(config, data, tmp_path / "run", ("tokenizer", "generator"))
    assert not (tmp_path / "run").exists() and "\n" not in str(found.value)


def test_the_text_encoder_is_not_loaded_where_only_the_tokenizer_is_trained() -> None:
    config = override(recipes.get("moscale.debug"), {"text.name": "t5", "text.config": {"model": "/no/such/t5"}})
    assert isinstance(config, RunConfig)
    check_parts(config, FEATURE, text=False)
    with pytest.raises(BundleError, match="/no/such/t5"):
        check_parts(config, FEATURE, text=True)


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_has_settings_of_its_own_sampler(name: str) -> None:
    config = recipes.get(name)
    if isinstance(config, RunConfig):
        check_sampling(config)


TOKENIZERS, GENERATORS = tokenizer_parts(), generator_parts()


# scalemogen's two kinds of codes differ by their quantizer alone; test_recombination.py tries both under all generators
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == "scalemogen (fsq)")) for name in TOKENIZERS]
)
def test_every_pair_that_fits_generates_motions_through_a_bundle(name: str) -> None:
    tokenizer = begun_tokenizer(TOKENIZERS[name])
    made = []
    for generator, part in GENERATORS.items():
        pair = try_pair(tokenizer, part)
        if pair.refused:
            continue
        bundle = Bundle(
            feature=FEATURE,
            normalizer=Normalizer(torch.zeros(WIDTH), torch.ones(WIDTH)),
            tokenizer=tokenizer,
            generator=pair.generator,
            text=Part(name="hashed", config={"width": TEXT_WIDTH, "max_tokens": TEXT_TOKENS}),
        )
        drawn = TextToMotion(bundle)("a person waves", 0.7, post_process=RAW)
        assert len(drawn.motions[0]) == 21 and bool(drawn.motions[0].positions().isfinite().all())
        made.append(generator)
        other = "masked" if bundle.manifest.sampling.name != "masked" else "scale_wise"
        with pytest.raises(BundleError, match="sampling is for"):
            replace(bundle, sampling=Part(name=other))
    assert len(made) == {"scalemogen": 1, "momask": 5}.get(name, 4)


def test_settings_that_the_sampler_lacks_are_named_as_the_command_names_them() -> None:
    tokenizer = begun_tokenizer(TOKENIZERS["mosa"])
    bundle = Bundle(
        feature=FEATURE,
        normalizer=Normalizer(torch.zeros(WIDTH), torch.ones(WIDTH)),
        tokenizer=tokenizer,
        generator=try_pair(tokenizer, GENERATORS["mosa"]).generator,
        text=Part(name="hashed", config={"width": TEXT_WIDTH, "max_tokens": TEXT_TOKENS}),
    )
    with pytest.raises(InputError, match=r"'scale_wise' has no steps \(--steps\).*guidance_scale"):
        TextToMotion(bundle)("a person waves", 0.7, sampling={"steps": (1, 2)})
    with pytest.raises(ConfigError, match="scale_wise"):
        bundle.settings({"temperature": -1.0})
    assert bundle.settings({"guidance_scale": 2.0, "steps": None}).guidance_scale == 2.0
