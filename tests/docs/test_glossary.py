"""The glossary: every identifier in it exists in the code."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "glossary.md"


def identifiers() -> list[str]:
    """The dotted paths in the last column of the tables of symbols."""
    found: list[str] = []
    for line in PAGE.read_text(encoding="utf-8").partition("## Words")[0].splitlines():
        if line.startswith("| ") and "---" not in line:
            found += re.findall(r"`([\w.]+)`", line.rsplit(" | ", 1)[-1])
    return [name for name in found if "." in name]


def resolve(name: str) -> None:
    """Raise unless the path below ``kinescale`` is a module, a name of one, or a field of a record."""
    words = name.split(".")
    for count in range(len(words), 0, -1):
        try:
            thing = importlib.import_module(".".join(["kinescale", *words[:count]]))
        except ModuleNotFoundError:
            continue
        break
    else:
        raise AttributeError(f"kinescale.{name} is no module")
    for word in words[count:]:
        fields = set(getattr(thing, "model_fields", ()))
        if dataclasses.is_dataclass(thing):
            fields |= {field.name for field in dataclasses.fields(thing)}
        if word not in fields:
            thing = getattr(thing, word)


def test_the_tables_hold_identifiers():
    assert len(identifiers()) > 50


@pytest.mark.parametrize("name", sorted(set(identifiers())))
def test_an_identifier_exists(name):
    resolve(name)


def test_a_wrong_identifier_is_noticed():
    with pytest.raises(AttributeError):
        resolve("samplers.next_scale.Config.no_such_field")
