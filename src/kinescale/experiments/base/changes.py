"""Changes of a run that depend on a recipe's sizes: other numbers of scales, other growth of the codebooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kinescale import tokenizers
from kinescale.training.config import RunConfig


def tokenizer_config(config: RunConfig) -> Any:
    """The tokenizer's config of a run, with its defaults."""
    part = config.tokenizer
    return tokenizers.FAMILY.get(part.name, "Config").parse(part.config, where=f"tokenizer '{part.name}'")


def spread(first: int, last: int, count: int) -> list[int]:
    """``count`` whole numbers from ``first`` to ``last``, evenly spread."""
    return [round(first + (last - first) * i / max(1, count - 1)) for i in range(count)]


def scale_count(count: int) -> Callable[[RunConfig], Mapping[str, Any]]:
    """So many scales from the coarsest of the recipe to its finest, with codebooks that grow as the recipe's do."""

    def changes(config: RunConfig) -> Mapping[str, Any]:
        given = tokenizer_config(config)
        bins = spread(min(given.bins), max(given.bins), count)
        if len(set(bins)) < count:
            # a small layout has no room for so many different scales
            bins = sorted(set(bins))
        codes = spread(min(given.codes), max(given.codes), len(bins))
        return {"tokenizer.config.bins": bins, "tokenizer.config.codes": codes}

    return changes


def equal_codebooks(config: RunConfig) -> Mapping[str, Any]:
    """Codebooks that do not grow: each as large as the mean of the recipe's."""
    codes = tokenizer_config(config).codes
    return {"tokenizer.config.codes": [round(sum(codes) / len(codes))] * len(codes)}
