"""Sentences of the phrase book: (action, style) to hundreds of English sentences, and their mirror images.

The words are in ``actions.toml`` and ``styles.toml``, the grammar in ``description.grammar``. Sentences are lower case,
without a full stop. A style other than ``normal`` also lists the plain sentences, which leave the style out.
"""

from __future__ import annotations

import difflib
import hashlib
import random
from collections import deque
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from kinescale.core.errors import InputError, UnknownNameError
from kinescale.data.captions.phrase_book.action import ACTIONS, CORPUS_ACTIONS, MIRRORED
from kinescale.data.captions.phrase_book.style import STYLES, Style
from kinescale.description.grammar import Form, article, fill, inflect, mirror_sentence

SUBJECTS: tuple[tuple[str, str], ...] = (
    ("a person", "their"),
    ("someone", "their"),
    ("the person", "their"),
    ("a man", "his"),
    ("a woman", "her"),
    ("a figure", "its"),
    ("a character", "its"),
    ("somebody", "their"),
    ("the figure", "its"),
    ("a human", "their"),
)
NOUNS: tuple[tuple[str, str], ...] = (
    ("person", "their"),
    ("man", "his"),
    ("woman", "her"),
    ("figure", "its"),
    ("character", "its"),
)

CORE_PHRASES = 5
CORE_WEIGHT = 4.0
FIRST_SUBJECT_WEIGHT = 3.0
"""Weights of an action's commonest phrases and of "a person" in ``pick``, relative to the rest."""

_SHORT_FORMS: tuple[tuple[Form, str], ...] = (("base", "your"), ("third", "the"), ("gerund", "the"))

FORMS: tuple[Form, ...] = ("base", "third", "gerund")
POSSESSIVES = ("your", "the", "their", "his", "her", "its")

_Forms = Mapping[tuple[str, str], str]
"""(verb form, possessive) -> the inflected phrase; cached, because every pair of action and style needs it."""

_Entry = tuple[str, str]
"""(name of the template, sentence)"""

_Groups = Mapping[str, Mapping[str, float]]
"""template -> sentence -> weight"""


def actions() -> tuple[str, ...]:
    """The action names of both Bandai-Namco sets, sorted."""
    return tuple(sorted(CORPUS_ACTIONS))


def styles() -> tuple[str, ...]:
    """The style names of both sets, sorted."""
    return tuple(sorted(STYLES))


def phrases(action: str) -> tuple[str, ...]:
    """The action's phrases in the base form, the commonest first, verbs marked ``*`` and possessives ``~their``.

    ``UnknownNameError`` for an action that the book does not have.
    """
    return ACTIONS[_known(action, ACTIONS, "action")].phrases


def sentences(action: str, style: str = "normal") -> tuple[str, ...]:
    """Every sentence of the book for an action in a style: distinct, always in the same order.

    Besides ``actions()``, the names that ``mirror_action`` gives are known. ``UnknownNameError`` for others.
    """
    book = _book(_known(action, ACTIONS, "action"), _known(style, STYLES, "style"))
    return tuple(sentence for group in book.values() for sentence in group)


def pick(action: str, style: str, key: str, count: int) -> tuple[str, ...]:
    """``count`` distinct sentences, chosen by a hash of ``key`` and spread over the templates.

    The first is plain (names no style); with a style, two styled ones follow each plain one. Common phrases
    come more often than rare ones. Fewer come back only when the whole list is shorter. ``InputError`` for a
    count below 1.
    """
    if count < 1:
        raise InputError(f"a count of {count} sentences; expected at least 1.")
    book = _book(_known(action, ACTIONS, "action"), _known(style, STYLES, "style"))
    rng = random.Random(hashlib.sha256(f"{key}\0{action}\0{style}".encode()).digest())
    left = {template: dict(group) for template, group in book.items()}
    order = sorted(left, key=lambda _: rng.random())
    plain = deque(template for template in order if template.startswith("plain"))
    styled = deque(template for template in order if not template.startswith("plain"))
    chosen: list[str] = []
    while len(chosen) < count and (plain or styled):
        turn = plain if (len(chosen) % 3 == 0 and plain) or not styled else styled
        template = turn.popleft()
        chosen.append(_draw(left[template], rng))
        if left[template]:
            turn.append(template)
    return tuple(chosen)


def mirror_action(action: str) -> str:
    """The name of the action a mirrored clip shows: ``walk-left`` to ``walk-right``, ``bow`` stays ``bow``.

    An action with a side of its own and no twin gets a name ending in "-mirrored" (``kick``, with the right
    leg in the corpus, to ``kick-mirrored``). Applying it twice gives the name back.
    """
    _known(action, ACTIONS, "action")
    if action.endswith(MIRRORED):
        return action.removesuffix(MIRRORED)
    return action + MIRRORED if action + MIRRORED in ACTIONS else mirror_sentence(action)


