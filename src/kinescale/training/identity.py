"""What makes two runs the same: the settings that decide the weights, compared as they are read now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kinescale.bundle.manifest import Part
from kinescale.core.errors import ConfigError, KinescaleError
from kinescale.training.config import DataConfig, StageConfig
from kinescale.training.parts import FAMILIES, build_feature, config_of_tokenizer


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """The first setting in which two identities of runs differ, in words; ``None`` when the runs are the same.

    Both are read as they would be now (fields that were renamed, that are new, or left at their defaults), so that a
    run of an earlier version can go on.
    """
    return first_difference(_resolved(old), _resolved(new))


def refuse_other(folder: object, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """``ConfigError`` when a checkpoint in ``folder`` is of another run."""
    found = difference(old, new)
    if found:
        raise ConfigError(
            f"{folder} holds a checkpoint of another run: {found}; use the old value or a new run folder."
        )


def first_difference(old: Any, new: Any, where: str = "") -> str | None:
    """The first dotted field in which two plain JSON values differ, with both values.

    ``None`` when they are equal.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(k for k in new if k not in old)]:
            found = first_difference(old.get(key), new.get(key), f"{where}.{key}" if where else str(key))
            if found:
                return found
        return None
    return None if old == new else f"'{where}' was {old!r} and is now {new!r}"


def _resolved(identity: Mapping[str, Any]) -> dict[str, Any]:
    """An identity with every record in it complete; what cannot be read stays as it is."""
    found = dict(identity)
    for key, value in identity.items():
        try:
            if key in FAMILIES and isinstance(value, dict):
                part = Part.parse(value)
                if key == "tokenizer" and "feature" in identity:
                    config = config_of_tokenizer(part, build_feature(Part.parse(identity["feature"])))
                else:
                    config = FAMILIES[key].get(part.name, "Config").parse(part.config)
                found[key] = {"name": part.name, "config": config.to_json()}
            elif key == "data" and isinstance(value, dict):
                found[key] = DataConfig.parse(value).to_json()
            elif key.endswith("_training"):
                found[key] = StageConfig.parse(value).identity()
        except KinescaleError:
            continue
    return found
