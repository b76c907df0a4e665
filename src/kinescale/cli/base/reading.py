"""How a command reads motion files: one set of options for every command, and what was assumed, said on stderr."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from kinescale.cli.base.notes import note
from kinescale.cli.base.options import (
    Flag,
    MaybeFloat,
    MaybePath,
    MaybeRoles,
    MaybeText,
    check_fps,
    check_input,
    meters,
    roles_file,
)
from kinescale.core.errors import InputError

if TYPE_CHECKING:
    from kinescale.motion import Motion

Settings = Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="NAME=VALUE")]

FLAGS = {
    "source_up": "up",
    "source_unit": "unit_m",
    "source_fps": "fps",
    "animation": "animation",
    "asf": "asf",
    "body_model": "body_model",
}
"""Field of ``Reading`` -> option of ``read_motion`` or of a format."""
UNITS = "m, cm, mm, in, ft or a number of meters"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a motion file does not say, or says wrong."""

    roles: MaybeRoles = None
    source_up: MaybeText = None
    """Axis that points up in the source: y, z, x, -y, -z or -x; told by the body when not given."""
    source_unit: Annotated[
        MaybeText, tyro.conf.arg(help=f"Unit of the source: {UNITS}; told by the body if need be.")
    ] = None
    source_fps: MaybeFloat = None
    """Frames a second of a source that does not say, or says it wrong."""
    animation: MaybeText = None
    """Name or number of the animation to read from a .glb, .vrm or .fbx; kinescale info lists them."""
    asf: MaybePath = None
    """Skeleton of an .amc file, when it does not lie beside it."""
    body_model: MaybePath = None
    """Your SMPL-H or SMPL-X model (.npz), which gives an AMASS file its true bone lengths."""
    source_option: Settings = ()
    """Any other option of the source's format; may be given again."""
    strict: Flag = False
    """Refuse a BVH file that is not as the format has it, instead of reading it with a note."""


AS_IT_IS = Reading()
"""Nothing stated."""
Source = Annotated[Reading, tyro.conf.arg(name="")]
"""Type of the field that adds the options of ``Reading`` to a command's own."""


def check_source(path: Path, reading: Reading) -> None:
    """What can be told of a motion file and of how to read it before anything heavy is loaded."""
    check_input(path)
    roles_file(path, reading.roles)
    check_fps(reading.source_fps)
    if reading.source_unit is not None:
        meters(reading.source_unit, "--source-unit")
    if reading.source_up is not None and reading.source_up.lower().lstrip("+-") not in ("x", "y", "z"):
        raise InputError(f"--source-up is '{reading.source_up}'; expected y, z, x, -y, -z or -x.")


def read_clip(path: Path, reading: Reading, *, quiet: bool = False) -> Motion:
    """The motion in a file, read as ``reading`` says; notes and warnings go to stderr in the end, unless
    ``quiet``."""
    from kinescale.cli.base.about_skeleton import doubts

    motion, notes = read_quietly(path, reading)
    if not quiet:
        for line in (*notes, *doubts(motion)):
            note(f"note: {path.name}: {line}")
    return motion


def read_quietly(path: Path, reading: Reading) -> tuple[Motion, tuple[str, ...]]:
    """The motion, and what was assumed on reading it."""
    from kinescale.formats.base import read_with_notes
    from kinescale.rigging import override, read_override

    file = roles_file(path, reading.roles)
    said = read_override(file) if file is not None else None
    motion, notes = read_with_notes(path, **format_options(path, reading))
    if said is not None:
        made = override(motion.skeleton, said, poses=motion.rotations.detach().numpy())
        motion = motion.replace(skeleton=made)
    return motion, notes


def format_options(path: Path, reading: Reading) -> dict[str, Any]:
    """The options given, as ``read_motion`` names them; ``InputError`` for one that has no meaning here."""
    from kinescale.formats.base import options_of

    known = options_of(path, "read")
    found: dict[str, Any] = {}
    for flag, name in FLAGS.items():
        value = getattr(reading, flag)
        if value is None:
            continue
        if name not in known:
            raise InputError(
                f"--{flag.replace('_', '-')} means nothing for {path.name}; its format takes: {_listed(known)}."
            )
        found[name] = meters(value, "--source-unit") if flag == "source_unit" else value
    if reading.strict and "strict" in known:
        found["strict"] = True
    return settings(reading.source_option, known, found, ("--source-option", path.name, _listed(known)))


def settings(
    given: tuple[str, ...], known: dict[str, str], found: dict[str, Any], told: tuple[str, str, str]
) -> dict[str, Any]:
    """``found`` and the NAME=VALUE pairs ``given``, checked against the options that a format has.

    ``told``: the option of the command line, the file and the options it takes, for messages.
    """
    flag, file, listed = told
    made = dict(found)
    for setting in given:
        name, equals, text = setting.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or name not in known or name in made:
            again = "is given twice" if name in made else "is not one"
            raise InputError(f"{flag} '{setting}' {again}; {file} takes: {listed}.")
        made[name] = _value(text.strip(), known[name], f"{flag} {name}")
    return made


def _listed(known: dict[str, str]) -> str:
    flag_of = {name: f"--{flag.replace('_', '-')}" for flag, name in FLAGS.items()} | {"strict": "--strict"}
    return ", ".join(flag_of.get(name, f"--source-option {name}=...") for name in known) or "none"


def _value(text: str, kind: str, flag: str) -> Any:
    """A setting's text as what the format's signature says it is."""
    words = {"true": True, "yes": True, "false": False, "no": False}
    try:
        if "bool" in kind:
            return words[text.lower()]
        if "str" in kind or "Path" in kind:
            return text
        return int(text) if "int" in kind else float(text) if "float" in kind else text
    except (KeyError, ValueError):
        raise InputError(f"{flag} is '{text}'; expected {kind}.") from None


def given(reading: Reading) -> bool:
    """Whether any option of reading was given."""
    return any(getattr(reading, field.name) != field.default for field in fields(reading))
