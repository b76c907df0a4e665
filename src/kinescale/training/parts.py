"""Building a run's networks from its config, with what one part decides for another filled in."""

from __future__ import annotations

from typing import Any

import torch

from kinescale import evaluators, generators, tokenizers
from kinescale.bundle.manifest import Part
from kinescale.core.errors import ConfigError, InputError
from kinescale.core.family import Family
from kinescale.core.randomness import derive_seed
from kinescale.evaluators import Evaluator
from kinescale.generators import Generator
from kinescale.tokenizers import Tokenizer


def pick_device(name: str) -> torch.device:
    """The device a run asks for; "auto" takes CUDA, then MPS, then the CPU.

    ``InputError`` when it is not there.
    """
    has_mps = torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"the device '{name}' is unknown; expected auto, cpu, cuda, cuda:N or mps.") from None
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": has_mps}
    if not there.get(device.type, False):
        raise InputError(f"the device '{name}' is not on this machine; use auto or cpu.")
    return device


def device_name(device: torch.device) -> str:
    """A device in words, for records of runs."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def build_tokenizer(part: Part, feature_width: int, seed: int) -> Tokenizer:
    """A new tokenizer with weights drawn from ``seed``."""
    config = _config(tokenizers.FAMILY, part, {"feature_width": feature_width})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "tokenizer", "weights"))
        return tokenizers.FAMILY.get(part.name, "Tokenizer")(config)


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


def _config(family: Family, part: Part, fixed: dict[str, Any]) -> Any:
    """The part's checked config with ``fixed`` fields (those it has) filled in.

    A given value that differs is refused.
    """
    kind = family.get(part.name, "Config")
    values = dict(part.config)
    for key, value in fixed.items():
        if key not in kind.model_fields:
            continue
        given = values.get(key, value)
        if (list(given) if isinstance(given, list | tuple) else given) != value:
            raise ConfigError(
                f"{family.noun} '{part.name}': {key} is {given}, "
                f"but the other parts of the run make it {value}; leave it out."
            )
        values[key] = value
    return kind.parse(values, where=f"{family.noun} '{part.name}'")
