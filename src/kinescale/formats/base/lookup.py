"""Look-up of formats by a file's suffix and content, and the options that each takes."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from kinescale.core.errors import InputError
from kinescale.core.family import Family
from kinescale.formats.base.needs import Needs
from kinescale.motion.motion import Motion

_MARKERS = ", as it holds markers and no joints: solve a skeleton for them in your capture program and export that"
_PICKLE = ", as only a pickle could open it, which may run code: save its arrays with numpy.savez"
ROUTES = {
    **dict.fromkeys((".c3d", ".trc"), _MARKERS),
    **dict.fromkeys((".pkl", ".pickle", ".pt", ".pth"), _PICKLE),
}
"""Suffix -> why it is not read, and what to do."""
WORLD = ("up", "unit_m", "fps")
"""Options that every file takes on reading."""


def needs_of(motion: Motion, path: str | Path, **options: Any) -> Needs:
    """Requirements on ``motion`` before it can be written to ``path`` with ``options``: see ``Needs``."""
    module = format_by_suffix(Path(path), "write")
    check_options(module, "write", options)
    return module.needs(motion, **options) if hasattr(module, "needs") else Needs()


def options_of(path: str | Path, action: str) -> dict[str, str]:
    """The options that reading or writing this file takes: name -> type, such as "float | None"."""
    known = parameters_of(reader_of(Path(path)) if action == "read" else format_by_suffix(Path(path), action), action)
    return {**dict.fromkeys(WORLD, "float | None"), "up": "str | None", **known} if action == "read" else known


def animations_of(path: str | Path) -> list[str]:
    """Names of the animations in a file of a format that can hold several; empty for any other.

    Each is read with the option ``animation``.
    """
    module = reader_of(Path(path))
    return list(module.animations(Path(path))) if hasattr(module, "animations") else []


def suffixes(action: str = "read") -> tuple[str, ...]:
    """All suffixes that can be read (or written, with ``action="write"``), sorted."""
    return tuple(sorted(s for module in _modules() if hasattr(module, action) for s in module.SUFFIXES))


def _family() -> Family:
    return Family("kinescale.formats", "format")


def _modules() -> list[ModuleType]:
    family = _family()
    return [family.load(name) for name in family.names()]


def reader_of(path: Path) -> ModuleType:
    """The module that reads this very file, which must exist."""
    module = format_by_suffix(path, "read")
    try:
        there = path.is_file()
    except OSError as problem:
        raise InputError(f"{str(path)[:120]}...: cannot be read ({problem.strerror or problem}).") from None
    if not there:
        raise InputError(f"{path}: there is no such file; name a motion file to read.")
    return _family().load(module.sniff(path)) if hasattr(module, "sniff") else module


def format_by_suffix(path: Path, action: str) -> ModuleType:
    """The module that reads or writes files with the suffix of ``path``."""
    suffix = path.suffix.lower()
    family = _family()
    names = family.names()
    if not suffix:
        raise InputError(f"{path} has no suffix; expected one of {', '.join(suffixes(action))}.")
    own = Path(path.stem).suffix.lower()
    if own[1:] in names and own + suffix in (module := family.load(own[1:])).SUFFIXES and hasattr(module, action):
        return module
    # A format is mostly named as its suffix: try that one first, and import the others only if need be.
    for name in sorted(names, key=lambda name: name != suffix[1:]):
        module = family.load(name)
        if suffix not in module.SUFFIXES:
            continue
        if hasattr(module, action):
            return module
        verb = "written" if action == "write" else "read"
        raise InputError(f"{path}: {suffix} files cannot be {verb}; expected one of {', '.join(suffixes(action))}.")
    route = ROUTES.get(suffix, "")
    raise InputError(
        f"{path}: '{suffix}' is no known motion format{route}; expected one of {', '.join(suffixes(action))}."
    )


def check_options(module: ModuleType, action: str, options: dict[str, Any]) -> None:
    known = parameters_of(module, action)
    for name in options:
        if name not in known:
            kind = module.__name__.rpartition(".")[2]
            raise InputError(f"{kind} files take no option '{name}' to {action}; known: {', '.join(known) or 'none'}.")


def parameters_of(module: ModuleType, action: str) -> dict[str, str]:
    """Name -> annotation of a format's own options: all but the path and the motion."""
    parameters = list(inspect.signature(getattr(module, action)).parameters.values())
    return {p.name: str(p.annotation) for p in parameters[1 if action == "read" else 2 :]}
