"""What the parts of a run must agree on, checked before anything is trained: tokens, text, the sampler's settings."""

from __future__ import annotations

import torch

from kinescale import generators, samplers
from kinescale.core.errors import ConfigError
from kinescale.features import Feature
from kinescale.training.config import RunConfig
from kinescale.training.parts import build_generator, build_tokenizer
from kinescale.training.text_cache import build_text_encoder


def check_parts(config: RunConfig, feature: Feature, *, text: bool) -> None:
    """Refuse a run whose parts do not fit.

    Both networks are built without memory for their weights. With ``text`` the text encoder is loaded, so that one
    that is not there is missed before the first stage, not after it.

    Raises ``ConfigError`` where tokenizer, generator, text encoder or sampler do not fit, ``BundleError`` for a text
    encoder without weights.
    """
    part = config.generator
    with torch.device("meta"):
        tokenizer = build_tokenizer(config.tokenizer, feature, config.seed)
    if part is None:
        return
    check_sampling(config)
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


def check_sampling(config: RunConfig) -> None:
    """``ConfigError`` for sampler settings that are not those of the sampler that draws from the run's generator."""
    part = config.sampling
    if part is None or config.generator is None:
        return
    wanted = generators.FAMILY.get(config.generator.name, "SAMPLER")
    if part.name != wanted:
        raise ConfigError(
            f"the sampling is for '{part.name}', but the generator '{config.generator.name}' is drawn from by "
            f"'{wanted}'; give settings of '{wanted}' or leave sampling out."
        )
    samplers.FAMILY.get(wanted, "Config").parse(part.config, where=f"sampler '{wanted}'")
