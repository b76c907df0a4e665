"""Family look-up: a family is a package, a variant is one file in it, the file's name is the variant's name.

Nothing is registered anywhere: adding a variant is adding a file. Files that start with ``_`` and ``base.py``
are not variants. Names and first docstring lines are read without importing the variant, so listing a family
costs no heavy import.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from kinescale.core.errors import UnknownNameError

NOT_VARIANTS = {"base", "main"}


@dataclass(frozen=True)
class Family:
    """The variants of one package.

    Parameters
    ----------
    package : dotted name of the package, normally its ``__name__``.
    noun : what one variant is called in messages ("tokenizer").
    """

    package: str
    noun: str

    def folders(self) -> tuple[Path, ...]:
        spec = importlib.util.find_spec(self.package)
        locations = [] if spec is None else (spec.submodule_search_locations or [])
        return tuple(Path(p) for p in locations)

    def names(self) -> tuple[str, ...]:
        """Variant names, sorted."""
        found = {
            file.stem
            for folder in self.folders()
            for file in folder.glob("*.py")
            if not file.stem.startswith("_") and file.stem not in NOT_VARIANTS
        }
        return tuple(sorted(found))

    def check(self, name: str) -> str:
        """``name`` itself, or ``UnknownNameError`` that lists the names there are.

        Names with a hyphen are read as the underscore the file carries.
        """
        wanted = str(name).replace("-", "_")
        names = self.names()
        if wanted in names:
            return wanted
        near = difflib.get_close_matches(wanted, names, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise UnknownNameError(f"there is no {self.noun} '{name}'.{hint} Known: {', '.join(names) or 'none'}.")

    def load(self, name: str) -> ModuleType:
        """Import the variant's module."""
        return importlib.import_module(f"{self.package}.{self.check(name)}")

    def get(self, name: str, attribute: str) -> Any:
        """One attribute of the variant's module, e.g. ``get("moscale", "Tokenizer")``."""
        module = self.load(name)
        try:
            return getattr(module, attribute)
        except AttributeError:
            raise UnknownNameError(f"{self.noun} '{name}' does not offer '{attribute}'.") from None

    def summary(self, name: str) -> str:
        """First line of the variant's docstring, read without importing it."""
        stem = self.check(name)
        for folder in self.folders():
            file = folder / f"{stem}.py"
            if file.exists():
                return first_line(file)
        return ""


@lru_cache(maxsize=512)
def first_line(file: Path) -> str:
    """First line of a Python file's docstring."""
    doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return doc.strip().splitlines()[0] if doc.strip() else ""
