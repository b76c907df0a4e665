"""What commands share: parsing with one-sentence errors, and cheap checks before anything heavy is loaded."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import io
import math
import re
import sys
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import tyro

from kinescale.cli.base import grammar, messages
from kinescale.cli.base.notes import hush, output
from kinescale.core.conventions import MAX_FPS, UNITS_M
from kinescale.core.errors import InputError
from kinescale.core.family import Family
from kinescale.core.files import refuse_overwrite

O = TypeVar("O")  # noqa: E741

MIN_RULE = 8
MAX_UNIT_M = 1000.0
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")

Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]
Quiet = Annotated[
    bool,
    tyro.conf.FlagCreatePairsOff,
    tyro.conf.arg(aliases=("-q",), help="Print nothing but errors and what --json prints."),
]
Out = Annotated[Path, tyro.conf.arg(aliases=("-o",))]
MaybeFloat = Annotated[float | None, tyro.conf.arg(metavar="FLOAT", help_behavior_hint="")]
MaybeInt = Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="")]
MaybeText = Annotated[str | None, tyro.conf.arg(metavar="TEXT", help_behavior_hint="")]
MaybePath = Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")]
MaybeRoles = Annotated[
    Path | None,
    tyro.conf.arg(
        metavar="FILE.json",
        help_behavior_hint="",
        help='Which joint plays which role, as {"roles": {"left_hip": "LeftUpLeg"}}; NAME.roles.json beside the motion '
        "when not given.",
    ),
]


def parse(options: type[O], argv: list[str], command: str) -> O:
    """The options record filled from ``argv``; ``InputError`` in one sentence for what cannot be parsed.

    Adds what all commands have: ``--quiet``, the module's ``EXAMPLES`` below its help, and the argument forms of the
    version before (``cli.base.grammar``).
    """
    whole = with_shared(options)
    known = flags(whole)
    messages.remember(known)
    words = grammar.rewrite(argv, command, known)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            made = tyro.cli(whole, args=words, prog=f"kinescale {command}", description=described(options))
    except SystemExit as leaving:
        if not leaving.code:
            raise
        raise InputError(f"{_condense(said.getvalue())}; see kinescale {command} --help.") from None
    finally:
        if said.tell() and sys.exc_info()[0] is None:
            sys.stderr.write(said.getvalue())
    if getattr(made, "quiet", False):
        hush(output=bool({"--out", "--run"} & known.keys()))
    return made


def with_shared(options: type[O]) -> type[O]:
    """The record with the options that every command has."""
    if any(field.name == "quiet" for field in dataclasses.fields(options)):  # type: ignore[arg-type]
        return options
    shared = [("quiet", Quiet, dataclasses.field(default=False, kw_only=True))]
    made = dataclasses.make_dataclass(options.__name__, shared, bases=(options,), frozen=True)
    made.__module__ = options.__module__
    return made


def described(options: type) -> str:
    """The text above a command's options: its docstring, then the ``EXAMPLES`` of its module."""
    examples = getattr(sys.modules[options.__module__], "EXAMPLES", ())
    lines = "".join(f"\n  {example}" for example in examples)
    return inspect.cleandoc(options.__doc__ or "") + (f"\n\nexamples:{lines}" if lines else "")


def flags(options: type) -> dict[str, bool]:
    """The long options of a record, those of records in it included, and whether a value follows each."""
    found: dict[str, bool] = {}
    hints = get_type_hints(options, include_extras=True)
    for field in dataclasses.fields(options):
        hint = hints[field.name]
        inner = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        if isinstance(inner, type) and dataclasses.is_dataclass(inner):
            found |= flags(inner)
        elif "Positional" not in str(getattr(hint, "__metadata__", "")):
            found[f"--{field.name.replace('_', '-')}"] = inner is not bool
    return found