def _known(name: str, known: Mapping[str, object], noun: str) -> str:
    if name in known:
        return name
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    raise UnknownNameError(f"no {noun} '{name}' in the phrase book.{hint} Known: {', '.join(sorted(known))}.")


@lru_cache(maxsize=1024)
def _book(action: str, style: str) -> _Groups:
    entry, look = ACTIONS[action], STYLES[style]
    phrases = entry.phrases + (entry.overhead if look.overhead else ())
    groups: dict[str, dict[str, float]] = {}
    seen: set[str] = set()
    for number, phrase in enumerate(phrases):
        core = CORE_WEIGHT if number < CORE_PHRASES else 1.0
        forms = _forms(phrase)
        for template, sentence in [*_plain(forms, look), *_styled(forms, look, number, entry.travels)]:
            if sentence not in seen:
                seen.add(sentence)
                first = FIRST_SUBJECT_WEIGHT if sentence.startswith(SUBJECTS[0][0] + " ") else 1.0
                groups.setdefault(template, {})[sentence] = core * first
    return MappingProxyType(groups)


@lru_cache(maxsize=1024)
def _forms(phrase: str) -> _Forms:
    return {(form, their): inflect(phrase, form, their) for form in FORMS for their in POSSESSIVES}


def _plain(forms: _Forms, look: Style) -> Iterator[_Entry]:
    yield "plain-base", forms["base", "your"]
    yield "plain-bare", forms["third", "the"]
    yield "plain-gerund", forms["gerund", "the"]
    for who, their in SUBJECTS:
        if who not in look.unlike:
            yield "plain-third", f"{who} {forms['third', their]}"
            yield "plain-progressive", f"{who} is {forms['gerund', their]}"
    for who, their in SUBJECTS[:4]:
        if who not in look.unlike:
            yield "plain-noun", f"{who} {forms['gerund', their]}"


def _styled(forms: _Forms, look: Style, number: int, travels: bool) -> Iterator[_Entry]:
    """Styled sentences of one phrase; ``number`` rotates the subjects so that all get their turn."""
    subjects = [subject for subject in SUBJECTS if subject[0] not in look.unlike]
    turns = [subjects[(number + 3 * turn) % len(subjects)] for turn in range(len(subjects))]
    nouns = [noun for noun in NOUNS if f"a {noun[0]}" not in look.unlike]
    for turn, adverb in enumerate(look.adverbs):
        (who, their), (other, others) = turns[turn % len(turns)], turns[(turn + 1) % len(turns)]
        yield "adverb-before", f"{who} {adverb} {forms['third', their]}"
        yield "adverb-after", f"{other} {forms['third', others]} {adverb}"
        yield "adverb-progressive", f"{other} is {adverb} {forms['gerund', others]}"
        yield from _short("adverb", forms, adverb, number + turn)
    for turn, manner in enumerate(look.manners + (look.gait if travels else ())):
        (who, their), (other, others) = turns[turn % len(turns)], turns[(turn + 2) % len(turns)]
        yield "manner", f"{who} {forms['third', their]} {fill(manner, their)}"
        yield "manner-progressive", f"{other} is {forms['gerund', others]} {fill(manner, others)}"
        yield from _short("manner", forms, manner, number + turn)
    for turn, mood in enumerate(look.moods):
        (who, their), (other, others) = turns[turn % len(turns)], turns[(turn + 2) % len(turns)]
        yield "mood-first", f"{mood}, {who} {forms['third', their]}"
        yield "mood-last", f"{other} {forms['third', others]}, {mood}"
    for turn, adjective in enumerate(look.adjectives):
        for step in (0, 1):
            noun, their = nouns[(number + turn + 2 * step) % len(nouns)]
            who = article(f"{adjective} {noun}")
            yield "adjective", f"{who} {forms['third', their]}"
            yield "adjective-progressive", f"{who} is {forms['gerund', their]}"
    for who, their in look.people:
        yield "people", f"{who} {forms['third', their]}"
        yield "people-progressive", f"{who} is {forms['gerund', their]}"


def _short(kind: str, forms: _Forms, words: str, turn: int) -> Iterator[_Entry]:
    """One short form without a subject: imperative, bare third person or gerund, in turn."""
    form, possessive = _SHORT_FORMS[turn % 3]
    yield f"{kind}-{form}", f"{forms[form, possessive]} {fill(words, possessive)}"


def _draw(group: dict[str, float], rng: random.Random) -> str:
    """Take one sentence out of ``group``, by weight."""
    (chosen,) = rng.choices(tuple(group), tuple(group.values()))
    del group[chosen]
    return chosen
