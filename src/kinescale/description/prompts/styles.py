"""Manners in which a prompt asks for an action: words of captions for them, and claims from recordings in the style."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from kinescale.io.packaged_toml import packaged_toml


@dataclass(frozen=True)
class Style:
    """One style.

    name : "old". pattern : expression that finds it. manner : how captions say it; empty where they cannot. claims :
    claims of a "walk", of a "run" and of acts of the "arms" in the style.
    """

    name: str
    pattern: re.Pattern[str]
    manner: str
    claims: Mapping[str, tuple[str, ...]]


@lru_cache(maxsize=1)
def styles() -> tuple[Style, ...]:
    """Every style of ``styles.toml``, in the order in which they are looked for."""
    return tuple(
        Style(
            table["name"],
            re.compile(table["words"]),
            table.get("manner", ""),
            {kind: tuple(table.get(kind, ())) for kind in ("walk", "run", "arms")},
        )
        for table in packaged_toml("kinescale.description.prompts", "styles.toml")["style"]
    )


def style_of(text: str) -> Style | None:
    """The first style that a normalized prompt names."""
    return next((style for style in styles() if style.pattern.search(text)), None)
