"""Recipes: functions that return the whole config of a run; one file a system, named "system.function"."""

from __future__ import annotations

import difflib
import inspect
from types import ModuleType
from typing import TYPE_CHECKING

from kinescale.core.errors import UnknownNameError
from kinescale.core.family import Family

if TYPE_CHECKING:
    from kinescale.training.config import RunConfig
    from kinescale.training.evaluator_config import EvaluatorRunConfig

FAMILY = Family(__name__, "recipe system")

__all__ = ["FAMILY", "get", "names"]


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


def _functions(module: ModuleType) -> list[str]:
    """Public functions written in the module itself, in order of their lines."""
    found = {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    return sorted(found, key=lambda name: found[name].__code__.co_firstlineno)
