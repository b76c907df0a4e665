"""Captions from clauses: one act, acts one after another, or an act during another, in many wordings."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kinescale.data.compose.captions.clauses import BRIEF, FULL, PLAIN, STYLED, Clause, Segment, clauses
from kinescale.data.compose.captions.statements import Statement, holds
from kinescale.description.grammar import Form, inflect, mirror_sentence
from kinescale.description.records import Description

Relation = Literal["one", "then", "while"]
Needs = Literal["", "count", "pace"]

SUBJECTS: tuple[tuple[str, str, str], ...] = (
    ("a person", "their", "they"),
    ("a person", "their", "they"),
    ("someone", "their", "they"),
    ("the person", "their", "they"),
    ("a man", "his", "he"),
    ("a woman", "her", "she"),
    ("a figure", "its", "it"),
    ("a character", "its", "it"),
    ("somebody", "their", "they"),
    ("a human", "their", "they"),
)
"""Who, whose, and the pronoun."""

TRIES = 6
"""Attempts per caption, as wordings repeat."""

STOPS = ("and *stop", "and *come to a stop", "and then *stand still", "and *halt", "then *stop")


@dataclass(frozen=True)
class ComposedCaption:
    """A caption and its statements: (index of the segment, statement)."""

    text: str
    statements: tuple[tuple[int, Statement], ...]

    def mirrored(self) -> ComposedCaption:
        """The caption of the mirror image."""
        return ComposedCaption(mirror_sentence(self.text), tuple((at, each.mirrored()) for at, each in self.statements))

    def true_of(self, found: Sequence[Description]) -> bool:
        """Whether all statements are confirmed; ``found`` has each segment's description."""
        return all(holds(each, found[segment]) for segment, each in self.statements)


def captions_of(
    relation: Relation,
    segments: Sequence[Segment],
    found: Sequence[Description],
    rng: random.Random,
    count: int,
    *,
    needs: Needs = "",
) -> tuple[ComposedCaption, ...]:
    """Up to ``count`` distinct captions of the segments in order; none where a segment has no true clause.

    ``found``: the measured description of each segment. ``needs``: "count" for captions that mostly state the count,
    "pace" for captions that always state each segment's pace; there are none where these cannot be stated.
    """
    options = [clauses(segment, each, rng) for segment, each in zip(segments, found, strict=True)]
    if relation == "while":
        options = [[clause for clause in some if " while " not in clause.phrase] for some in options]
    if needs == "pace":
        options = [[clause for clause in some if any(_paced(each) for each in clause.statements)] for some in options]
    if not all(options) or (needs == "count" and not any(s.count for c in options[0] for s in c.statements)):
        return ()
    levels = (PLAIN, PLAIN, BRIEF, PLAIN) if needs else (BRIEF, PLAIN, BRIEF, FULL, STYLED, PLAIN)
    made: dict[str, ComposedCaption] = {}
    for turn in range(TRIES * count):
        if len(made) >= count:
            break
        chosen = [_choose(some, levels[turn % len(levels)], rng) for some in options]
        text = _sentence(relation, [clause.phrase for clause in chosen], segments, rng, plain=not made)
        one = ComposedCaption(text, tuple((k, each) for k, clause in enumerate(chosen) for each in clause.statements))
        if one.true_of(found):
            made.setdefault(text, one)
    return tuple(made.values())


def _paced(statement: Statement) -> bool:
    return statement.low is not None or statement.high is not None


def _choose(options: Sequence[Clause], level: int, rng: random.Random) -> Clause:
    """A clause of about this level of detail."""
    if level == FULL and rng.random() < 0.4:
        level = PLAIN
    for detail in (level, level - 1 if level <= FULL else BRIEF, BRIEF, PLAIN):
        some = [clause for clause in options if clause.detail == detail]
        if some:
            return rng.choice(some)
    return rng.choice(list(options))


def _sentence(
    relation: Relation, phrases: list[str], segments: Sequence[Segment], rng: random.Random, *, plain: bool
) -> str:
    if segments[-1].stops and (plain is False or relation == "one") and rng.random() < 0.6:
        phrases = [*phrases[:-1], f"{phrases[-1]} {rng.choice(STOPS)}"]
    who = SUBJECTS[0] if plain else rng.choice(SUBJECTS)
    if relation == "one" or len(phrases) == 1:
        return _one(phrases[0], who, rng, plain)
    if relation == "while":
        return _while(phrases, who, rng, plain)
    return _then(phrases, who, rng, plain) if len(phrases) == 2 else _row(phrases, who, rng, plain)


def _forms(phrase: str, their: str) -> tuple[str, str, str]:
    """Base, third person, gerund."""
    order: tuple[Form, ...] = ("base", "third", "gerund")
    base, third, gerund = (inflect(phrase, form, their) for form in order)
    return base, third, gerund


