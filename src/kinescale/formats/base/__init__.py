"""Reading and writing motion files: the format is chosen by the file's suffix.

A format is a module of this package with ``SUFFIXES`` and ``read(path, **options) -> Motion`` and/or
``write(motion, path, **options)``. Nothing is listed anywhere; modules are imported when a suffix asks for
them. Four things a format may have besides:

* ``needs(motion, **options) -> Needs``: the skeleton and frame rate without which it cannot be written.
* a double suffix ``.NAME.SUFFIX`` (``.amass.npz``), the format's own name before a suffix that others have too.
* ``animations(path) -> list[str]``: names of the animations in a file that may hold several.
* ``sniff(path) -> str``: the name of the format that reads this file, where a suffix is shared.

Every file that is read goes through one step that settles its up axis, unit and frame rate (``_world``). A format
whose files leave these open takes ``up``, ``unit_m`` and ``fps`` and lets that step decide what the caller does not
state; for all others they are applied here. What was assumed stands in ``meta["reading_notes"]``.
"""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from kinescale.core.errors import FormatError, InputError, MotionError, SkeletonError
from kinescale.core.family import Family
from kinescale.core.files import atomic_path, atomic_write_text, flush, refuse_overwrite
from kinescale.formats.base.notes import NOTES, taken_out
from kinescale.formats.base.world import Stated, merged, scaled, turned
from kinescale.io.sidecar import check_sidecar, is_ours, read_sidecar, sidecar, sidecar_text, wants_sidecar
from kinescale.motion.motion import Motion
from kinescale.skeletons.base import Skeleton

MAX_FILE_BYTES = 512 * 1024 * 1024
"""Largest file any reader opens."""
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_MARKERS = ", as it holds markers and no joints: solve a skeleton for them in your capture program and export that"
_PICKLE = ", as only a pickle could open it, which may run code: save its arrays with numpy.savez"
ROUTES = {
    **dict.fromkeys((".c3d", ".trc"), _MARKERS),
    **dict.fromkeys((".pkl", ".pickle", ".pt", ".pth"), _PICKLE),
}
"""Suffix -> why it is not read, and what to do."""
WORLD = ("up", "unit_m", "fps")
"""Options that every file takes on reading."""


@dataclass(frozen=True)
class Needs:
    """What a file asks of the motion written to it; ``None`` where any will do.

    ``notes``: what the file will not hold, a sentence each.
    """

    skeleton: Skeleton | None = None
    fps: float | None = None
    notes: tuple[str, ...] = ()


def read_motion(path: str | Path, *, up: str | None = None, **options: Any) -> Motion:
    """Read a motion file of any known format, in meters with +Y up.

    ``up`` ("y", "z", "-y" ...), ``unit_m`` (meters a unit) and ``fps`` state the file's world, where it does not say or
    says it wrong; else a person's body decides, and ``meta["reading_notes"]`` says what was assumed. Other ``options``
    are the format's own (``asf`` for AMC, ``animation`` for GLB; see ``options_of``). Raises ``InputError`` for a
    missing file, an unknown suffix or an unknown option, ``FormatError`` for bad content.

    Example
    -------
    >>> from kinescale import TextToMotion, read_motion, write_motion
    >>> write_motion(TextToMotion.from_pretrained()("a person walks", seconds=1.0).motions[0], "walk.bvh", force=True)
    >>> read_motion("walk.bvh", up="y", unit_m=1.0).meta["prompt"]
    'a person walks'
    """
    return read_with_notes(path, up=up, **options)[0]


def read_with_notes(path: str | Path, *, up: str | None = None, **options: Any) -> tuple[Motion, tuple[str, ...]]:
    """The motion as ``read_motion`` gives it, and what was assumed on reading it, a sentence each."""
    path = Path(path)
    module = _reader(path)
    stated = Stated(up, options.get("unit_m"), options.get("fps"))
    said = {name: value for name, value in {**options, "up": stated.up}.items() if value is not None}
    known = _parameters(module, "read")
    general = {name: said.pop(name) for name in WORLD if name in said and name not in known}
    _check_options(module, "read", said)
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise InputError(f"{path}: {size} bytes, more than the {MAX_FILE_BYTES} allowed; cut the clip into parts.")
    _refuse_pointer(path)
    with _sound(path):
        motion, notes = taken_out(module.read(path, **said))
        motion = _as_stated(motion, general)
    beside = {} if getattr(module, "HOLDS_META", False) else read_sidecar(path)
    # What the file itself says is newer than what lies beside it.
    meta = {**beside, **motion.meta}
    if notes:
        before = meta.get(NOTES)
        meta[NOTES] = merged([n for n in before if isinstance(n, str)] if isinstance(before, list) else [], notes)
    return (motion.replace(meta=meta) if meta != dict(motion.meta) else motion), notes


