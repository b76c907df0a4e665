"""The package's source files as syntax trees, parsed once per process."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "kinescale"


@cache
def walked() -> dict[str, tuple[ast.AST, ...]]:
    """File, relative to the package -> every node of its syntax tree."""
    files = sorted(PACKAGE.rglob("*.py"))
    return {
        file.relative_to(PACKAGE).as_posix(): tuple(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        for file in files
    }


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Every node of every file, with the file."""
    return ((name, node) for name, inside in walked().items() for node in inside)
