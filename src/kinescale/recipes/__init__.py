"""Recipes: functions that return the whole config of a run; one file a system, named "system.function"."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from kinescale.core.errors import UnknownNameError
from kinescale.core.family import Family

if TYPE_CHECKING:
    from kinescale.training.config import RunConfig
    from kinescale.training.evaluator_config import EvaluatorRunConfig

FAMILY = Family(__name__, "recipe system")

__all__ = ["FAMILY", "ablation", "ablations", "get", "names"]


def names() -> tuple[str, ...]:
    """Every recipe, e.g. "moscale.small"."""
    return tuple(f"{system}.{name}" for system in FAMILY.names() for name in _functions(FAMILY.load(system)))


def get(name: str) -> RunConfig | EvaluatorRunConfig:
    """The recipe of that name; ``UnknownNameError`` lists all there are."""
    wanted = str(name).replace("-", "_")
    known = names()
    if wanted not in known:
        near = difflib.get_close_matches(wanted, known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise UnknownNameError(f"there is no recipe '{name}'.{hint} Known: {', '.join(known) or 'none'}.")
    system, _, function = wanted.partition(".")
    return getattr(FAMILY.load(system), function)()


def ablations(name: str) -> dict[str, dict[str, Any]]:
    """Ablation switches of a recipe's system: name -> fields that it changes (``training.overrides``).

    >>> ablations("scalemogen.humanml3d")["no_scale_dropout"]
    {'tokenizer.config.scale_dropout': 0.0}
    """
    return getattr(FAMILY.load(str(name).partition(".")[0]), "ABLATIONS", {})


def ablation(name: str, switches: Sequence[str]) -> dict[str, Any]:
    """The fields that several switches of a recipe change; ``UnknownNameError`` lists those its system has."""
    known, changes = ablations(name), {}
    for switch in switches:
        wanted = switch.strip().replace("-", "_")
        if wanted not in known:
            near = difflib.get_close_matches(wanted, known, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            listed = ", ".join(known) or "none"
            raise UnknownNameError(f"'{name}' has no ablation '{switch.strip()}'.{hint} Known: {listed}.")
        changes |= known[wanted]
    return changes


def _functions(module: ModuleType) -> list[str]:
    """Public functions written in the module itself, in order of their lines."""
    found = {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    return sorted(found, key=lambda name: found[name].__code__.co_firstlineno)
