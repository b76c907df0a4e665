"""Look-up of a render output by a path's suffix, without importing the outputs."""

from __future__ import annotations

from pathlib import Path

from kinescale.core.errors import InputError
from kinescale.core.family import Family

VIDEO = {".webm", ".mov", ".avi", ".mkv"}


def suffixes() -> dict[str, str]:
    """Suffix (lower case, with its dot) -> name of the output that writes it."""
    family = Family("kinescale.render", "picture")
    return {suffix: name for name in family.names() for suffix in family.literal(name, "SUFFIXES") or ()}


def output_for(path: str | Path) -> str:
    """Name of the output that writes ``path``, such as "png"; ``InputError`` lists the known suffixes."""
    known = suffixes()
    suffix = Path(path).suffix.lower()
    if suffix in known:
        return known[suffix]
    if suffix in VIDEO:
        raise InputError(f"{path}: {suffix[1:]} is not offered; name an .mp4 file instead.")
    got = f"'{suffix}'" if suffix else "no suffix"
    raise InputError(f"{path}: {got} is no picture to render; expected one of {', '.join(sorted(known))}.")
