"""Lazy module attributes (PEP 562): public names whose modules are imported on first use."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package.

    ``modules``: dotted module -> its public names, with blanks between; ``render=render_motion`` is the module's
    ``render`` under another name.
    """
    places: dict[str, tuple[str, str]] = {}
    for module, names in modules.items():
        for name in names.split():
            attribute, _, alias = name.partition("=")
            places[alias or attribute] = (module, attribute)

    def get(name: str) -> Any:
        if name in places:
            module, attribute = places[name]
            return getattr(importlib.import_module(module), attribute)
        raise AttributeError(f"module '{package}' has no attribute '{name}'")

    return get, lambda: sorted(places)
