"""What the parts of a run must agree on, checked before anything is trained: tokens, text, the sampler's settings."""

from __future__ import annotations

import torch

from kinescale import generators, recipes, samplers
from kinescale.bundle.manifest import Part
from kinescale.core.errors import ConfigError, UnknownNameError
from kinescale.training.config import RunConfig
from kinescale.training.parts import build_generator, build_tokenizer
from kinescale.training.text_cache import build_text_encoder


def check_parts(config: RunConfig, feature_width: int, *, text: bool) -> RunConfig:
    """The config, with the settings of the sampler that draws from its generator.

    Both networks are built without memory for their weights. With ``text`` the text encoder is loaded, so that one
    that is not there is missed before the first stage, not after it.

    Raises ``ConfigError`` where tokenizer, generator, text encoder or sampler do not fit, ``BundleError`` for a text
    encoder without weights.
    """
    part = config.generator
    with torch.device("meta"):
        tokenizer = build_tokenizer(config.tokenizer, feature_width, config.seed)
    if part is None:
        return config
    if text and config.text is not None:
        encoder = build_text_encoder(config.text)
        width, tokens = encoder.width, encoder.max_tokens
    else:
        fields = generators.FAMILY.get(part.name, "Config").model_fields
        width, tokens = (
            part.config.get(name, fields[name].default if name in fields else 1)
            for name in ("text_width", "text_tokens")
        )
    with torch.device("meta"):
        build_generator(part, tokenizer, width, tokens, config.seed)
    return config.but(sampling=fitting_sampling(config))


def fitting_sampling(config: RunConfig) -> Part | None:
    """The run's sampler settings, or None (the sampler's own) where a recipe's are another sampler's.

    A recipe of which only the generator was changed keeps its settings for the old generator's sampler: they go.
    Settings that were given for a sampler that does not draw from the generator are refused with ``ConfigError``.
    """
    part = config.sampling
    if part is None or config.generator is None:
        return part
    wanted = generators.FAMILY.get(config.generator.name, "SAMPLER")
    if part.name == wanted:
        samplers.FAMILY.get(wanted, "Config").parse(part.config, where=f"sampler '{wanted}'")
        return part
    if part == _of_recipe(config.name):
        return None
    raise ConfigError(
        f"the sampling is for '{part.name}', but the generator '{config.generator.name}' is drawn from by '{wanted}'; "
        f"give settings of '{wanted}' or leave sampling out."
    )


def _of_recipe(name: str) -> Part | None:
    try:
        return getattr(recipes.get(name), "sampling", None)
    except UnknownNameError:
        return None