def _refuse_pointer(path: Path) -> None:
    """``FormatError`` for what Git LFS leaves in the place of a file that was not fetched."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        return  # the reader will say why
    if head.startswith(LFS_POINTER):
        size = re.search(rb"^size (\d{1,15})$", head, re.MULTILINE)
        what = f"; the file itself has {int(size.group(1)):,} bytes" if size else ""
        raise FormatError(
            f"is only a Git LFS pointer to the file{what}: fetch it with 'git lfs pull', or download it whole.",
            path=path,
        )


def _as_stated(motion: Motion, general: dict[str, Any]) -> Motion:
    """The motion of a format that takes no such options, in the world that the caller states."""
    if "unit_m" in general:
        motion = scaled(motion, general["unit_m"])
    if "up" in general:
        motion = turned(motion, general["up"], None)
    return motion.replace(fps=general["fps"]) if "fps" in general else motion


@contextlib.contextmanager
def _sound(path: Path) -> Iterator[None]:
    """Say of a file that the numbers in it make no skeleton or no motion."""
    try:
        yield
    except (SkeletonError, MotionError) as problem:
        raise FormatError(f"the motion in it is not sound: {problem}", path=path) from None


def write_motion(motion: Motion, path: str | Path, *, force: bool = False, **options: Any) -> None:
    """Write a motion file, whole or not at all; an existing file is kept unless ``force`` is given.

    License, prompt and other provenance go into the file, or into ``NAME.SUFFIX.json`` beside it when the format has no
    room for them; ``read_motion`` brings them back from there.

    Raises ``InputError`` for an unknown suffix, a format that is only read, an unknown option, or a place
    that cannot be written.

    Example
    -------
    >>> from kinescale import TextToMotion, write_motion
    >>> motion = TextToMotion.from_pretrained()("a person walks", seconds=1.0).motions[0]
    >>> write_motion(motion, "walk.glb", force=True)
    """
    path = Path(path)
    module = _variant(path, "write")
    _check_options(module, "write", options)
    refuse_overwrite(path, force)
    aside = not getattr(module, "HOLDS_META", False) and wants_sidecar(motion.meta)
    provenance = sidecar_text(motion.meta) if aside else ""
    if aside:
        check_sidecar(path, force)
    try:
        with atomic_path(path) as temporary:
            module.write(motion, temporary, **options)
            size = flush(temporary)
            if size > MAX_FILE_BYTES:
                raise InputError(f"{path} would take {size} bytes, too many to be read back; cut the clip.")
            if aside:
                # before the motion takes its place: on a full disk there is none without its license
                atomic_write_text(sidecar(path), provenance)
        if not aside and is_ours(sidecar(path)):
            sidecar(path).unlink()  # it told of the file that was just replaced
    except OSError as problem:
        raise InputError(f"cannot write {path} ({problem.strerror or problem}); choose another place.") from None


def needs_of(motion: Motion, path: str | Path, **options: Any) -> Needs:
    """What the file asks of ``motion`` before it can be written with ``options``: see ``Needs``."""
    module = _variant(Path(path), "write")
    _check_options(module, "write", options)
    return module.needs(motion, **options) if hasattr(module, "needs") else Needs()


def options_of(path: str | Path, action: str) -> dict[str, str]:
    """The options that reading or writing this file takes: name -> type, such as "float | None"."""
    known = _parameters(_reader(Path(path)) if action == "read" else _variant(Path(path), action), action)
    return {**dict.fromkeys(WORLD, "float | None"), "up": "str | None", **known} if action == "read" else known


def animations_of(path: str | Path) -> list[str]:
    """Names of the animations in a file of a format that can hold several; empty for any other.

    Each is read with the option ``animation``.
    """
    module = _reader(Path(path))
    return list(module.animations(Path(path))) if hasattr(module, "animations") else []


def suffixes(action: str = "read") -> tuple[str, ...]:
    """All suffixes that can be read (or written, with ``action="write"``), sorted."""
    return tuple(sorted(s for module in _modules() if hasattr(module, action) for s in module.SUFFIXES))


def _family() -> Family:
    return Family(__name__.rpartition(".")[0], "format")


def _modules() -> list[ModuleType]:
    family = _family()
    return [family.load(name) for name in family.names()]


def _reader(path: Path) -> ModuleType:
    """The module that reads this very file, which must exist."""
    module = _variant(path, "read")
    try:
        there = path.is_file()
    except OSError as problem:
        raise InputError(f"{str(path)[:120]}...: cannot be read ({problem.strerror or problem}).") from None
    if not there:
        raise InputError(f"{path}: there is no such file; name a motion file to read.")
    return _family().load(module.sniff(path)) if hasattr(module, "sniff") else module


def _variant(path: Path, action: str) -> ModuleType:
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


def _check_options(module: ModuleType, action: str, options: dict[str, Any]) -> None:
    known = _parameters(module, action)
    for name in options:
        if name not in known:
            kind = module.__name__.rpartition(".")[2]
            raise InputError(f"{kind} files take no option '{name}' to {action}; known: {', '.join(known) or 'none'}.")


def _parameters(module: ModuleType, action: str) -> dict[str, str]:
    """Name -> annotation of a format's own options: all but the path and the motion."""
    parameters = list(inspect.signature(getattr(module, action)).parameters.values())
    return {p.name: str(p.annotation) for p in parameters[1 if action == "read" else 2 :]}
