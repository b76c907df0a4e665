"""Made-up variants of a family, dropped into a folder of its package's path for one test."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def dropped(package: str, folder: Path, sources: Mapping[str, str]) -> Iterator[None]:
    """Inside the block, ``folder`` holds modules of these names and sources and lies on the package's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    room = importlib.import_module(package)
    assert room.__spec__ is not None
    before = list(room.__path__)
    room.__path__ = [*before, str(folder)]
    room.__spec__.submodule_search_locations = list(room.__path__)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        room.__path__ = before
        room.__spec__.submodule_search_locations = before
        for name in sources:
            sys.modules.pop(f"{package}.{name}", None)
            if hasattr(room, name):
                delattr(room, name)
