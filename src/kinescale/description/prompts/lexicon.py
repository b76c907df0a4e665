"""Lexicon of prompt parsing: words of actions and directions, loaded once from ``lexicon.toml``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from kinescale.io.packaged_toml import packaged_toml


@dataclass(frozen=True)
class Entry:
    """One action: how prompts name it, the event kinds that count as it, and how captions say it.

    name : "walk". pattern : expression that finds it. kinds : event kinds. plain, bare, both : the action in the words
    of captions: with ``{side}``, without a side, with both sides. limb : whether it has a side. moves : whether the
    body travels. gait : alternatives of a gait, ``|`` between.
    """

    name: str
    pattern: re.Pattern[str]
    kinds: tuple[str, ...]
    plain: str
    bare: str
    both: str
    limb: bool
    moves: bool
    gait: str


@dataclass(frozen=True)
class Lexicon:
    """All entries, directions as (expression, direction), and single expressions by name."""

    entries: tuple[Entry, ...]
    directions: tuple[tuple[re.Pattern[str], str], ...]
    patterns: dict[str, re.Pattern[str]]

    def entry(self, name: str) -> Entry:
        """The entry of an action."""
        return next(entry for entry in self.entries if entry.name == name)


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The lexicon of the package."""
    read = packaged_toml("kinescale.description.prompts", "lexicon.toml")
    entries = tuple(
        Entry(
            name=act["name"],
            pattern=re.compile(rf"\b(?:{'|'.join(act['words'])})(?!\w)"),
            kinds=tuple(act["claim"].split("|")),
            plain=act["plain"],
            bare=act.get("bare", act["plain"]),
            both=act.get("both", ""),
            limb="limb" in act,
            moves=act.get("moves", False),
            gait=act.get("gait", ""),
        )
        for act in read["act"]
    )
    directions = tuple((re.compile("|".join(table["words"])), table["direction"]) for table in read["direction"])
    return Lexicon(entries, directions, {name: re.compile(words) for name, words in read["patterns"].items()})
