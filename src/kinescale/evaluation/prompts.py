"""Free prompts: sentences from outside the phrase book, each with measurable claims; for evaluation alone.

``prompts.toml`` holds them: slang, long sentences, negatives, sides, two actions in one sentence, as people type them.
Training captions come from the phrase book; a model that knows only that book's words fails on these.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib import resources
from typing import Literal, get_args

from pydantic import Field

from kinescale.core.errors import ConfigError, DataError
from kinescale.core.records import Record
from kinescale.description.claim_language import parse_claim

FILE, HELD_OUT = "prompts.toml", "prompts_held_out.toml"
PromptKind = Literal["plain", "paraphrase", "compound", "style", "side"]
KINDS: tuple[PromptKind, ...] = get_args(PromptKind)


class Prompt(Record):
    """A sentence with its claims.

    Parameters
    ----------
    like : actions ("walk") or actions in a style ("walk/old") whose recordings do the same; with ``~`` before, their
        mirror images do.
    seconds : length of the generated motion.
    """

    text: str
    kind: PromptKind
    claims: tuple[str, ...]
    seconds: float = 4.0
    tags: tuple[str, ...] = ()
    like: tuple[str, ...] = ()


class _Group(Record):
    """A table of the file: prompts that share their claims."""

    kind: PromptKind
    claims: tuple[str, ...] = Field(min_length=1)
    texts: tuple[str, ...] = Field(min_length=1)
    seconds: float = Field(default=4.0, gt=0)
    tags: tuple[str, ...] = ()
    like: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def prompts() -> tuple[Prompt, ...]:
    """Every prompt of ``prompts.toml``, in its order."""
    return _read(FILE)


@lru_cache(maxsize=1)
def held_out_prompts() -> tuple[Prompt, ...]:
    """Every prompt of ``prompts_held_out.toml``, which the parser of prompts was not written with."""
    return _read(HELD_OUT)


def _read(name: str) -> tuple[Prompt, ...]:
    return parse_prompts(resources.files("kinescale.evaluation").joinpath(name).read_text(encoding="utf-8"))


def parse_prompts(text: str) -> tuple[Prompt, ...]:
    """Prompts from TOML text; ``DataError`` for text that is not TOML, or a claim that cannot be parsed."""
    try:
        tables = tomllib.loads(text).get("group", [])
    except tomllib.TOMLDecodeError as problem:
        raise DataError(f"prompts: the text is no TOML ({problem}); expected tables [[group]].") from None
    found: list[Prompt] = []
    for number, table in enumerate(tables, start=1):
        try:
            group = _Group.parse(table, where=f"prompts, group {number}")
        except ConfigError as problem:
            raise DataError(str(problem)) from None
        for claim in group.claims:
            parse_claim(claim)
        shared = group.to_json()
        del shared["texts"]
        found += [Prompt.parse({**shared, "text": line}) for line in group.texts]
    return tuple(found)
