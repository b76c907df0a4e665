"""Which output a path asks for, by its suffix, found without importing any of them."""

from __future__ import annotations

import ast
from pathlib import Path

from kinescale.core.errors import InputError
from kinescale.core.family import Family

VIDEO = {".webm", ".mov", ".avi", ".mkv"}


def suffixes() -> dict[str, str]:
    """Suffix (lower case, with its dot) -> name of the output that writes it."""
    family = Family("kinescale.render", "picture")
    files = [(name, folder / f"{name}.py") for folder in family.folders() for name in family.names()]
    return {suffix: name for name, file in files if file.exists() for suffix in _declared(file)}


def output_for(path: str | Path) -> str:
    """The output that writes ``path``, such as "png"; ``InputError`` that lists the suffixes there are."""
    known = suffixes()
    suffix = Path(path).suffix.lower()
    if suffix in known:
        return known[suffix]
    if suffix in VIDEO:
        raise InputError(f"{path}: {suffix[1:]} is not offered; name an .mp4 file instead.")
    got = f"'{suffix}'" if suffix else "no suffix"
    raise InputError(f"{path}: {got} is no picture to render; expected one of {', '.join(sorted(known))}.")


def _declared(file: Path) -> tuple[str, ...]:
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "SUFFIXES" for t in node.targets):
            return tuple(ast.literal_eval(node.value))
    return ()
