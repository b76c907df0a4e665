"""TOML files shipped inside the package: phrases, word lists and tables, read once."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib import resources
from typing import Any


@lru_cache(maxsize=64)
def packaged_toml(package: str, name: str) -> dict[str, Any]:
    """Content of ``name`` in ``package``; shared between callers, so treat it as read-only.

    Example
    -------
    >>> styles = packaged_toml("kinescale.data.captions.phrase_book", "styles.toml")
    >>> styles["tired"]["adjectives"][0]
    'tired'
    """
    return tomllib.loads(resources.files(package).joinpath(name).read_text(encoding="utf-8"))


def phrase_table(table: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    """A TOML table of lists of phrases as a dictionary of tuples."""
    return {name: tuple(phrases) for name, phrases in table.items()}
