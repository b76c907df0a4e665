"""Lexicon of prompt parsing: words of actions and directions, loaded once from ``lexicon.toml``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kinescale.description.grammar import conjugate
from kinescale.io.packaged_toml import packaged_toml


@dataclass(frozen=True)
class Entry:
    """One action: how prompts name it, the event kinds that count as it, and how captions say it.

    name : "walk". pattern : expression that finds it, in places that ``refused`` does not match. kinds : event kinds.
    plain, bare, both : the action in the words of captions: with ``{side}``, without a side, with both sides. limb :
    whether it has a side. moves : whether the body travels. gait : alternatives of a gait, ``|`` between. seconds : how
    long it takes once. elastic : whether it goes on as long as one likes.
    """

    name: str
    pattern: re.Pattern[str]
    refused: re.Pattern[str] | None
    kinds: tuple[str, ...]
    plain: str
    bare: str
    both: str
    limb: bool
    moves: bool
    gait: str
    seconds: float
    elastic: bool


@dataclass(frozen=True)
class Lexicon:
    """All entries, directions as (expression, direction, expression that rules it out), verbs of manner, and single
    expressions by name."""

    entries: tuple[Entry, ...]
    directions: tuple[tuple[re.Pattern[str], str, re.Pattern[str] | None], ...]
    manner: Mapping[str, str]
    patterns: dict[str, re.Pattern[str]]

    def entry(self, name: str) -> Entry:
        """The entry of an action."""
        return next(entry for entry in self.entries if entry.name == name)


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The lexicon of the package."""
    read = packaged_toml("kinescale.description.prompts", "lexicon.toml")
    directions = tuple(
        (
            re.compile("|".join(table["words"])),
            table["direction"],
            re.compile(table["unless"]) if "unless" in table else None,
        )
        for table in read["direction"]
    )
    patterns = {name: re.compile(words) for name, words in read["patterns"].items()}
    return Lexicon(tuple(_entry(act) for act in read["act"]), directions, read["manner"], patterns)


def _joined(words: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(words))


def _entry(act: dict[str, Any]) -> Entry:
    words = [form for verb in act["verbs"].split() for form in forms(verb)] + act["words"]
    return Entry(
        name=act["name"],
        pattern=re.compile(rf"\b(?:{'|'.join(words)})(?!\w)"),
        refused=_joined(act["not"]) if "not" in act else None,
        kinds=tuple(act["claim"].split("|")),
        plain=act["plain"],
        bare=act.get("bare", act["plain"]),
        both=act.get("both", ""),
        limb="limb" in act,
        moves=act.get("moves", False),
        gait=act.get("gait", ""),
        seconds=act["seconds"],
        elastic=act.get("elastic", False),
    )


def forms(verb: str) -> tuple[str, ...]:
    """Base form, third person, -ing and regular past of a verb."""
    gerund = conjugate(verb, "gerund")
    stem = gerund.removesuffix("ing")
    past = stem[:-1] + "ied" if re.search(r"[^aeiou]y$", stem) else stem + "ed"
    return verb, conjugate(verb, "third"), gerund, past
