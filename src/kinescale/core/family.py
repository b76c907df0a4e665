"""Family: plug-in look-up of a package's variants by name; a variant is a module or package in it.

Nothing is registered: adding ``NAME.py`` or ``NAME/__init__.py`` adds the variant ``NAME``. Names that start with
``_``, ``base`` (contract and shared code) and ``main`` are not variants. Names and first docstring
lines are read without importing the variant, so that listing a family costs no heavy import.
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
    noun : word for one variant in messages ("tokenizer").
    """

    package: str
    noun: str

    def folders(self) -> tuple[Path, ...]:
        spec = importlib.util.find_spec(self.package)
        locations = [] if spec is None else (spec.submodule_search_locations or [])
        return tuple(Path(p) for p in locations)

    def names(self) -> tuple[str, ...]:
        """Variant names, sorted."""
        return tuple(sorted(name for name in self._files() if not name.startswith("_") and name not in NOT_VARIANTS))

    def check(self, name: str) -> str:
        """The name of a variant, checked; ``UnknownNameError`` lists the known names.

        Hyphens are read as underscores.
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
        return first_line(self._files()[self.check(name)])

    def literal(self, name: str, constant: str) -> Any:
        """A literal that the variant assigns to ``constant`` at top level, read without importing it; else ``None``."""
        for node in _parsed(self._files()[self.check(name)]).body:
            if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == constant for t in node.targets):
                return ast.literal_eval(node.value)
        return None

    def attributes(self, name: str) -> frozenset[str]:
        """Names that the variant defines, imports or assigns at top level, read without importing it."""
        found: set[str] = set()
        for node in _parsed(self._files()[self.check(name)]).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                found |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.Assign):
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        return frozenset(found)

    def parameters(self, name: str, function: str) -> dict[str, bool]:
        """Parameters of a variant's function -> whether they are required, read without importing the variant."""
        for node in _parsed(self._files()[self.check(name)]).body:
            if isinstance(node, ast.FunctionDef) and node.name == function:
                plain = [*node.args.posonlyargs, *node.args.args]
                required = [True] * (len(plain) - len(node.args.defaults)) + [False] * len(node.args.defaults)
                needs = dict(zip((one.arg for one in plain), required, strict=True))
                keywords = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
                return needs | {one.arg: default is None for one, default in keywords}
        return {}

    def _files(self) -> dict[str, Path]:
        """Module or package name -> the file with its docstring, the first folder's first."""
        found: dict[str, Path] = {}
        for folder in self.folders():
            for file in (*folder.glob("*/__init__.py"), *folder.glob("*.py")):
                found.setdefault(file.parent.name if file.parent != folder else file.stem, file)
        return found


@lru_cache(maxsize=512)
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def first_line(file: Path) -> str:
    """First line of a Python file's docstring."""
    doc = (ast.get_docstring(_parsed(file)) or "").strip()
    return doc.splitlines()[0] if doc else ""
