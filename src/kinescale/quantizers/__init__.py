"""Quantizers: vectors to discrete tokens and back; one file per kind, looked up by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kinescale.core.family import Family
from kinescale.quantizers.base import Quantizer

FAMILY = Family(__name__, "quantizer")


def build(name: str, given: Mapping[str, Any], *, groups: int = 0, **offered: Any) -> Quantizer:
    """The quantizer of that name, or ``groups`` of them side by side.

    ``given`` settings are a recipe's; of those ``offered`` by a tokenizer (``width``, ``codes``, ``decay`` ...) it
    takes what its Config has and ``given`` does not name. Raises ``ConfigError`` for an unknown setting or value,
    ``UnknownNameError`` for an unknown name.
    """
    kind = FAMILY.get(name, "Config")
    known = {key: value for key, value in offered.items() if key in kind.model_fields}
    config = kind.parse({**known, **given}, where=f"quantizer '{name}'")
    if groups:
        settings = {"groups": groups, "width": config.width, "quantizer": name, "settings": config.to_json()}
        return build("product", settings)
    return FAMILY.get(name, "Quantizer")(config)


def token_kind(name: str) -> str:
    """Kind of tokens that the quantizer of that name makes: "codes" or "bits"."""
    return FAMILY.get(name, "Quantizer").token_kind


__all__ = ["FAMILY", "Quantizer", "build", "token_kind"]
