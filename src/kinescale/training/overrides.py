"""Changing fields of a run's config by dotted names, as the command line does."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from kinescale.bundle.manifest import Part
from kinescale.core.errors import ConfigError
from kinescale.core.records import Record
from kinescale.core.renamed import warn_renamed
from kinescale.training.parts import FAMILIES

R = TypeVar("R", bound=Record)


def override(config: R, changes: Mapping[str, Any]) -> R:
    """A checked copy of a run's config with dotted fields changed, e.g. ``{"generator_training.steps": "200"}``.

    Text values are read as JSON where they are JSON. With another generator the sampler's settings go, unless they are
    changed, too: they are the old generator's. An earlier name of a field is taken with a ``RenamedWarning``. Raises
    ``ConfigError`` for a field that does not exist, naming the nearest one.

    >>> from kinescale import recipes
    >>> changed = override(recipes.get("moscale.debug"), {"generator_training.optimizer.lr": "0.01"})
    >>> changed.generator_training.optimizer.lr
    0.01
    """
    data = config.to_json()
    for path, value in changes.items():
        current = current_path(config, path, changes)
        if current != path:
            warn_renamed(f"{path} is now {current}; the earlier name goes with the next release.")
        _put(data, current, parse_value(value))
    _follow(data, config.to_json(), changes)
    return type(config).parse(data, where=str(data["name"]))


def current_path(config: Record, path: str, changes: Mapping[str, Any] | None = None) -> str:
    """A dotted name with every field under its current name, e.g. of ``generator_training.optimiser.lr``."""
    kind: Any = type(config)
    found: list[str] = []
    for word in path.split("."):
        if isinstance(kind, type) and issubclass(kind, Record):
            word = kind.current_name(word)
            field = kind.model_fields.get(word)
            owner = found[0] if kind is Part and found else ""
            # the config of a part is checked by its own record
            if word == "config" and owner:
                kind = _config_of(config, owner, changes or {})
            else:
                kind = None if field is None else field.annotation
            kind = Part if kind == Part | None else kind
        else:
            kind = None
        found.append(word)
    return ".".join(found)


def _config_of(config: Record, owner: str, changes: Mapping[str, Any]) -> type[Record] | None:
    part = getattr(config, owner, None)
    name = changes.get(f"{owner}.name", part.name if isinstance(part, Part) else None)
    family = FAMILIES.get(owner)
    return None if family is None or name not in family.names() else family.get(name, "Config")


def _follow(data: dict[str, Any], before: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """The sampler follows the generator."""
    old, new = (part.get("generator") for part in (before, data))
    if "sampling" not in data or not isinstance(old, dict) or not isinstance(new, dict):
        return
    if old.get("name") != new.get("name") and not any(path.split(".")[0] == "sampling" for path in changes):
        data["sampling"] = None


def parse_value(value: Any) -> Any:
    """A value as the command line gives it: JSON where it is JSON, else text; none, true and false in any case."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=lambda _: value)
    except ValueError:
        lowered = {"true": True, "false": False, "none": None}
        return lowered.get(value.lower(), value)


def _put(data: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    node: Any = data
    free = False
    for depth, part in enumerate(parents):
        if part not in node and not free:
            raise ConfigError(_unknown(path, part, node))
        node = node.setdefault(part, {}) if free else node[part]
        # configs of parts and the weights of corpora are open: their own records check them
        free = free or part in ("config", "corpora", "shares")
        if not isinstance(node, dict):
            where = ".".join(parents[: depth + 1])
            raise ConfigError(f"the override '{path}' goes into '{where}', which holds {node!r} and no fields.")
    if last not in node and not free:
        raise ConfigError(_unknown(path, last, node))
    node[last] = value


def _unknown(path: str, part: str, node: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(part, node, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"the override '{path}' names no field '{part}'.{hint} Known: {', '.join(node)}."
