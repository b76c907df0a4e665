"""Parser of CMU's one-line descriptions: abbreviations, lists, prefixes, run-together words, animals.

The items of a description are joined with "and" for the whole take, and with "or" for a window of it, which may show
only some of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kinescale.description.grammar import article, conjugate
from kinescale.description.phrase_sentences import listed
from kinescale.io.packaged_toml import packaged_toml, phrase_table

MOST_LISTED = 4
"""Most items of one sentence."""

_HUMAN = re.compile(r"\s*\(human subject\)")
_ASIDE = re.compile(r"\([^)]*\)|\bcleaned ?grs\b|\.amc\b", re.IGNORECASE)
_RUN_TOGETHER = re.compile(r"(?<=[a-z])(?=[A-Z])|_")
_SPLIT = re.compile(r"\s*[,;]\s*(?:and\s+)?")
_NOTHING = frozenset({"", "unknown", "no movie", "lost marker", "cleaned"})

_TABLE = packaged_toml(__package__ or "", "items.toml")
ITEMS, PREFIXES = phrase_table(_TABLE["items"]), phrase_table(_TABLE["prefixes"])
IMITATING, LASTING = tuple(_TABLE["imitating"]), frozenset(_TABLE["lasting"])
VERBS = frozenset(_TABLE["verbs"])
"""Verbs in the base form with which an item may begin."""


@dataclass(frozen=True)
class ParsedDescription:
    """A one-line description as phrases.

    Parameters
    ----------
    items : phrases for each item of the list.
    around : phrases that hold for any part of the take.
    lasting : there is one item, which goes on throughout the take.
    """

    items: tuple[tuple[str, ...], ...]
    around: tuple[str, ...]
    lasting: bool

    def phrases(self, part: bool) -> tuple[str, ...]:
        """Phrases for all of the take, or for a window of it."""
        if not self.items:
            return self.around
        if len(self.items) == 1:
            return (*self.items[0], *self.around)
        word = "or" if part else "and"
        lists = [listed([item[turn % len(item)] for item in self._some(turn)], word) for turn in range(3)]
        return tuple(dict.fromkeys((*lists, *self.around)))

    def _some(self, turn: int) -> tuple[tuple[str, ...], ...]:
        """At most ``MOST_LISTED`` items in their order; ``turn`` shifts which are chosen."""
        count = len(self.items)
        if count <= MOST_LISTED:
            return self.items
        chosen = sorted((turn + number * count // MOST_LISTED) % count for number in range(MOST_LISTED))
        return tuple(self.items[number] for number in dict.fromkeys(chosen))


def parse_description(description: str, subject: str = "") -> ParsedDescription:
    """Parse a description; ``subject`` is the description of the whole subject, for takes without one of their own."""
    text = " ".join(description.split())
    if _HUMAN.search(text):
        who = _plain(_HUMAN.sub("", text))
        named = article(who.removeprefix("insect/"))
        return ParsedDescription((tuple(one.replace("{a}", named) for one in IMITATING),), (), True)
    prefix, dash, rest = text.partition(" - ")
    around = PREFIXES.get(_plain(prefix), ()) if dash else ()
    enumerated = rest if dash and around else text
    items = [_item(_plain(item)) for item in _SPLIT.split(enumerated)]
    found = tuple(dict.fromkeys(item for item in items if item))
    if not found and not around:
        return ParsedDescription(((_subject(subject)),) if subject else (("*move about",),), (), True)
    lasting = len(found) == 1 and _plain(enumerated) in LASTING
    return ParsedDescription(found, around, lasting)


def _subject(words: str) -> tuple[str, ...]:
    known = _plain(words)
    return ITEMS["unknown dance"] if "indian dance" in known else ("*move about",)


def _plain(text: str) -> str:
    """Lower case, run-together words apart, without what stands in brackets, take numbers and quotation marks."""
    text = _RUN_TOGETHER.sub(" ", _ASIDE.sub(" ", text)).lower()
    text = re.sub(r"(?<=[a-z])\d{2,}\b", "", text)
    return " ".join(re.sub(r"[\"“”.]", "", text).split())


def _item(text: str) -> tuple[str, ...]:
    """Phrases for one item; none for an empty one."""
    if text in _NOTHING:
        return ()
    if text in ITEMS:
        return ITEMS[text]
    first, _, rest = text.partition(" ")
    base = _base(first)
    if base is not None:
        return (f"*{base} {rest}".rstrip(),)
    word = next((word for word in text.split() if _base(word) is not None and text.endswith(word)), None)
    if word is not None:
        # "drunk walk": the last word is the activity
        return (f"*do {article(text)}",)
    return (f"*perform {text}" if text.endswith("s") else f"*perform {article(text)}",)


def _base(word: str) -> str | None:
    """The base form of a verb that is known: "walking", "walks" and "walk" to "walk"."""
    stem = word.removesuffix("ing")
    plural = (word.removesuffix("s"), word.removesuffix("es"), word.removesuffix("ies") + "y")
    likely = (word, *plural, stem, stem + "e", stem[:-1], stem[:-1] + "ie")
    known = (form for form in likely if form in VERBS)
    return next((verb for verb in known if word in (verb, conjugate(verb, "third"), conjugate(verb, "gerund"))), None)