def _condense(said: str) -> str:
    """The first part of the parser's message, and its first suggestion, in one line.

    The parser frames its messages, in box characters where the terminal has them and with dashes where not.
    """
    framed = "╭" in said
    parts: list[list[str]] = [[]]
    for line in _ESCAPES.sub("", said).splitlines():
        text = line.strip(" │╰╯─" if framed else " ")
        if framed and line.lstrip().startswith("╭"):
            continue
        if set(line.strip(" │")) <= {"─", "-"} and len(line.strip(" │")) >= MIN_RULE:
            parts.append([])
        elif text:
            parts[-1].append(text)
    # without a box, the title stands above a rule of its own
    parts = parts if framed else parts[1:] or parts
    message = " ".join(parts[0]).replace(" (required)", "") or "the options cannot be read"
    if len(parts) > 1 and parts[1][:1] == ["Perhaps you meant:"] and len(parts[1]) > 1:
        message += f"; perhaps you meant {parts[1][1]}"
    return message[:1].lower() + message[1:].rstrip(".")


def check_output(path: Path, force: bool) -> Path:
    """``path`` itself when a motion can be written there; ``InputError`` otherwise."""
    known = motion_suffixes("write")
    if path.suffix.lower() not in known:
        got = f"'{path.suffix}'" if path.suffix else "no suffix"
        pictures = Family("kinescale.render", "picture")
        drawable = {suffix for name in pictures.names() for suffix in pictures.literal(name, "SUFFIXES") or ()}
        drawn = "; kinescale render draws motion files into it" if path.suffix.lower() in drawable else ""
        expected = f"expected one of {', '.join(known)}{drawn}."
        raise InputError(f"{path}: {got} is no motion format to write; {expected}")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist; make it first.")
    return refuse_overwrite(path, force)


def check_input(path: Path) -> Path:
    """``path`` itself when it is a file of a motion format; ``InputError`` otherwise."""
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "there is no such file"
        raise InputError(f"{path}: {kind}; name a motion file to read.")
    known = motion_suffixes("read")
    if path.suffix.lower() not in known:
        raise InputError(f"{path}: '{path.suffix}' is no motion format to read; expected one of {', '.join(known)}.")
    return path


def check_fps(fps: float | None) -> float | None:
    """``fps`` itself when it is a frame rate or ``None``."""
    if fps is not None and not 0 < fps <= MAX_FPS:
        raise InputError(f"{fps} frames per second; expected more than 0 and at most {MAX_FPS:g}.")
    return fps


def check_positive(value: float | None, name: str) -> None:
    """``InputError`` when ``value`` is given and is not a finite number above zero."""
    if value is not None and not (math.isfinite(value) and value > 0):
        raise InputError(f"{name} is {value:g}; expected a number above 0.")


def motion_suffixes(action: str) -> tuple[str, ...]:
    """Suffixes of the formats that offer ``action`` ("read" or "write"), without importing them."""
    family = Family("kinescale.formats", "format")
    able = [name for name in family.names() if action in family.attributes(name)]
    return tuple(sorted(suffix for name in able for suffix in family.literal(name, "SUFFIXES") or ()))


def roles_file(motion: Path, given: Path | None) -> Path | None:
    """The file that says which joint plays which role: the one given, else ``NAME.roles.json`` beside the motion."""
    if given is not None:
        if not given.is_file():
            raise InputError(f"{given}: there is no such file; --roles names a JSON file of roles.")
        return given
    beside = motion.with_name(f"{motion.stem}.roles.json")
    return beside if beside.is_file() else None


def meters(text: str, flag: str) -> float:
    """Meters a unit, from the unit's name or a number."""
    if text.lower() in UNITS_M:
        return UNITS_M[text.lower()]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= MAX_UNIT_M:
        raise InputError(f"{flag} is '{text}'; expected {', '.join(UNITS_M)} or a number of meters.")
    return value


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on standard output."""
    import json

    stream = output()
    utf8 = (getattr(stream, "encoding", None) or "").lower().replace("-", "") == "utf8"
    # where letters are shown escaped, it must be in JSON's own way
    print(json.dumps(value, indent=2, ensure_ascii=not utf8), file=stream)
