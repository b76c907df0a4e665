"""The small grammar of the phrase book: verb forms, possessives, articles, and left and right as words.

Phrases are written once, in the base form, with two marks: ``*walk`` is a verb to conjugate and ``~their`` a
possessive that follows the subject ("their", "his", "your", "the").
"""

from __future__ import annotations

import re
from typing import Literal

Form = Literal["base", "third", "gerund"]

_VERB = re.compile(r"\*([a-z]+)")
_SIDE = re.compile(
    r"(?<![a-z])(?:(left|right)(?=[^a-z]|$|wards?(?![a-z])|most(?![a-z])|hand(?:ed)?(?![a-z]))"
    r"|(counter-?clockwise|anti-?clockwise|clockwise)(?![a-z]))",
    re.IGNORECASE,
)

DOUBLING = re.compile(r"(?:qu|[^aeiou])*[aeiou][^aeiouwxy]|signal")
"""Verbs whose last consonant doubles before -ing: one short vowel before one consonant."""

IRREGULAR = {"go": ("goes", "going"), "do": ("does", "doing"), "lie": ("lies", "lying"), "tie": ("ties", "tying")}


def conjugate(verb: str, form: Form) -> str:
    """One English verb from its base form: "wave" to "waves" or "waving"."""
    if form == "base":
        return verb
    if verb in IRREGULAR:
        return IRREGULAR[verb][form == "gerund"]
    if form == "third":
        if verb.endswith(("s", "sh", "ch", "x", "z")):
            return verb + "es"
        return verb[:-1] + "ies" if re.search(r"[^aeiou]y$", verb) else verb + "s"
    if DOUBLING.fullmatch(verb):
        return verb + verb[-1] + "ing"
    return verb[:-1] + "ing" if re.search(r"[^eo]e$", verb) else verb + "ing"


def inflect(phrase: str, form: Form, possessive: str) -> str:
    """A marked phrase in one verb form, with the possessive filled in."""
    return fill(_VERB.sub(lambda match: conjugate(match.group(1), form), phrase), possessive)


def fill(phrase: str, possessive: str) -> str:
    """A marked phrase without verbs, with the possessive filled in."""
    return phrase.replace("~their", possessive)


def article(noun: str) -> str:
    """ "a" or "an" before a noun group, by its first letter (this book has no "uniform" and no "hour")."""
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def mirror_sentence(text: str) -> str:
    """The sentence that is true of the mirrored motion: left <-> right, clockwise <-> counterclockwise.

    Whole words only, with their compounds ("left-hand", "the right-hand side", "leftwards"); case is kept.
    Mirroring twice gives the text back, except that "anticlockwise" comes back as "counterclockwise".
    """
    return _SIDE.sub(_swap, text)


def _swap(match: re.Match[str]) -> str:
    word = match.group(0)
    new = {"left": "right", "right": "left", "clockwise": "counterclockwise"}.get(word.lower(), "clockwise")
    if word.isupper():
        return new.upper()
    return new.capitalize() if word[0].isupper() else new
