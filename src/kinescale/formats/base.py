"""Reading and writing motion files: the format is chosen by the file's suffix.

A format is a module of this package with ``SUFFIXES`` and ``read(path, **options) -> Motion`` and/or
``write(motion, path, **options)``. Nothing is listed anywhere; modules are imported when a suffix asks for
them.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from kinescale.core.errors import InputError
from kinescale.core.family import Family
from kinescale.core.files import atomic_path, refuse_overwrite
from kinescale.formats._sidecar import check_sidecar, is_ours, read_sidecar, sidecar, wants_sidecar, write_sidecar
from kinescale.motion.motion import Motion

MAX_FILE_BYTES = 512 * 1024 * 1024
"""Largest file any reader opens."""


def read_motion(path: str | Path, **options: Any) -> Motion:
    """Read a motion file of any known format.

    ``options`` are the format's own (``unit_m`` for BVH, ``asf`` and ``fps`` for AMC). Raises ``InputError``
    for a missing file, an unknown suffix or an unknown option, ``FormatError`` for bad content.
    """
    path = Path(path)
    module = _variant(path, "read")
    _check_options(module, "read", options)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; name a motion file to read.")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise InputError(f"{path}: {size} bytes, more than the {MAX_FILE_BYTES} allowed; cut the clip into parts.")
    motion = module.read(path, **options)
    beside = {} if getattr(module, "HOLDS_META", False) else read_sidecar(path)
    return motion.with_meta(**beside) if beside else motion


def write_motion(motion: Motion, path: str | Path, *, force: bool = False, **options: Any) -> None:
    """Write a motion file, whole or not at all; an existing file is kept unless ``force`` is given.

    Licence, prompt and other provenance go into the file, or into ``NAME.SUFFIX.json`` beside it when the format has no
    room for them; ``read_motion`` brings them back from there.

    Raises ``InputError`` for an unknown suffix, a format that is only read, an unknown option, or a place
    that cannot be written.
    """
    path = Path(path)
    module = _variant(path, "write")
    _check_options(module, "write", options)
    refuse_overwrite(path, force)
    aside = not getattr(module, "HOLDS_META", False) and wants_sidecar(motion.meta)
    if aside:
        check_sidecar(path, force)
    try:
        with atomic_path(path) as temporary:
            module.write(motion, temporary, **options)
        if aside:
            write_sidecar(path, motion.meta)
        elif is_ours(sidecar(path)):
            sidecar(path).unlink()  # it told of the file that was just replaced
    except OSError as problem:
        raise InputError(f"cannot write {path} ({problem.strerror or problem}); choose another place.") from None


def suffixes(action: str = "read") -> tuple[str, ...]:
    """All suffixes that can be read (or written, with ``action="write"``), sorted."""
    return tuple(sorted(s for module in _modules() if hasattr(module, action) for s in module.SUFFIXES))


def _family() -> Family:
    return Family(__name__.rpartition(".")[0], "format")


def _modules() -> list[ModuleType]:
    family = _family()
    return [family.load(name) for name in family.names()]


def _variant(path: Path, action: str) -> ModuleType:
    """The module that reads or writes files with the suffix of ``path``."""
    suffix = path.suffix.lower()
    family = _family()
    names = family.names()
    if not suffix:
        raise InputError(f"{path} has no suffix; expected one of {', '.join(suffixes(action))}.")
    # A format is mostly named as its suffix: try that one first, and import the others only if need be.
    for name in sorted(names, key=lambda name: name != suffix[1:]):
        module = family.load(name)
        if suffix not in module.SUFFIXES:
            continue
        if hasattr(module, action):
            return module
        verb = "written" if action == "write" else "read"
        raise InputError(f"{path}: {suffix} files cannot be {verb}; expected one of {', '.join(suffixes(action))}.")
    raise InputError(f"{path}: '{suffix}' is no known motion format; expected one of {', '.join(suffixes(action))}.")


def _check_options(module: ModuleType, action: str, options: dict[str, Any]) -> None:
    parameters = list(inspect.signature(getattr(module, action)).parameters)
    known = parameters[1:] if action == "read" else parameters[2:]
    for name in options:
        if name not in known:
            kind = module.__name__.rpartition(".")[2]
            raise InputError(f"{kind} files take no option '{name}' to {action}; known: {', '.join(known) or 'none'}.")