def _one(phrase: str, who: tuple[str, str, str], rng: random.Random, plain: bool) -> str:
    name, their, _ = who
    _, third, gerund = _forms(phrase, their)
    ways = [
        f"{name} {third}",
        f"{name} {third}",
        f"{name} is {gerund}",
        inflect(phrase, "base", "your"),
        inflect(phrase, "third", "the"),
        inflect(phrase, "gerund", "the"),
        f"{name} {gerund}",
        f"please {inflect(phrase, 'base', 'your')}",
        f"just {inflect(phrase, 'gerund', 'the')}",
    ]
    return ways[0] if plain else rng.choice(ways)


def _then(phrases: list[str], who: tuple[str, str, str], rng: random.Random, plain: bool) -> str:
    name, their, they = who
    (_, a3, a_ing), (_, b3, b_ing) = (_forms(phrase, their) for phrase in phrases)
    (a0, _, a0_ing), (b0, _, b0_ing) = (_forms(phrase, "your") for phrase in phrases)
    (_, a_bare, _), (_, b_bare, _) = (_forms(phrase, "the") for phrase in phrases)
    plural = they == "they"
    b_they = _forms(phrases[1], their)[0] if plural else b3
    ways = [
        f"{name} {a3}, then {b3}",
        f"{name} {a3} and then {b3}",
        f"{name} {a3}, and after that {b3}",
        f"{name} first {a3}, then {b3}",
        f"first {name} {a3}, afterwards {they} {b_they}",
        f"{name} {a3} before {b_ing}",
        f"{name} {a3}, followed by {b_ing}",
        f"after {a_ing}, {name} {b3}",
        f"{name} {b3} after {a_ing}",
        f"{name} {a3}; next, {they} {b_they}",
        f"{name} starts by {a_ing} and ends by {b_ing}",
        f"{name} {a3} and {b3} afterwards",
        f"{a0}, then {b0}",
        f"{a0} and then {b0}",
        f"first {a0}, then {b0}",
        f"{a0} before {b0_ing}",
        f"after {a0_ing}, {b0}",
        f"{a_bare}, then {b_bare}",
        f"{a_bare} and then {b_bare}",
        f"{a0_ing}, then {b0_ing}".replace("your", "the"),
        f"so {name} {a3} and, right after, {b3}",
    ]
    return ways[0] if plain else rng.choice(ways)


def _row(phrases: list[str], who: tuple[str, str, str], rng: random.Random, plain: bool) -> str:
    """Three acts or more."""
    name, their, _ = who
    third = [_forms(phrase, their)[1] for phrase in phrases]
    base = [_forms(phrase, "your")[0] for phrase in phrases]
    bare = [_forms(phrase, "the")[1] for phrase in phrases]
    ways = [
        f"{name} {', then '.join(third)}",
        f"{name} {', '.join(third[:-1])}, and then {third[-1]}",
        f"first {name} {third[0]}, then {', then '.join(third[1:-1])}, and finally {third[-1]}",
        f"{name} {third[0]}, after that {', '.join(third[1:-1])} and finally {third[-1]}",
        f"{', then '.join(base)}",
        f"{', '.join(base[:-1])}, and finally {base[-1]}",
        f"{', then '.join(bare)}",
    ]
    return ways[0] if plain else rng.choice(ways)


def _while(phrases: list[str], who: tuple[str, str, str], rng: random.Random, plain: bool) -> str:
    """The first phrase is the act of the legs, the second that of the upper body."""
    name, their, they = who
    (_, a3, a_ing), (_, b3, b_ing) = (_forms(phrase, their) for phrase in phrases)
    (a0, _, a0_ing), (b0, _, b0_ing) = (_forms(phrase, "your") for phrase in phrases)
    _, a_bare, _ = _forms(phrases[0], "the")
    _, _, b_the = _forms(phrases[1], "the")
    ways = [
        f"{name} {a3} while {b_ing}",
        f"{name} {b3} while {a_ing}",
        f"while {a_ing}, {name} {b3}",
        f"{name} {a3} and {b3} at the same time",
        f"{name} is {a_ing} and {b_ing}",
        f"{name} {a3}, {b_ing} at the same time",
        f"{name} {a3}, {b_ing}",
        f"{name} {a3} and meanwhile {b3}",
        f"{a0} while {b0_ing}",
        f"{b0} while {a0_ing}",
        f"{a_bare} while {b_the}",
        f"as {they} {_forms(phrases[0], their)[0] if they == 'they' else a3}, {name} {b3}",
    ]
    return ways[0] if plain else rng.choice(ways)
