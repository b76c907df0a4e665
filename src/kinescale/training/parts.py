"""Building a run's networks from its config, with what one part decides for another filled in."""

from __future__ import annotations

from typing import Any

import torch

from kinescale import evaluators, features, generators, samplers, text, tokenizers
from kinescale.bundle.manifest import Part, variant_of
from kinescale.core.errors import ConfigError
from kinescale.core.family import Family
from kinescale.core.randomness import derive_seed
from kinescale.evaluators import Evaluator
from kinescale.features import Feature
from kinescale.generators import Generator
from kinescale.generators.base.length import LengthPredictor
from kinescale.tokenizers import Tokenizer

FAMILIES: dict[str, Family] = {
    "feature": features.FAMILY,
    "tokenizer": tokenizers.FAMILY,
    "generator": generators.FAMILY,
    "text": text.FAMILY,
    "sampling": samplers.FAMILY,
    "evaluator": evaluators.FAMILY,
}
"""Field of a run's config -> the family that its name and config are of."""


def build_feature(part: Part) -> Feature:
    """The feature of a run."""
    config = features.FAMILY.get(part.name, "Config").parse(part.config, where=f"feature '{part.name}'")
    # on the CPU even where networks are built without memory (torch's "meta" device)
    with torch.device("cpu"):
        return features.FAMILY.get(part.name, "build")(config)


def build_tokenizer(part: Part, feature: Feature, seed: int) -> Tokenizer:
    """A new tokenizer of the feature, with weights drawn from ``seed``."""
    config = config_of_tokenizer(part, feature)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "tokenizer", "weights"))
        return tokenizers.FAMILY.get(part.name, "Tokenizer")(config)


def config_of_tokenizer(part: Part, feature: Feature) -> Any:
    """A tokenizer's config with what the feature decides filled in: its width, named blocks, skeleton and settings."""
    fixed = {
        "feature_width": feature.width,
        "feature_blocks": {name: [block.start, block.stop] for name, block in feature.blocks.items()},
        "feature": variant_of(feature),
        "feature_config": feature.config.to_json(),
        "skeleton": feature.skeleton.name,
    }
    return _config(tokenizers.FAMILY, part, fixed)


def build_evaluator(part: Part, feature: str, feature_width: int, text_width: int, seed: int) -> Evaluator:
    """A new evaluator that reads the feature and the text encoder of a run, with weights drawn from ``seed``."""
    fixed = {"feature": feature, "feature_width": feature_width, "text_width": text_width}
    config = _config(evaluators.FAMILY, part, fixed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "evaluator", "weights"))
        return evaluators.FAMILY.get(part.name, "Evaluator")(config)


def build_generator(part: Part, tokenizer: Tokenizer, text_width: int, text_tokens: int, seed: int) -> Generator:
    """A new generator that fits the tokenizer and the text encoder, with weights drawn from ``seed``.

    A generator of bits reads a tokenizer's codes as bits. ``ConfigError`` says why a pair does not fit.
    """
    layout = tokenizer.layout()
    codec = tokenizer.codec.view(generators.FAMILY.get(part.name, "Generator").token_kind)
    fixed = {
        "vocabulary": codec.vocabulary,
        "vocabularies": list(codec.vocabularies),
        "code_dim": codec.latent_width,
        "scales": [scale.factor for scale in layout.scales],
        "bins": [scale.bins for scale in layout.scales],
        "groups": [scale.groups for scale in layout.scales],
        "capacity": layout.capacity,
        "stride": layout.stride,
        "parts": codec.latent_parts,
        "text_width": text_width,
        "text_tokens": text_tokens,
    }
    config = _config(generators.FAMILY, part, fixed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "generator", "weights"))
        return generators.FAMILY.get(part.name, "Generator")(config)


def build_length(text_width: int, capacity: int, seed: int) -> LengthPredictor:
    """A new length estimator, with weights drawn from ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "length", "weights"))
        return LengthPredictor(text_width, capacity)


def _config(family: Family, part: Part, fixed: dict[str, Any]) -> Any:
    """The part's checked config with ``fixed`` fields (those it has) filled in.

    A given value that differs is refused; of settings by name, those that are given must agree.
    """
    kind = family.get(part.name, "Config")
    values = dict(part.config)
    for key, value in fixed.items():
        if key not in kind.model_fields:
            continue
        given = values.get(key, value)
        if isinstance(value, dict) and isinstance(given, dict):
            given = {**value, **given}
        if (list(given) if isinstance(given, list | tuple) else given) != value:
            raise ConfigError(
                f"{family.noun} '{part.name}': {key} is {given}, "
                f"but the other parts of the run make it {value}; leave it out."
            )
        values[key] = value
    return kind.parse(values, where=f"{family.noun} '{part.name}'")
