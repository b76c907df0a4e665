"""Reading and writing motion files of any format: bounds, sidecars, overwriting, and the world a file is in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from kinescale.core.errors import FormatError, InputError
from kinescale.core.files import atomic_path, atomic_write_text, flush, refuse_overwrite
from kinescale.formats.base.damage import damage_as_format_error
from kinescale.formats.base.lookup import WORLD, check_options, format_by_suffix, parameters_of, reader_of
from kinescale.formats.base.notes import NOTES, pop_notes
from kinescale.formats.base.world import WorldOptions, merged, rotated_up, scaled
from kinescale.io.sidecar import check_sidecar, is_ours, read_sidecar, sidecar, sidecar_text, wants_sidecar
from kinescale.motion.motion import Motion

MAX_FILE_BYTES = 512 * 1024 * 1024
"""Largest file any reader opens."""
LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def read_motion(path: str | Path, *, up: str | None = None, **options: Any) -> Motion:
    """Read a motion file of any known format, in meters with +Y up.

    ``up`` ("y", "z", "-y" ...), ``unit_m`` (meters per unit) and ``fps`` state the file's world, where it does not say
    or says it wrong; else a person's body decides, and ``meta["reading_notes"]`` says what was assumed. Other
    ``options`` are the format's own (``asf`` for AMC, ``animation`` for GLB; see ``options_of``). Raises ``InputError``
    for a missing file, an unknown suffix or an unknown option, ``FormatError`` for bad content.

    Example
    -------
    >>> from kinescale import TextToMotion, read_motion, write_motion
    >>> write_motion(TextToMotion.from_pretrained()("a person walks", seconds=1.0).motions[0], "walk.bvh", force=True)
    >>> read_motion("walk.bvh", up="y", unit_m=1.0).meta["prompt"]
    'a person walks'
    """
    return read_with_notes(path, up=up, **options)[0]


def read_with_notes(path: str | Path, *, up: str | None = None, **options: Any) -> tuple[Motion, tuple[str, ...]]:
    """Motion as from ``read_motion``, with the notes of this reading: what was assumed or mended, a sentence each."""
    path = Path(path)
    module = reader_of(path)
    world = WorldOptions(up, options.get("unit_m"), options.get("fps"))
    given = {name: value for name, value in {**options, "up": world.up}.items() if value is not None}
    known = parameters_of(module, "read")
    general = {name: given.pop(name) for name in WORLD if name in given and name not in known}
    check_options(module, "read", given)
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise InputError(f"{path}: {size} bytes, more than the {MAX_FILE_BYTES} allowed; cut the clip into parts.")
    _refuse_pointer(path)
    with damage_as_format_error(path):
        motion, notes = pop_notes(module.read(path, **given))
        motion = _in_world(motion, general)
    from_sidecar = {} if getattr(module, "HOLDS_META", False) else read_sidecar(path)
    # The file's own entries are newer than the sidecar's.
    meta = {**from_sidecar, **motion.meta}
    if notes:
        before = meta.get(NOTES)
        meta[NOTES] = merged([n for n in before if isinstance(n, str)] if isinstance(before, list) else [], notes)
    return (motion.replace(meta=meta) if meta != dict(motion.meta) else motion), notes


def _refuse_pointer(path: Path) -> None:
    """``FormatError`` for a Git LFS pointer: the small text that stands in for a file that was not fetched."""
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


def _in_world(motion: Motion, general: dict[str, Any]) -> Motion:
    """Apply ``up``, ``unit_m`` and ``fps`` to the motion of a format whose ``read`` has no such options."""
    if "unit_m" in general:
        motion = scaled(motion, general["unit_m"])
    if "up" in general:
        motion = rotated_up(motion, general["up"], None)
    return motion.replace(fps=general["fps"]) if "fps" in general else motion


def write_motion(motion: Motion, path: str | Path, *, force: bool = False, **options: Any) -> None:
    """Write a motion file, whole or not at all; an existing file is kept unless ``force`` is given.

    License, prompt and other provenance go into the file, or into ``NAME.SUFFIX.json`` next to it when the format has
    no room for them; ``read_motion`` brings them back from there.

    Raises ``InputError`` for an unknown suffix, a format that is only read, an unknown option, or a place
    that cannot be written.

    Example
    -------
    >>> from kinescale import TextToMotion, write_motion
    >>> motion = TextToMotion.from_pretrained()("a person walks", seconds=1.0).motions[0]
    >>> write_motion(motion, "walk.glb", force=True)
    """
    path = Path(path)
    module = format_by_suffix(path, "write")
    check_options(module, "write", options)
    refuse_overwrite(path, force)
    needs_sidecar = not getattr(module, "HOLDS_META", False) and wants_sidecar(motion.meta)
    provenance = sidecar_text(motion.meta) if needs_sidecar else ""
    if needs_sidecar:
        check_sidecar(path, force)
    try:
        with atomic_path(path) as temporary:
            module.write(motion, temporary, **options)
            size = flush(temporary)
            if size > MAX_FILE_BYTES:
                raise InputError(f"{path} would take {size} bytes, too many to be read back; cut the clip.")
            if needs_sidecar:
                # before the motion takes its place: a full disk must not leave a motion without its license
                atomic_write_text(sidecar(path), provenance)
        if not needs_sidecar and is_ours(sidecar(path)):
            sidecar(path).unlink()  # it belonged to the file that was just replaced
    except OSError as problem:
        raise InputError(f"cannot write {path} ({problem.strerror or problem}); choose another place.") from None
