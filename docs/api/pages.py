"""Write the pages of the API reference from the code and build the site: python docs/api/pages.py OUT."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path

import kinescale
from kinescale.core.family import Family

HERE = Path(__file__).resolve().parent
PACKAGE = Path(kinescale.__file__).parent
CONTRACTS = {
    "skeletons": "skeleton", "formats": "format", "features": "feature", "text": "text encoder",
    "quantizers": "quantizer", "tokenizers": "tokenizer", "generators": "generator", "samplers": "sampler",
    "evaluators": "evaluator", "metrics": "metric", "render": "picture", "data.datasets": "dataset",
}  # fmt: skip
"""Families of the code and what one variant of each is called."""


def titled(text: str, rule: str = "=") -> list[str]:
    return [text, rule * len(text), ""]


def kind(module: str, name: str) -> str:
    """The directive that documents a name."""
    thing = getattr(importlib.import_module(module), name)
    if isinstance(thing, type):
        return "autoexception" if issubclass(thing, BaseException) else "autoclass"
    return "autofunction" if callable(thing) else "autodata"


def homes() -> dict[str, tuple[str, str]]:
    """Module and name in it of each public name of ``import kinescale``."""
    found = {}
    for name in kinescale.__all__:
        if name != "__version__":
            home = getattr(kinescale, name)
            found[name] = (getattr(home, "__module__", "kinescale"), getattr(home, "__qualname__", name))
    return found


def public() -> dict[str, list[str]]:
    """A page for each public name."""
    return {
        name: [*titled(f"kinescale.{name}"), f".. {kind(module, own)}:: {module}.{own}", ""]
        for name, (module, own) in homes().items()
    }


def module(name: str) -> list[str]:
    """The directive for a module, without what has a page of its own."""
    own = [other for place, other in homes().values() if place == name]
    return [f".. automodule:: {name}", *([f"   :exclude-members: {', '.join(own)}"] if own else []), ""]


def errors() -> list[str]:
    """The exception tree."""
    return [*titled("Errors"), *module("kinescale.core.errors")]


def contract(room: str, noun: str) -> list[str]:
    """The contract of a family, then its variants with their first docstring lines."""
    family = Family(f"kinescale.{room}", noun)
    lines = titled(f"kinescale.{room}")
    folder = PACKAGE.joinpath(*room.split("."))
    if (folder / "base.py").exists() or (folder / "base").is_dir():
        lines += module(f"kinescale.{room}.base")
    lines += titled("Variants", "-")
    return [*lines, *(f"* ``{name}``: {plain(family.summary(name))}" for name in family.names()), ""]


def plain(text: str) -> str:
    """A docstring's line as reStructuredText that means nothing else."""
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("|", "\\|").replace("_ ", "\\_ ")


def write(folder: Path) -> None:
    """All pages, and the index."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    families = {f"family-{room}": contract(room, noun) for room, noun in CONTRACTS.items()}
    pages = {**public(), "errors": errors(), **families}
    index = [
        *titled("Kinescale: API reference"),
        *f"Version {kinescale.__version__}. {kinescale.__doc__}".splitlines(),
        "",
    ]
    names = [name for name in kinescale.__all__ if name in pages]
    for caption, listed in (("Public names", names), ("Errors", ["errors"]), ("Families", list(families))):
        index += [
            ".. toctree::",
            f"   :caption: {caption}",
            "   :maxdepth: 1",
            "",
            *(f"   {page}" for page in listed),
            "",
        ]
    for name, lines in {**pages, "index": index}.items():
        (folder / f"{name}.rst").write_text("\n".join(lines), encoding="utf-8")


def main(argv: list[str]) -> int:
    """Write the pages into OUT-source and build them into OUT; a warning is an error."""
    from sphinx.cmd.build import build_main

    out = Path(argv[0])
    source = out.with_name(f"{out.name}-source")
    write(source)
    return build_main(["-E", "-W", "--keep-going", "-q", "-b", "html", "-c", str(HERE), str(source), str(out)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
